// A client of the servers that reads, writes, swaps and deletes keys by chance through any of them,
// one call at a time, and writes down each with its moments and what it was told.

import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type {
  RegisterAnswer,
  RegisterCall,
  RegisterOperation,
} from '../../simulation/history/register.ts';
import { pause } from '../program.ts';
import { textOf } from '../raft-server.ts';
import type { Call, HttpCalls, Outcome } from './calls.ts';

/**
 * A call that takes longer is given up, and its outcome stays unknown. Short, so that callers are not
 * all caught by the servers that hang, and see what the others do meanwhile.
 */
const CALL_LIMIT_MS = 800;
/** What is read at the end has no such hurry. */
const LAST_READ_LIMIT_MS = 15_000;
const PAUSE_MS_MAX = 60;

export type ReadMode = Extract<RegisterCall, { kind: 'read' }>['mode'];

/** How many calls of a kind ended how. */
export interface Counts {
  acknowledged: number;
  refused: number;
  unknown: number;
}

/** What a caller has read of a key, and at which index: enough to swap it. */
interface Seen {
  readonly value: string | null;
  readonly index: number;
}

/** What all callers have done, by key and by kind of call. */
export class CallRecord {
  readonly histories = new Map<string, RegisterOperation[]>();
  readonly counts = new Map<string, Counts>();

  note(key: string, operation: RegisterOperation, outcome: Outcome['kind']): void {
    const { call, answer } = operation;
    const title = call.kind === 'read' ? `${call.mode} reads` : titleOf(call);
    const counts = this.counts.get(title) ?? { acknowledged: 0, refused: 0, unknown: 0 };
    this.counts.set(title, counts);
    counts[outcome === 'answered' ? 'acknowledged' : outcome] += 1;
    // What was refused has not happened, and a read without an answer has told nothing.
    if (outcome === 'refused' || (call.kind === 'read' && answer === undefined)) return;
    const history = this.histories.get(key);
    if (history === undefined) this.histories.set(key, [operation]);
    else history.push(operation);
  }
}

function titleOf(call: Exclude<RegisterCall, { kind: 'read' }>): string {
  if (call.kind === 'swap') return 'swaps';
  return call.value === null ? 'deletions' : 'writes';
}

export interface CallerOptions {
  readonly name: string;
  readonly calls: HttpCalls;
  readonly record: CallRecord;
  readonly random: SeededRandom;
  readonly hosts: readonly string[];
  /** Keys of now; they change from time to time, so that no history grows beyond a search. */
  readonly keys: () => readonly string[];
}

export class Caller {
  readonly #options: CallerOptions;
  readonly #seen = new Map<string, Seen>();
  #values = 0;
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#done = this.#work();
  }

  end(): Promise<void> {
    this.#stopped = true;
    return this.#done;
  }

  /** Reads a key of one server without any hurry; rejects when it is not answered. */
  async readLast(host: string, key: string, mode: ReadMode): Promise<void> {
    const outcome = await this.#perform(host, key, { kind: 'read', mode }, LAST_READ_LIMIT_MS);
    if (outcome.kind !== 'answered') throw new Error(`${key} of ${host}: ${outcome.text}`);
  }

  async #work(): Promise<void> {
    const { random, hosts, keys } = this.#options;
    while (!this.#stopped) {
      const key = pick(random, keys());
      await this.#perform(pick(random, hosts), key, this.#choose(key));
      await pause(random.between(0, PAUSE_MS_MAX));
    }
  }

  #choose(key: string): RegisterCall {
    const roll = this.#options.random.float();
    if (roll < 0.25) return { kind: 'read', mode: 'consistent' };
    if (roll < 0.45) return { kind: 'read', mode: 'default' };
    if (roll < 0.5) return { kind: 'write', value: null };
    this.#values += 1;
    const value = `${this.#options.name}.${this.#values}`;
    const seen = this.#seen.get(key);
    if (roll < 0.7 && seen !== undefined) return { kind: 'swap', expected: seen.value, value };
    return { kind: 'write', value };
  }

  async #perform(
    host: string,
    key: string,
    call: RegisterCall,
    limitMs = CALL_LIMIT_MS,
  ): Promise<Outcome> {
    const { name: caller, calls, record } = this.#options;
    const calledAt = performance.now();
    const outcome = await calls.call(host, {
      ...requestOf(key, call, this.#seen.get(key)),
      limitMs,
    });
    const answeredAt = performance.now();
    const told = outcome.kind === 'answered' ? this.#understand(key, call, outcome) : undefined;
    record.note(key, { caller, call, calledAt, answeredAt, answer: told }, outcome.kind);
    return outcome;
  }

  #understand(
    key: string,
    call: RegisterCall,
    { status, text }: Extract<Outcome, { kind: 'answered' }>,
  ): RegisterAnswer {
    const unlikely = new Error(`${call.kind} of ${key} was answered ${status} ${text}`);
    if (call.kind === 'read') {
      if (status !== 200 && status !== 404) throw unlikely;
      const seen = status === 404 ? { value: null, index: 0 } : seenIn(text);
      this.#seen.set(key, seen);
      return { kind: 'value', value: seen.value };
    }
    const said = text.trim();
    if (status !== 200 || (said !== 'true' && said !== 'false')) throw unlikely;
    if (call.kind === 'swap') return { kind: 'swapped', done: said === 'true' };
    if (said === 'false') throw unlikely;
    return { kind: 'written' };
  }
}

function seenIn(text: string): Seen {
  const [pair] = JSON.parse(text) as [{ Value: string | null; ModifyIndex: number }];
  return { value: textOf(pair.Value), index: pair.ModifyIndex };
}

function requestOf(key: string, call: RegisterCall, seen: Seen | undefined): Omit<Call, 'limitMs'> {
  const path = `/v1/kv/${key}`;
  switch (call.kind) {
    case 'read':
      return { method: 'GET', path: call.mode === 'default' ? path : `${path}?consistent` };
    case 'swap':
      return { method: 'PUT', path: `${path}?cas=${seen?.index}`, body: call.value };
    case 'write':
      if (call.value === null) return { method: 'DELETE', path };
      return { method: 'PUT', path, body: call.value };
    default:
      return call satisfies never;
  }
}

export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return items[Math.floor(random.float() * items.length)] as T;
}
