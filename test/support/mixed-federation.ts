/**
 * Two datacenters of one server and one mesh gateway each, whose servers are different programs. All
 * gateways, and the certificates of all, are ours.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MOBIUS = join(ROOT, 'dist/main.js');
const NETWORK = process.env['INTEROP_NETWORK'] ?? '127.66';
const GATEWAY_HOST = 100;
const WAIT_MS = 90_000;
const PAUSE_MS = 200;

export type Program = 'consul' | 'mobius';

export interface Datacenter {
  readonly name: string;
  readonly node: string;
  readonly program: Program;
  /** Base URL of the server's HTTP API. */
  readonly http: string;
  /** Everything that the server has written, line by line. */
  readonly log: string[];
}

export interface MixedFederation {
  readonly primary: Datacenter;
  readonly secondary: Datacenter;
  /** Stops or starts the gateway of a datacenter. */
  stopGateway(datacenter: Datacenter): Promise<void>;
  /** `host`: the last part of its address. */
  startGateway(datacenter: Datacenter, host?: number): void;
  /** Kills the server, as by a power loss, and starts it again. */
  restartServer(datacenter: Datacenter): Promise<void>;
  stop(): Promise<void>;
}

export interface MixedFederationOptions {
  /** The real program. */
  readonly consul: string;
  /** Programs of the servers: first the primary's. */
  readonly programs: readonly [Program, Program];
}

export function startMixedFederation(options: MixedFederationOptions): MixedFederation {
  execFileSync(process.execPath, ['src/build.mjs', '--if-needed'], { cwd: ROOT });
  const folder = mkdtempSync(join(tmpdir(), 'mobius-mixed-'));
  makeCertificates(folder);
  const encrypt = randomBytes(32).toString('base64');
  const children = new Map<string, ChildProcess>();
  const datacenters = options.programs.map((program, at) =>
    prepareServer({ folder, encrypt, program, number: at + 1 }),
  );
  const [primary, secondary] = datacenters as [Datacenter, Datacenter];
  const startServer = (datacenter: Datacenter): void => {
    const args = ['agent', `-config-file=${join(folder, `${datacenter.name}.json`)}`];
    const child =
      datacenter.program === 'consul'
        ? spawn(options.consul, args)
        : spawn(process.execPath, [MOBIUS, ...args]);
    collectLines(child, datacenter.log);
    children.set(datacenter.name, child);
  };
  const startGateway = (datacenter: Datacenter, host = GATEWAY_HOST): void => {
    const number = datacenters.indexOf(datacenter) + 1;
    const address = `${NETWORK}.${number}.${host}`;
    children.set(`gateway${number}`, startGatewayProcess(address, datacenter));
  };
  for (const datacenter of datacenters) startServer(datacenter);
  const stopGateway = (datacenter: Datacenter): Promise<void> =>
    end(children.get(`gateway${datacenters.indexOf(datacenter) + 1}`));
  for (const datacenter of datacenters) startGateway(datacenter);
  return {
    primary,
    secondary,
    startGateway,
    stopGateway,
    restartServer: async (datacenter) => {
      await end(children.get(datacenter.name));
      startServer(datacenter);
    },
    stop: async () => {
      await Promise.all([...children.values()].map(end));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks until the answer satisfies; rejects with the last answer otherwise. */
export async function untilHolds(
  datacenter: Datacenter,
  path: string,
  holds: (body: unknown) => boolean,
  waitMs = WAIT_MS,
): Promise<void> {
  const giveUpAt = performance.now() + waitMs;
  let last = '';
  while (performance.now() < giveUpAt) {
    const answer = await ask(datacenter, path).catch((error: unknown) => ({
      status: 0,
      text: String(error),
    }));
    last = `${answer.status} ${answer.text}`;
    if (answer.status === 200 && holds(JSON.parse(answer.text))) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  const log = datacenter.log.slice(-40).join('\n');
  throw new Error(`${datacenter.name} ${path} is still ${last}\n${log}`);
}

export async function ask(
  datacenter: Datacenter,
  path: string,
  body?: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const request = body === undefined ? {} : { method: 'PUT', body };
  const response = await fetch(`${datacenter.http}${path}`, request);
  return { status: response.status, text: await response.text() };
}

function serverAddress(number: number): string {
  return `${NETWORK}.${number}.1`;
}

function makeCertificates(folder: string): void {
  const tls = join(folder, 'tls');
  mkdirSync(tls);
  const run = (...args: string[]): unknown =>
    execFileSync(process.execPath, [MOBIUS, 'tls', ...args], { cwd: tls });
  run('ca', 'create');
  for (const number of [1, 2]) {
    run('cert', 'create', '-server', '-dc', `dc${number}`, '-node', `server${number}`);
  }
}

interface ServerPlan {
  readonly folder: string;
  readonly encrypt: string;
  readonly program: Program;
  readonly number: number;
}

function prepareServer(plan: ServerPlan): Datacenter {
  const { folder, number, program } = plan;
  const [name, node, address] = [`dc${number}`, `server${number}`, serverAddress(number)];
  const data = join(folder, name);
  mkdirSync(data);
  const config = {
    node_name: node,
    datacenter: name,
    primary_datacenter: 'dc1',
    data_dir: data,
    server: true,
    bootstrap_expect: 1,
    bind_addr: address,
    advertise_addr_wan: address,
    client_addr: address,
    encrypt: plan.encrypt,
    log_level: 'info',
    disable_update_check: true,
    ca_file: join(folder, 'tls/consul-agent-ca.pem'),
    cert_file: join(folder, `tls/${name}-server-consul-0.pem`),
    key_file: join(folder, `tls/${name}-server-consul-0-key.pem`),
    verify_incoming_rpc: true,
    verify_outgoing: true,
    verify_server_hostname: true,
    connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
    ports: { dns: -1 },
    performance: { raft_multiplier: 1 },
    ...(number === 1
      ? {}
      : { primary_gateways: [`${NETWORK}.1.${GATEWAY_HOST}:8444`], retry_interval_wan: '3s' }),
  };
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(config));
  return { name, node, program, log: [], http: `http://${address}:8500` };
}

function startGatewayProcess(address: string, { http }: Datacenter): ChildProcess {
  const where = ['-address', `${address}:8443`, '-wan-address', `${address}:8444`];
  const args = ['connect', 'gateway', '-gateway=mesh', '-register', '-expose-servers', ...where];
  return spawn(process.execPath, [MOBIUS, ...args, '-http-addr', http], { stdio: 'ignore' });
}

function collectLines(child: ChildProcess, lines: string[]): void {
  let rest = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
    });
  }
}

function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve();
  }
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.kill('SIGKILL');
  return ended;
}
