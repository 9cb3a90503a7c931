/** Real agents as child processes, started as the recordings' profiles say. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sendRequest } from './client.ts';
import type { Target } from './replay.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const READY_TIMEOUT_MS = 40_000;
const LOG_CHARACTERS_MAX = 4_000;

const PORT_NAMES = ['http', 'dns', 'server', 'serf_lan', 'serf_wan', 'grpc'] as const;
type Ports = Readonly<Record<(typeof PORT_NAMES)[number], number>>;

export interface RunningAgents {
  readonly target: Target;
  stop(): Promise<void>;
}

/** Builds the program unless it is up to date. */
export function buildProgram(): void {
  execFileSync(process.execPath, ['src/build.mjs', '--if-needed'], { cwd: ROOT });
}

/** One server, `dc1`/`golden1`. */
export function startBaseProfile(): Promise<RunningAgents> {
  return startLoneServer({});
}

/** The same with gossip encryption. */
export function startKeyringProfile(): Promise<RunningAgents> {
  return startLoneServer({ encrypt: 'pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=' });
}

async function startLoneServer(more: Readonly<Record<string, unknown>>): Promise<RunningAgents> {
  const one = await startAgent('dc1', 1, more);
  return finish([one], async () => {
    await one.until('/v1/status/leader', (text) => text !== '""');
    await one.until(
      '/v1/catalog/node/golden1',
      (text) => text.includes('"consul"') && text.includes('segment'),
    );
    await one.until('/v1/internal/federation-states', (text) => text.includes('dc1'));
  });
}

/** Two datacenters that share a WAN pool; requests go to the first. */
export async function startWanProfile(): Promise<RunningAgents> {
  const one = await startAgent('dc1', 1, {});
  const two = await startAgent('dc2', 2, {
    primary_datacenter: 'dc1',
    retry_join_wan: [`127.0.0.1:${one.ports.serf_wan}`],
    retry_interval_wan: '1s',
  });
  return finish([one, two], async () => {
    const both = (text: string): boolean => text.includes('dc1') && text.includes('dc2');
    await one.until('/v1/catalog/datacenters', both);
    await one.until('/v1/internal/federation-states', both);
    await one.until('/v1/internal/federation-states?dc=dc2', both);
    await one.until('/v1/connect/ca/roots?dc=dc2', (text) => text.includes('CERTIFICATE'));
    const synced = (text: string): boolean => text.includes('consul-network-segment');
    await one.until('/v1/catalog/nodes', synced);
    await one.until('/v1/catalog/nodes?dc=dc2', synced);
  });
}

interface Agent {
  readonly ports: Ports;
  readonly number: number;
  readonly folder: string;
  readonly child: ChildProcess;
  readonly log: () => string;
  /** Asks until the answer is 200 and holds what is wanted. */
  until(path: string, holds: (text: string) => boolean): Promise<void>;
}

async function finish(
  agents: readonly Agent[],
  ready: () => Promise<void>,
): Promise<RunningAgents> {
  const stop = async (): Promise<void> => {
    await Promise.all(agents.map(stopAgent));
  };
  try {
    await ready();
  } catch (error) {
    await stop();
    const logs = agents.map((agent) => agent.log().slice(-LOG_CHARACTERS_MAX)).join('\n---\n');
    throw new Error(`agents did not get ready: ${error}\n${logs}`);
  }
  const [first] = agents;
  const variables = Object.assign({}, ...agents.map(variablesOf)) as Target['variables'];
  return {
    stop,
    target: { baseUrl: `http://127.0.0.1:${first?.ports.http}`, variables },
  };
}

function variablesOf({ ports, number }: Agent): Readonly<Record<string, string>> {
  const ending = number === 1 ? '' : String(number);
  return {
    [`dc${ending}`]: `dc${number}`,
    [`node${ending}`]: `golden${number}`,
    [`node_id${ending}`]: nodeId(number),
    [`http_port${ending}`]: String(ports.http),
    [`dns_port${ending}`]: String(ports.dns),
    [`rpc_port${ending}`]: String(ports.server),
    [`serf_lan_port${ending}`]: String(ports.serf_lan),
    [`serf_wan_port${ending}`]: String(ports.serf_wan),
    [`grpc_port${ending}`]: String(ports.grpc),
  };
}

function nodeId(number: number): string {
  return `${String(number).repeat(8)}-2222-4333-8444-555555555555`;
}

async function startAgent(
  datacenter: string,
  number: number,
  more: Readonly<Record<string, unknown>>,
): Promise<Agent> {
  const ports = await freePorts();
  const folder = mkdtempSync(join(tmpdir(), 'mobius-replay-'));
  mkdirSync(join(folder, 'data'));
  const config = {
    server: true,
    bootstrap: true,
    datacenter,
    node_name: `golden${number}`,
    node_id: nodeId(number),
    bind_addr: '127.0.0.1',
    advertise_addr: '127.0.0.1',
    client_addr: '127.0.0.1',
    ports,
    connect: { enabled: true },
    disable_update_check: true,
    performance: { raft_multiplier: 1 },
    data_dir: join(folder, 'data'),
    ...more,
  };
  writeFileSync(join(folder, 'agent.json'), JSON.stringify(config));
  const program = [join(ROOT, 'dist/main.js'), 'agent', '-config-file', join(folder, 'agent.json')];
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-100_000);
    });
  }
  const until = async (path: string, holds: (text: string) => boolean): Promise<void> => {
    const giveUpAt = performance.now() + READY_TIMEOUT_MS;
    let last = '';
    while (performance.now() < giveUpAt) {
      last = await ask(ports.http, path);
      if (holds(last)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${path} is still ${last}`);
  };
  return { ports, number, folder, child, log: () => log, until };
}

async function ask(port: number, path: string): Promise<string> {
  const request = { method: 'GET', path, headers: {}, body: null, framing: 'length' } as const;
  try {
    const answer = await sendRequest(`http://127.0.0.1:${port}`, request);
    return answer.status === 200 ? answer.body.toString() : '""';
  } catch {
    return '""';
  }
}

async function stopAgent({ child, folder }: Agent): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Free at this moment; nobody else should take them in the next. */
async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(
    PORT_NAMES.map(async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return Object.fromEntries(PORT_NAMES.map((name, at) => [name, ports[at]])) as Ports;
}
