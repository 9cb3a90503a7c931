/** Three servers of one program, as processes on addresses of their own. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  killProgram,
  NETWORK,
  type Program,
  startCommand,
  temporaryFolder,
  until,
} from '../../interop/program.ts';
import type { Door } from './door.ts';

const SERVERS = [1, 2, 3];
const ELECTION_LIMIT_MS = 60_000;
const ENDING_LIMIT_MS = 15_000;
const BUNDLE = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
const ETCD_CLIENT_PORT = 2379;
const ETCD_PEER_PORT = 2380;

export interface Kind {
  readonly name: 'mobius' | 'consul' | 'etcd';
  readonly door: Door;
  readonly port: number;
  /** Third byte of the addresses. */
  readonly subnet: number;
  command(server: number, folder: string): readonly [program: string, ...args: string[]];
  /** The address of the leader as this server knows it; '' when it knows none. */
  leader(address: string): Promise<string>;
}

export function mobiusKind(profileFolder: string | undefined): Kind {
  const profile =
    profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  return consulLike('mobius', 31, [process.execPath, ...profile, BUNDLE]);
}

export function consulKind(path: string): Kind {
  return consulLike('consul', 32, [path]);
}

function consulLike(
  name: 'mobius' | 'consul',
  subnet: number,
  program: readonly [string, ...string[]],
): Kind {
  return {
    name,
    door: 'kv',
    port: 8500,
    subnet,
    command: (server, folder) => {
      const address = addressOf(subnet, server);
      const path = join(folder, `${server}.json`);
      const config = {
        server: true,
        bootstrap_expect: SERVERS.length,
        node_name: `s${server}`,
        datacenter: 'dc1',
        data_dir: join(folder, `data-${server}`),
        bind_addr: address,
        client_addr: address,
        retry_join: SERVERS.map((one) => addressOf(subnet, one)),
        retry_interval: '1s',
        log_level: 'warn',
        performance: { raft_multiplier: 1 },
        limits: { http_max_conns_per_client: 1_000 },
        autopilot: { cleanup_dead_servers: false },
      };
      writeFileSync(path, JSON.stringify(config));
      return [...program, 'agent', '-config-file', path];
    },
    leader: async (address) => {
      const answer = await fetch(`http://${address}:8500/v1/status/leader`);
      const text = await answer.text();
      return answer.ok ? String(JSON.parse(text)).replace(/:\d+$/, '') : '';
    },
  };
}

export function etcdKind(path: string): Kind {
  const subnet = 33;
  const url = (server: number, port: number): string =>
    `http://${addressOf(subnet, server)}:${port}`;
  const cluster = SERVERS.map((one) => `s${one}=${url(one, ETCD_PEER_PORT)}`).join(',');
  return {
    name: 'etcd',
    door: 'etcd',
    port: ETCD_CLIENT_PORT,
    subnet,
    command: (server, folder) => [
      path,
      `--name=s${server}`,
      `--data-dir=${join(folder, `data-${server}`)}`,
      `--listen-peer-urls=${url(server, ETCD_PEER_PORT)}`,
      `--initial-advertise-peer-urls=${url(server, ETCD_PEER_PORT)}`,
      `--listen-client-urls=${url(server, ETCD_CLIENT_PORT)}`,
      `--advertise-client-urls=${url(server, ETCD_CLIENT_PORT)}`,
      `--initial-cluster=${cluster}`,
      '--initial-cluster-state=new',
      '--log-level=warn',
      '--logger=zap',
    ],
    leader: async (address) => {
      const answer = await fetch(`http://${address}:${ETCD_CLIENT_PORT}/v3/maintenance/status`, {
        method: 'POST',
        body: '{}',
      });
      const status = (await answer.json()) as {
        readonly header?: { readonly member_id?: string };
        readonly leader?: string;
      };
      const leads = status.leader !== undefined && status.leader === status.header?.member_id;
      return leads ? address : '';
    },
  };
}

function addressOf(subnet: number, server: number): string {
  return `${NETWORK}.${subnet}.${server}`;
}

export interface Pool {
  readonly kind: Kind;
  readonly addresses: readonly string[];
  /** Waits until there is a leader that all who say anything agree on; its address. */
  leader(): Promise<string>;
  kill(address: string): Promise<void>;
  /** Starts a killed one again. */
  restart(address: string): void;
  pids(): readonly number[];
  end(): Promise<void>;
}

export async function startPool(kind: Kind): Promise<Pool> {
  const folder = temporaryFolder();
  const running = new Map<string, Program>();
  const start = (server: number): void => {
    const [program, ...args] = kind.command(server, folder.path);
    running.set(addressOf(kind.subnet, server), startCommand(program, args));
  };
  for (const server of SERVERS) start(server);
  const pool: Pool = {
    kind,
    addresses: SERVERS.map((server) => addressOf(kind.subnet, server)),
    leader: () => agreedLeader(kind, running),
    kill: async (address) => {
      const program = running.get(address);
      running.delete(address);
      if (program !== undefined) await killProgram(program);
    },
    restart: (address) => start(Number(address.split('.').at(-1))),
    pids: () => [...running.values()].map(({ child }) => child.pid ?? 0),
    end: async () => {
      await Promise.all([...running.values()].map(endGently));
      folder.remove();
    },
  };
  await pool.leader();
  return pool;
}

async function agreedLeader(kind: Kind, running: ReadonlyMap<string, Program>): Promise<string> {
  let leader = '';
  await until(`a leader of ${kind.name}`, ELECTION_LIMIT_MS, async () => {
    const asked = [...running.keys()].map((one) => kind.leader(one).catch(() => null));
    const answers = await Promise.all(asked);
    const named = new Set(answers.filter((one) => one !== '' && one !== null));
    leader = [...named][0] ?? '';
    return !answers.includes(null) && named.size === 1 && running.has(leader);
  }).catch((error: Error) => {
    const last = [...running.values()].flatMap(({ lines }) => lines.slice(-5)).join('\n');
    throw new Error(`${error.message}\n${last}`, { cause: error });
  });
  return leader;
}

/** A process that is told to end writes its profile. */
async function endGently(program: Program): Promise<void> {
  const limit = setTimeout(() => program.child.kill('SIGKILL'), ENDING_LIMIT_MS);
  program.child.kill('SIGTERM');
  await program.ended;
  clearTimeout(limit);
}
