/** One raft node with a small state machine, on any world. */

import { createActor } from 'xstate';
import { createBus } from '../../../actors/bus.ts';
import { createRaft } from '../../../actors/raft/raft.ts';
import { consulSettings, type RaftSettings } from '../../../machines/raft/limits.ts';
import type { CommittedEntry } from '../../../machines/routes/raft.ts';
import type { Consensus, RaftView } from '../../../src/consensus/consensus.ts';
import { type Log, silentLog } from '../../../src/log.ts';
import type { ByteStream, World } from '../../../src/world/world.ts';

/** Real disks of busy machines take their time. */
const LIMIT_MS = 20_000;

export interface NodeOptions {
  readonly world: World;
  readonly directory: string;
  readonly id: string;
  readonly address: string;
  readonly seed: number;
  readonly log?: Log;
  readonly settings?: RaftSettings;
  readonly dial?: (peer: { readonly id: string; readonly address: string }) => Promise<ByteStream>;
  readonly segmentBytesMax?: number;
}

export interface TestNode {
  readonly consensus: Consensus;
  /** Commands applied, in order, as text, pieces with ` of <extensions>`; survives as the state machine's snapshot. */
  readonly applied: readonly string[];
  readonly views: readonly RaftView[];
  /** Error that ended the actor. */
  readonly error: () => unknown;
  accept(stream: ByteStream): void;
  stop(): Promise<void>;
  /** Ends it without a word, as a crash does. */
  crash(): void;
}

/** The state machine answers each command with `ok <index>`. */
export function startRaftNode(options: NodeOptions): TestNode {
  const { world } = options;
  const log = options.log ?? silentLog;
  const bus = createBus({ clock: world.clock, log });
  let applied: string[] = [];
  const views: RaftView[] = [];
  const fsm = bus.postFor('fsm');
  bus.receive<'entries.committed' | 'state.freeze' | 'state.restore'>('fsm', (message) => {
    if (message.type === 'entries.committed') {
      const responses = message.entries.map((entry) => applyOne(applied, entry));
      const { throughIndex } = message;
      fsm.send('raft', { type: 'entries.applied', throughIndex, responses });
    } else if (message.type === 'state.freeze') {
      const frozen = JSON.stringify(applied);
      message.reply.answer({ index: 0, chunks: pieces(frozen), release: () => {} });
    } else {
      readAll(message.chunks).then(
        (text) => {
          applied = JSON.parse(text) as string[];
          message.reply.answer(null);
        },
        (error: Error) => message.reply.refuse(error),
      );
    }
  });
  bus.receive<'raft.changed' | 'leadership.gained' | 'leadership.lost'>('server', (message) => {
    if (message.type === 'raft.changed') views.push(message.view);
  });
  bus.receive('rpc-router', () => {});
  bus.receive('leader-duties', () => {});
  const { logic, consensus } = createRaft({
    world,
    post: bus.postFor('raft'),
    consensusPost: bus.postFor('consensus'),
    log,
    directory: options.directory,
    self: { id: options.id, address: options.address },
    dial: options.dial ?? (() => Promise.reject(new Error('nobody to dial'))),
    ...(options.segmentBytesMax !== undefined && { segmentBytesMax: options.segmentBytesMax }),
  });
  let error: unknown;
  const actor = createActor(logic, {
    systemId: 'raft',
    clock: world.clock as never,
    input: {
      self: { id: options.id, address: options.address },
      settings: options.settings ?? consulSettings(1),
      seed: options.seed,
    },
  });
  actor.subscribe({
    error: (reason) => {
      error = reason;
    },
  });
  bus.attach(actor.system as never);
  actor.start();
  return {
    consensus,
    get applied() {
      return applied;
    },
    views,
    error: () => error,
    accept: (stream) => actor.send({ type: 'raft.accepted', stream }),
    stop: () =>
      new Promise((resolve, reject) => {
        if (actor.getSnapshot().status !== 'active') resolve();
        else actor.send({ type: 'raft.stop', reply: { answer: () => resolve(), refuse: reject } });
      }),
    crash: () => actor.stop(),
  };
}

function applyOne(applied: string[], entry: CommittedEntry): string {
  const piece = entry.extensions === null ? '' : ` of ${Buffer.from(entry.extensions)}`;
  applied.push(`${Buffer.from(entry.data)}${piece}`);
  return `ok ${entry.index}`;
}

async function* pieces(text: string): AsyncIterable<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 4096) yield bytes.subarray(at, at + 4096);
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

/** Waits for `holds` by looking whenever the event loop turns. */
export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!holds()) {
    if (performance.now() > end) throw new Error('it did not come to hold');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
