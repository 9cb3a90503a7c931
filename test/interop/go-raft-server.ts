// A server on HashiCorp's raft library as a process: `peers/raft`.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { encodeCommand } from '../../src/fsm/raft-apply.ts';
import { KVSRequest } from '../../src/model/kv.ts';
import {
  type SeenServer,
  type ServerName,
  type Standing,
  standingOf,
  textOf,
} from './raft-server.ts';

const LINES_MAX = 2_000;
export const COMMAND_KVS = 2;

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
  | 'remove'
  | 'leave';

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
