/**
 * A client that writes key after key at changing servers of one datacenter, in both datacenters,
 * and remembers which writes were acknowledged.
 */

import { DirEntry, KVSRequest } from '../../../src/model/kv.ts';
import { KVS_APPLY } from '../../../src/rpc/methods/kvs.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Clock } from '../../../src/world/world.ts';
import type { WholeFederation } from './federation.ts';
import { DATACENTERS, type Dc } from './plan.ts';

const PAUSE_MS = 400;
/** RPC's own limit of a call is 60 s, after it has a connection. */
export const CALL_LIMIT_MS = 75_000;

export interface Acknowledged {
  readonly dc: Dc;
  readonly key: string;
  readonly value: string;
}

export class Writer {
  readonly acknowledged: Acknowledged[] = [];
  readonly failures = new Map<string, number>();
  /** Times that calls took beyond the limit: a call must end. */
  readonly hung: string[] = [];
  readonly #federation: WholeFederation;
  readonly #random: SeededRandom;
  readonly #clock: Clock;
  readonly #name: string;
  #stopped = false;
  #number = 0;
  #open = 0;

  /** `clock` is that of a host which never dies. */
  constructor(name: string, federation: WholeFederation, random: SeededRandom, clock: Clock) {
    this.#name = name;
    this.#federation = federation;
    this.#random = random;
    this.#clock = clock;
  }

  start(): void {
    void this.#loop();
  }

  /** Writes that wait for their outcome. */
  get open(): number {
    return this.#open;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      void this.#write();
      await this.#pause(PAUSE_MS * this.#random.between(0.5, 1.5));
    }
  }

  async #write(): Promise<void> {
    const { servers } = this.#federation;
    const server = servers[Math.floor(this.#random.float() * servers.length)];
    const far = this.#random.chance(0.3);
    const atWork = server?.atWork;
    if (server === undefined || atWork === undefined) return;
    const dc = far ? other(server.dc) : server.dc;
    const key = `${this.#name}/${++this.#number}`;
    const value = `${server.name} at ${this.#federation.simulation.nowMs.toFixed(0)}`;
    const request = KVSRequest.of({
      Datacenter: dc,
      Op: 'set',
      DirEnt: DirEntry.of({ Key: key, Value: Buffer.from(value) }),
    });
    const call = atWork.context.rpc.call(KVS_APPLY, request).then(
      () => 'acknowledged',
      (error: unknown) => String(error),
    );
    this.#open += 1;
    const outcome = await Promise.race([call, ended(atWork.gone), this.#limit()]);
    this.#open -= 1;
    if (outcome === 'acknowledged') this.acknowledged.push({ dc, key, value });
    else if (outcome === 'hangs') this.hung.push(`${value}: write to ${dc}`);
    else this.failures.set(outcome, (this.failures.get(outcome) ?? 0) + 1);
  }

  async #limit(): Promise<string> {
    await this.#pause(CALL_LIMIT_MS);
    return 'hangs';
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimeout(() => resolve(), ms);
    });
  }
}

function other(dc: Dc): Dc {
  return DATACENTERS.find((name) => name !== dc) ?? dc;
}

function ended(gone: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    gone.addEventListener('abort', () => resolve('the server died'), { once: true });
  });
}
