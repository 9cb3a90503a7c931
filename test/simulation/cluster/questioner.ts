/**
 * Somebody who turns up where the others would not: asks who has just been elected, and who has been
 * replaced and may not know it. What they say counts as what they say to any other caller.
 */

import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Clock } from '../../../src/world/world.ts';
import type { RegisterOperation } from '../history/register.ts';
import { Caller } from './caller.ts';
import type { Cluster } from './cluster.ts';
import type { Locker } from './locker.ts';
import type { Place } from './places.ts';
import type { SimulatedServer } from './server.ts';

/** Who is elected is asked so often, within so long: it may not know yet what is acknowledged. */
const QUESTIONS = 3;
const QUESTION_MS_MAX = 30;

/** What is asked for. */
export interface Subjects {
  readonly places: readonly Place[];
  readonly lockers: readonly Locker[];
}

export class Questioner {
  readonly #cluster: Cluster;
  readonly #places: readonly Place[];
  readonly #lockers: readonly Locker[];
  readonly #random: SeededRandom;
  readonly #caller: Caller;

  constructor(cluster: Cluster, subjects: Subjects, random: SeededRandom, clock: Clock) {
    const { places, lockers } = subjects;
    this.#cluster = cluster;
    this.#places = places;
    this.#lockers = lockers;
    this.#random = random;
    this.#caller = new Caller('q', cluster, places, random.fork('caller'), clock);
  }

  /** By name of the place. */
  get history(): ReadonlyMap<string, readonly RegisterOperation[]> {
    return this.#caller.history;
  }

  start(): void {
    this.#cluster.lieInWait((server, before, after) => {
      if (after.role !== 'leader' || before.role === 'leader') return false;
      for (let left = QUESTIONS; left > 0; left--) {
        const place = this.#places[Math.floor(this.#random.float() * this.#places.length)] as Place;
        const ask = () => void this.#caller.readFrom(server, place);
        this.#cluster.strikeIn(this.#random.between(0, QUESTION_MS_MAX), ask);
      }
      return false;
    });
  }

  /** Asks for every place, and has lockers ask, now. */
  askAll(server: SimulatedServer): void {
    for (const place of this.#places) void this.#caller.readFrom(server, place);
    for (const locker of this.#lockers) void locker.askOfEnded(server);
  }

  /** Writes every place. Whether all of it was acknowledged. */
  async tellAll(server: SimulatedServer): Promise<boolean> {
    const told = await Promise.all(
      this.#places.map((place) => this.#caller.writeTo(server, place)),
    );
    return told.every((acknowledged) => acknowledged);
  }
}
