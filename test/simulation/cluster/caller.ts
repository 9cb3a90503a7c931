/** A caller of the group: reads, writes and swaps by chance, and writes down what it was told. */

import { textOf } from '../../../src/error-text.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Clock } from '../../../src/world/world.ts';
import type { RegisterAnswer, RegisterCall, RegisterOperation } from '../history/register.ts';
import type { Cluster } from './cluster.ts';
import { limited } from './limited.ts';
import { answerOf, type Place, type Seen } from './places.ts';
import type { SimulatedServer } from './server.ts';

/** A caller gives up on a call that takes longer: it will never know. */
export const CALL_TIMEOUT_MS = 2_000;
/** Between two calls, at most, unless told otherwise. */
const PAUSE_MS_MAX = 60;

/** Refused before anything was done: such a call has not happened. */
const REFUSALS = [
  'connection refused',
  'node is not the leader',
  'leadership transfer in progress',
  'timed out enqueuing operation',
  'nobody has that name',
];

export function refusedUndone(text: string): boolean {
  return REFUSALS.some((refusal) => text.includes(refusal));
}

const UNSEEN: Seen = { value: null, index: 0 };

export class Caller {
  readonly name: string;
  /** By name of the place. */
  readonly history = new Map<string, RegisterOperation[]>();
  answered = 0;
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #clock: Clock;
  readonly #places: readonly Place[];
  readonly #pauseMsMax: number;
  readonly #seen = new Map<string, Seen>();
  #values = 0;
  #stopped = false;
  #open = false;

  constructor(
    name: string,
    cluster: Cluster,
    places: readonly Place[],
    random: SeededRandom,
    clock: Clock,
    pauseMsMax: number = PAUSE_MS_MAX,
  ) {
    this.#pauseMsMax = pauseMsMax;
    this.name = name;
    this.#cluster = cluster;
    this.#places = places;
    this.#random = random;
    this.#clock = clock;
  }

  /** Whether a call is under way. */
  get open(): boolean {
    return this.#open;
  }

  start(): void {
    this.#clock.setTimeout(() => void this.#work(), this.#random.between(0, this.#pauseMsMax));
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Reads a place of `server` and remembers it, as any other call. */
  async readFrom(server: SimulatedServer, place: Place): Promise<void> {
    await this.#perform(server, place, { kind: 'read', mode: 'consistent' });
  }

  /** Writes a place of `server` something new. Whether that was acknowledged. */
  writeTo(server: SimulatedServer, place: Place): Promise<boolean> {
    return this.#perform(server, place, { kind: 'write', value: this.#newValue() });
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      const place = this.#pick(this.#places);
      await this.#perform(this.#server(), place, this.#choose(place));
      await new Promise<void>((resolve) => {
        this.#clock.setTimeout(() => resolve(), this.#random.between(1, this.#pauseMsMax));
      });
    }
  }

  /** Usually whom everybody takes for the leader; sometimes anybody, and there may be two leaders. */
  #server(): SimulatedServer {
    const { leader, servers } = this.#cluster;
    return leader !== undefined && this.#random.chance(0.7) ? leader : this.#pick(servers);
  }

  #choose(place: Place): RegisterCall {
    const roll = this.#random.float();
    if (roll < 0.4) return { kind: 'read', mode: roll < 0.2 ? 'default' : 'consistent' };
    if (roll < 0.5) return { kind: 'write', value: null };
    const value = this.#newValue();
    const seen = this.#seen.get(place.name);
    if (roll < 0.7 && place.swaps && seen !== undefined) {
      return { kind: 'swap', expected: seen.value, value };
    }
    return { kind: 'write', value };
  }

  #newValue(): string {
    this.#values += 1;
    return `${this.name}.${this.#values}`;
  }

  /** Whether it was answered. */
  async #perform(server: SimulatedServer, place: Place, call: RegisterCall): Promise<boolean> {
    const { simulation } = this.#cluster;
    const calledAt = simulation.nowMs;
    const seen = this.#seen.get(place.name) ?? UNSEEN;
    this.#open = true;
    let answer: RegisterAnswer | undefined;
    try {
      const done = await limited(answerOf(place, server, call, seen), this.#clock, CALL_TIMEOUT_MS);
      answer = done.answer;
      if (done.seen !== undefined) this.#seen.set(place.name, done.seen);
      this.answered += 1;
    } catch (error) {
      const text = textOf(error);
      // A read that failed has told nothing and changed nothing.
      if (call.kind === 'read' || refusedUndone(text)) return false;
    } finally {
      this.#open = false;
    }
    const record = { caller: this.name, call, calledAt, answer, answeredAt: simulation.nowMs };
    const history = this.history.get(place.name);
    if (history === undefined) this.history.set(place.name, [record]);
    else history.push(record);
    return answer !== undefined;
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random.float() * items.length)] as T;
  }
}
