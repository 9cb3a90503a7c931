/**
 * Somebody who waits for changes of a key by blocking queries on one server, and must neither miss
 * one nor be told of them in the wrong order.
 */

import { KeyRequest } from '../../../src/model/kv.ts';
import { KVS_GET } from '../../../src/rpc/methods/kvs.ts';
import { kvGet } from '../../../src/store/index.ts';
import type { Clock } from '../../../src/world/world.ts';
import type { Cluster } from './cluster.ts';
import { DATACENTER, type SimulatedServer } from './server.ts';
import { SafetyViolation } from './violation.ts';

const WAIT_NS = 20e9;
const RETRY_MS = 200;
/** A change in the store must have woken its watchers after this time. */
const WAKE_MS_MAX = 500;

export class Watcher {
  readonly #cluster: Cluster;
  readonly #server: SimulatedServer;
  readonly #key: string;
  readonly #clock: Clock;
  #stopped = false;
  /** The query under way: since when, behind which index, in which life of the server. */
  #waiting: { readonly index: number; readonly life: number } | undefined;
  #overdueSinceMs: number | undefined;
  woken = 0;

  constructor(cluster: Cluster, server: SimulatedServer, key: string, clock: Clock) {
    this.#cluster = cluster;
    this.#server = server;
    this.#key = key;
    this.#clock = clock;
  }

  start(): void {
    void this.#watch();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Throws when the store has what the watcher waits for, and the watcher is not told. */
  check(): void {
    const waiting = this.#waiting;
    const { store, lives } = this.#server;
    if (waiting === undefined || store === undefined || waiting.life !== lives) {
      this.#overdueSinceMs = undefined;
      return;
    }
    const { index } = kvGet(store, this.#key);
    const { nowMs } = this.#cluster.simulation;
    if (index <= waiting.index) this.#overdueSinceMs = undefined;
    else this.#overdueSinceMs ??= nowMs;
    if (this.#overdueSinceMs === undefined || nowMs - this.#overdueSinceMs < WAKE_MS_MAX) return;
    const { name } = this.#server.host;
    throw new SafetyViolation(
      `a query for ${this.#key} behind ${waiting.index} sleeps on ${name}, where it is ${index}`,
    );
  }

  async #watch(): Promise<void> {
    let index = 0;
    let life = 0;
    while (!this.#stopped) {
      if (life !== this.#server.lives) {
        life = this.#server.lives;
        index = 0;
      }
      const found = await this.#ask(index, life);
      if (found === undefined) {
        await new Promise<void>((resolve) => this.#clock.setTimeout(() => resolve(), RETRY_MS));
        continue;
      }
      if (life === this.#server.lives && found < index) this.#wentBack(index, found);
      if (found > index) this.woken += 1;
      index = found;
    }
  }

  async #ask(index: number, life: number): Promise<number | undefined> {
    const request = KeyRequest.of({
      Datacenter: DATACENTER,
      Key: this.#key,
      AllowStale: true,
      MinQueryIndex: index,
      MaxQueryTime: WAIT_NS,
    });
    const gone = this.#afterDeath(life);
    try {
      this.#waiting = index > 0 ? { index, life } : undefined;
      const answer = await Promise.race([this.#server.call(KVS_GET, request), gone.promise]);
      return answer?.Index;
    } catch {
      return undefined;
    } finally {
      gone.cancel();
      this.#waiting = undefined;
      this.#overdueSinceMs = undefined;
    }
  }

  /** A process that is gone does not answer. */
  #afterDeath(life: number): { readonly promise: Promise<undefined>; cancel(): void } {
    let timer: ReturnType<Clock['setTimeout']>;
    const promise = new Promise<undefined>((resolve) => {
      const look = (): void => {
        if (!this.#server.up || this.#server.lives !== life) resolve(undefined);
        else timer = this.#clock.setTimeout(look, RETRY_MS);
      };
      timer = this.#clock.setTimeout(look, RETRY_MS);
    });
    return { promise, cancel: () => this.#clock.clearTimeout(timer) };
  }

  #wentBack(from: number, to: number): void {
    const { name } = this.#server.host;
    this.#cluster.violation ??= new SafetyViolation(
      `the index of ${this.#key} went back on ${name}, from ${from} to ${to}`,
    );
  }
}
