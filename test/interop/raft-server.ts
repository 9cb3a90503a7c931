// A server of a raft group as tests see it, and servers with Consul's HTTP API: ours and real ones.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killProgram, NETWORK, type Program, startCommand, startProgram } from './program.ts';

const ANSWER_LIMIT_MS = 15_000;
/** A server that has not heard its leader yet asks it, and those of Go answer nothing. */
const STALE_LIMIT_MS = 1_000;
/** Of a process that ended by itself. */
const LAST_LINES = 30;

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

/** From the figures that the library keeps. */
export function standingOf(stats: Readonly<Record<string, string>>): Standing {
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

  /** Of the process that runs. */
  get pid(): number | undefined {
    return this.#program?.child.pid;
  }

  /** How it ended and its last words, when it did so although nobody has killed it. */
  get fallen(): string | undefined {
    const child = this.#program?.child;
    const end = child?.exitCode ?? child?.signalCode ?? undefined;
    if (end === undefined) return undefined;
    return `${this.name.node}: ${end}: ${this.lines.slice(-LAST_LINES).join('\n')}`;
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

  async #stats(limitMs?: number): Promise<Readonly<Record<string, string>>> {
    const { status, text } = await this.ask('/v1/agent/self', undefined, limitMs);
    if (status !== 200) return {};
    const self = JSON.parse(text) as { Stats: { raft: Readonly<Record<string, string>> } };
    return self.Stats.raft;
  }

  async standing(limitMs?: number): Promise<Standing> {
    return standingOf(await this.#stats(limitMs));
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

export function textOf(base64: string | null): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}
