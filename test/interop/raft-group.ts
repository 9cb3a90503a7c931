// Servers of one raft group as processes: ours, and those on HashiCorp's library.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { encodeCommand } from '../../src/fsm/raft-apply.ts';
import { KVSRequest } from '../../src/model/kv.ts';
import {
  killProgram,
  NETWORK,
  type Program,
  startCommand,
  startProgram,
  until,
} from './program.ts';

const ANSWER_LIMIT_MS = 15_000;
/** A server that has not heard its leader yet asks it, and those of Go answer nothing. */
const STALE_LIMIT_MS = 1_000;
const LINES_MAX = 2_000;
const WRITERS = 32;
export const COMMAND_KVS = 2;

/** Snapshots often, and little of the log kept behind them. */
export const COMPACTING = {
  raft_snapshot_threshold: 30,
  raft_snapshot_interval: '500ms',
  raft_trailing_logs: 5,
};

/** A server of the configuration in force, as whoever was asked sees it. */
export interface SeenServer {
  readonly ID: string;
  readonly Address: string;
  readonly Suffrage: string;
}

/** Where a server stands in its group. */
export interface Standing {
  readonly state: string;
  readonly term: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly snapshotIndex: number;
}

/** The `number`th server of the group `group`: every one has an address of its own. */
export interface ServerName {
  readonly id: string;
  readonly node: string;
  readonly host: string;
  /** Where it speaks raft. */
  readonly address: string;
}

export function serverName(group: number, number: number): ServerName {
  const host = `${NETWORK}.${group}.${number}`;
  const last = `${group}${String(number).padStart(2, '0')}`.padStart(12, '0');
  return {
    id: `00000000-0000-4000-8000-${last}`,
    node: `s${group}-${number}`,
    host,
    address: `${host}:8300`,
  };
}

function standingOf(stats: Readonly<Record<string, string>>): Standing {
  return {
    state: stats['state'] ?? '',
    term: Number(stats['term']),
    lastIndex: Number(stats['last_log_index']),
    commitIndex: Number(stats['commit_index']),
    snapshotIndex: Number(stats['last_snapshot_index']),
  };
}

/** A server with Consul's HTTP API: ours, or a real one that `command` starts. */
export class HttpServer {
  readonly name: ServerName;
  readonly #start: () => Program;
  #program: Program | undefined;

  constructor(name: ServerName, start: () => Program) {
    this.name = name;
    this.#start = start;
  }

  up(): void {
    this.#program = this.#start();
  }

  async kill(): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    if (program !== undefined) await killProgram(program);
  }

  /** Stops the process in the middle of what it does, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#program?.child.kill(signal);
  }

  /** What it has said since its last start. */
  get lines(): readonly string[] {
    return this.#program?.lines ?? [];
  }

  /** Status 0 when there was no answer. */
  async ask(
    path: string,
    put?: string,
    limitMs = ANSWER_LIMIT_MS,
  ): Promise<{ status: number; text: string }> {
    try {
      const answer = await fetch(`http://${this.name.host}:8500${path}`, {
        signal: AbortSignal.timeout(limitMs),
        ...(put !== undefined && { method: 'PUT', body: put }),
      });
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }

  /** Whether the write was acknowledged. */
  async put(key: string, value: string): Promise<boolean> {
    const { status, text } = await this.ask(`/v1/kv/${key}`, value);
    return status === 200 && text.trim() === 'true';
  }

  /** Keys and values below `prefix`, as this very server has them. */
  async keys(prefix: string): Promise<ReadonlyMap<string, string>> {
    const { status, text } = await this.ask(
      `/v1/kv/${prefix}?recurse&stale`,
      undefined,
      STALE_LIMIT_MS,
    );
    if (status !== 200) return new Map();
    const rows = JSON.parse(text) as readonly { Key: string; Value: string | null }[];
    return new Map(rows.map((row) => [row.Key, textOf(row.Value)]));
  }

  async #stats(): Promise<Readonly<Record<string, string>>> {
    const { status, text } = await this.ask('/v1/agent/self');
    if (status !== 200) return {};
    const self = JSON.parse(text) as { Stats: { raft: Readonly<Record<string, string>> } };
    return self.Stats.raft;
  }

  async standing(): Promise<Standing> {
    return standingOf(await this.#stats());
  }

  async servers(): Promise<readonly SeenServer[]> {
    const stats = await this.#stats();
    const text = stats['latest_configuration'] ?? '';
    const found = text.matchAll(/\{Suffrage:(\w+) ID:(\S+) Address:([^}]+)\}/g);
    return [...found].map(([, Suffrage, ID, Address]) => ({
      ID: ID ?? '',
      Address: Address ?? '',
      Suffrage: Suffrage ?? '',
    }));
  }
}

/** A server of ours, with everything that it writes below `folder`. */
export function ourServer(folder: string, name: ServerName, more: object): HttpServer {
  const file = configFile(folder, name, more);
  return new HttpServer(name, () => startProgram(['agent', '-config-file', file]));
}

/** A server of Consul's own, likewise. */
export function consulServer(
  consul: string,
  folder: string,
  name: ServerName,
  more: object,
): HttpServer {
  const file = configFile(folder, name, { disable_update_check: true, ...more });
  return new HttpServer(name, () => startCommand(consul, ['agent', '-config-file', file]));
}

function configFile(folder: string, name: ServerName, more: object): string {
  const data = join(folder, name.node);
  mkdirSync(data);
  const file = join(folder, `${name.node}.json`);
  const config = {
    server: true,
    node_name: name.node,
    node_id: name.id,
    datacenter: 'dc1',
    data_dir: data,
    bind_addr: name.host,
    client_addr: name.host,
    performance: { raft_multiplier: 1 },
    ports: { dns: -1 },
    ...more,
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

export interface Header {
  readonly Version: number;
  readonly ID: string;
  readonly Address: string;
}

export interface Reply {
  readonly Header: Header;
  readonly Term: number;
  readonly Granted: boolean;
}

interface Answers {
  readonly state: {
    readonly State: string;
    readonly Leader: string;
    readonly Stats: Readonly<Record<string, string>>;
  };
  readonly configuration: {
    readonly Index: number;
    readonly Servers: readonly SeenServer[];
  };
  readonly apply: readonly { readonly Index: number; readonly Error: string }[];
  readonly commands: {
    /** Snapshots restored. */
    readonly Restored: number;
    readonly Commands: readonly { readonly Index: number; readonly Data: string }[];
  };
  readonly keys: Readonly<Record<string, string>>;
  readonly counts: {
    readonly Numbers: Readonly<Record<string, number>>;
    readonly Headers: Readonly<Record<string, Header>>;
  };
  readonly ask: Reply;
}

type Verb =
  | keyof Answers
  | 'bootstrap'
  | 'barrier'
  | 'verify'
  | 'snapshot'
  | 'transfer'
  | 'add-voter'
  | 'add-nonvoter'
  | 'demote'
  | 'remove';

type Answer<V extends Verb> = V extends keyof Answers ? Answers[V] : null;

interface Order {
  readonly Server?: string;
  readonly Address?: string;
  readonly PrevIndex?: number;
  readonly Commands?: readonly string[];
  /** Index of an entry of the log. */
  readonly Behind?: number;
  readonly Question?: {
    readonly Kind: 'vote' | 'pre-vote' | 'heartbeat';
    readonly Version: number;
    readonly Term: number;
    readonly Self: string;
  };
}

interface Line {
  readonly ID: number;
  readonly Error: string;
  readonly Value: unknown;
}

const peers = new Set<GoServer>();
process.on('exit', () => {
  for (const peer of peers) peer.process.kill('SIGKILL');
});

/** A server on HashiCorp's library: `peers/raft`. It keeps everything in memory. */
export class GoServer {
  readonly name: ServerName;
  readonly process: ChildProcessWithoutNullStreams;
  readonly lines: string[] = [];
  readonly #waiting = new Map<number, (line: Line) => void>();
  #orders = 0;

  private constructor(name: ServerName, process: ChildProcessWithoutNullStreams) {
    this.name = name;
    this.process = process;
    peers.add(this);
    createInterface(process.stdout).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      this.#waiting.get(line.ID)?.(line);
      this.#waiting.delete(line.ID);
    });
    createInterface(process.stderr).on('line', (text) => {
      this.lines.push(text);
      if (this.lines.length > LINES_MAX) this.lines.shift();
    });
    process.on('close', () => {
      peers.delete(this);
      const gone = { Error: `${name.node} has ended`, Value: null };
      for (const [ID, settle] of this.#waiting) settle({ ID, ...gone });
      this.#waiting.clear();
    });
    process.stdin.on('error', () => {});
  }

  get running(): boolean {
    return peers.has(this);
  }

  /** Starts it and resolves when it listens. */
  static async start(program: string, name: ServerName, more: object = {}): Promise<GoServer> {
    const options = {
      ID: name.id,
      Name: name.node,
      Address: name.address,
      Datacenter: 'dc1',
      TrailingLogs: 4,
      ...more,
    };
    const server = new GoServer(name, spawn(program, [JSON.stringify(options)]));
    const ready = await new Promise<Line>((resolve) => server.#waiting.set(0, resolve));
    if (ready.Error !== '') throw new Error([ready.Error, ...server.lines].join('\n'));
    return server;
  }

  /** Rejects with what the library says against it. */
  async tell<V extends Verb>(verb: V, order: Order = {}): Promise<Answer<V>> {
    this.#orders += 1;
    const id = this.#orders;
    const line = await new Promise<Line>((resolve) => {
      if (!this.running) resolve({ ID: id, Error: `${this.name.node} has ended`, Value: null });
      this.#waiting.set(id, resolve);
      this.process.stdin.write(`${JSON.stringify({ ID: id, Verb: verb, ...order })}\n`);
    });
    if (line.Error !== '') throw new Error(line.Error);
    return line.Value as Answer<V>;
  }

  async standing(): Promise<Standing> {
    return standingOf((await this.tell('state')).Stats);
  }

  async servers(): Promise<readonly SeenServer[]> {
    return (await this.tell('configuration')).Servers;
  }

  /** Applies a key for each of `keys`; the indexes of those that were acknowledged. */
  async set(keys: Iterable<readonly [string, string]>): Promise<readonly number[]> {
    const commands = [...keys].map(([key, value]) =>
      Buffer.from(setCommand(key, value)).toString('base64'),
    );
    const outcomes = await this.tell('apply', { Commands: commands });
    return outcomes.filter(({ Error: error }) => error === '').map(({ Index }) => Index);
  }

  async keys(prefix: string): Promise<ReadonlyMap<string, string>> {
    const keys = Object.entries(await this.tell('keys'));
    return new Map(
      keys.filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key, textOf(value)]),
    );
  }

  async kill(): Promise<void> {
    if (!this.running) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'close');
  }
}

export type RaftServer = HttpServer | GoServer;

function textOf(base64: string | null): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}

/** Consul's command that sets a key, as its leader would write it. */
export function setCommand(key: string, value: string): Uint8Array {
  return encodeCommand(COMMAND_KVS, KVSRequest, {
    Datacenter: 'dc1',
    Op: 'set',
    DirEnt: {
      LockIndex: 0,
      Key: key,
      Flags: 0n,
      Value: Buffer.from(value),
      Session: '',
      CreateIndex: 0,
      ModifyIndex: 0,
    },
    Token: '',
  });
}

/** `count` keys below `prefix`, each with a value of its own. */
export function numbered(prefix: string, count: number): ReadonlyMap<string, string> {
  const numbers = Array.from({ length: count }, (_, number) => number);
  return new Map(numbers.map((number) => [`${prefix}/${number}`, `${prefix} value ${number}`]));
}

/** The one that leads, once there is one that all of these would name. */
export async function leaderOf(
  servers: readonly RaftServer[],
  limitMs = 20_000,
): Promise<RaftServer> {
  let leader: RaftServer | undefined;
  await until(`a leader among ${servers.map(({ name }) => name.node)}`, limitMs, async () => {
    const standings = await Promise.all(servers.map((server) => server.standing()));
    const terms = new Set(standings.map(({ term }) => term));
    leader = servers[standings.findIndex(({ state }) => state === 'Leader')];
    return leader !== undefined && terms.size === 1;
  });
  return leader as RaftServer;
}

export async function leads(server: RaftServer, limitMs = 20_000): Promise<void> {
  await until(`${server.name.node} leads`, limitMs, async () => {
    return (await server.standing()).state === 'Leader';
  });
}

/** Until a server has a snapshot, taken or received, of more than the log up to `index`. */
export async function snapshotBehind(server: RaftServer, index: number): Promise<void> {
  await until(`a snapshot of ${server.name.node} behind ${index}`, 20_000, async () => {
    return (await server.standing()).snapshotIndex > index;
  });
}

/** Until a server has these keys below `prefix`. */
export async function holds(
  server: RaftServer,
  prefix: string,
  keys: ReadonlyMap<string, string>,
  limitMs = 20_000,
): Promise<void> {
  let missing: readonly string[] = [];
  await until(`${server.name.node} holds all of ${prefix}`, limitMs, async () => {
    const held = await server.keys(prefix);
    missing = [...keys].filter(([key, value]) => held.get(key) !== value).map(([key]) => key);
    return missing.length === 0;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: missing ${missing.length}: ${missing.slice(0, 5)}`);
  });
}

/** Until all see the same configuration: `suffrages` by node name. */
export async function configured(
  servers: readonly RaftServer[],
  members: readonly (readonly [ServerName, 'Voter' | 'Nonvoter'])[],
): Promise<void> {
  const wanted = JSON.stringify(
    members.map(([{ id, address }, suffrage]) => [id, address, suffrage]).sort(),
  );
  let seen: readonly string[] = [];
  await until('the same configuration everywhere', 20_000, async () => {
    const lists = await Promise.all(servers.map((server) => server.servers()));
    seen = lists.map((list) =>
      JSON.stringify(list.map(({ ID, Address, Suffrage }) => [ID, Address, Suffrage]).sort()),
    );
    return seen.every((one) => one === wanted);
  }).catch((error: Error) => {
    throw new Error([error.message, `wanted ${wanted}`, ...seen].join('\n'));
  });
}

/** Writes all keys, some at a time; rejects when one is not acknowledged. */
export async function writeAll(
  server: HttpServer,
  keys: ReadonlyMap<string, string>,
): Promise<void> {
  const left = keys.entries();
  const writeOn = async (): Promise<void> => {
    for (const [key, value] of left) {
      if (!(await server.put(key, value))) throw new Error(`${key} was not acknowledged`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writeOn));
}

/** What all have said since their last start, when `INTEROP_LOGS` asks for it. */
export function tellLogs(servers: readonly RaftServer[]): void {
  if (process.env['INTEROP_LOGS'] === undefined) return;
  for (const { name, lines } of servers) {
    process.stdout.write(`--- ${name.node}\n${lines.join('\n')}\n`);
  }
}

/** Writes one key after the other until it is ended, and remembers what was acknowledged. */
export class Writer {
  readonly acknowledged = new Map<string, string>();
  readonly prefix: string;
  readonly #done: Promise<void>;
  #ended = false;

  constructor(prefix: string, write: (key: string, value: string) => Promise<boolean>) {
    this.prefix = prefix;
    const run = async (): Promise<void> => {
      for (let number = 0; !this.#ended; number += 1) {
        const [key, value] = [`${prefix}/${number}`, `value ${number}`];
        if (await write(key, value).catch(() => false)) this.acknowledged.set(key, value);
        else await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    this.#done = run();
  }

  end(): Promise<void> {
    this.#ended = true;
    return this.#done;
  }
}
