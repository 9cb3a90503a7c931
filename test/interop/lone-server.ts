// One server by itself, with good and bad certificates at hand: for tests of what it refuses.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCa, createCertificate, type Issued } from '../../src/tls/pki/certificate.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import {
  type Ending,
  killProgram,
  NETWORK,
  type Program,
  startProgram,
  temporaryFolder,
  until,
} from './program.ts';

const world = createNodeWorld();
const temporary = temporaryFolder();
export const folder = temporary.path;
const started = new Set<Program>();

export const GOSSIP_KEY = Buffer.alloc(32, 1).toString('base64');
export const OTHER_KEY = Buffer.alloc(32, 2).toString('base64');
const REFUSAL_LIMIT_MS = 15_000;

export function file(name: string, content: string | object): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const making = () => ({ random: world.random, nowMs: world.clock.now() });

function authority(name: string): Issued {
  const ca = createCa({ days: 30 }, making());
  file(`${name}.pem`, ca.certPem);
  return ca;
}

function certificate(name: string, ca: Issued, dnsNames: readonly string[]): void {
  const request = {
    commonName: dnsNames[0] ?? '',
    days: 30,
    dnsNames,
    ipAddresses: ['127.0.0.1'],
    extendedUsage: ['serverAuth', 'clientAuth'] as const,
  };
  const issued = createCertificate(request, ca, making());
  file(`${name}.pem`, issued.certPem);
  file(`${name}-key.pem`, issued.keyPem);
}

const own = authority('ca');
const foreign = authority('other-ca');
certificate('good', own, ['n1.server.dc1.consul', 'server.dc1.consul', 'localhost']);
certificate('second', own, ['n2.server.dc1.consul', 'server.dc1.consul', 'localhost']);
certificate('nameless', own, ['server.dc1.consul', 'localhost']);
certificate('elsewhere', own, ['n2.server.dc2.consul', 'server.dc2.consul', 'localhost']);
certificate('foreign', foreign, ['n2.server.dc1.consul', 'server.dc1.consul', 'localhost']);

export const tlsOf = (name: string, ca = 'ca') => ({
  ca_file: join(folder, `${ca}.pem`),
  cert_file: join(folder, `${name}.pem`),
  key_file: join(folder, `${name}-key.pem`),
  verify_incoming_rpc: true,
  verify_outgoing: true,
  verify_server_hostname: true,
});

/** A server of its own address; `host` is the last byte. */
export function serverConfig(host: number, more: object = {}): Readonly<Record<string, unknown>> {
  const address = `${NETWORK}.9.${host}`;
  return {
    server: true,
    bootstrap_expect: 1,
    node_name: `n${host}`,
    datacenter: 'dc1',
    data_dir: join(folder, `data-${host}`),
    bind_addr: address,
    client_addr: address,
    performance: { raft_multiplier: 1 },
    ...more,
  };
}

let files = 0;
export function withConfig(config: object): readonly string[] {
  files += 1;
  return ['agent', '-config-file', file(`config-${files}.json`, config)];
}

export function start(args: readonly string[]): Program {
  const program = startProgram(args);
  started.add(program);
  return program;
}

export async function end(program: Program): Promise<void> {
  started.delete(program);
  await killProgram(program);
}

/** Runs what must be refused; ends it after a while, so that it shows when it is not. */
export async function refused(
  args: readonly string[],
): Promise<Ending & { lines: readonly string[] }> {
  const program = start(args);
  const limit = setTimeout(() => program.child.kill('SIGKILL'), REFUSAL_LIMIT_MS);
  const ending = await program.ended;
  clearTimeout(limit);
  started.delete(program);
  return { ...ending, lines: program.lines.filter((line) => line.trim() !== '') };
}

export function url(host: number, path: string): string {
  return `http://${NETWORK}.9.${host}:8500${path}`;
}

export async function leads(host: number): Promise<void> {
  await until(`n${host} leads`, 20_000, async () => {
    const answer = await fetch(url(host, '/v1/status/leader')).catch(() => undefined);
    return answer?.ok === true && (await answer.text()) !== '""';
  });
}

export async function put(host: number, key: string, value: string | Buffer): Promise<number> {
  const body = new Uint8Array(Buffer.from(value));
  const answer = await fetch(url(host, `/v1/kv/${key}`), { method: 'PUT', body });
  await answer.text();
  return answer.status;
}

/** Ends what runs and forgets what it kept. */
export async function endAll(): Promise<void> {
  for (const program of [...started]) await end(program);
  for (const host of [1, 2]) rmSync(join(folder, `data-${host}`), { recursive: true, force: true });
}

export function removeFolder(): void {
  temporary.remove();
}
