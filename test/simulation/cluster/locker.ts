/**
 * Somebody who takes a lock with a session of its own, holds it for a while and gives it back, or
 * lets its session end; and writes down what it was told.
 */

import { textOf } from '../../../src/error-text.ts';
import { RegisterRequest } from '../../../src/model/catalog.ts';
import { DirEntry, KVSRequest } from '../../../src/model/kv.ts';
import { Session, SessionRequest } from '../../../src/model/session.ts';
import { CATALOG_REGISTER } from '../../../src/rpc/methods/catalog.ts';
import { KVS_APPLY } from '../../../src/rpc/methods/kvs.ts';
import { SESSION_APPLY } from '../../../src/rpc/methods/session.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Clock } from '../../../src/world/world.ts';
import type { LockCall, LockOperation } from '../history/lock.ts';
import { CALL_TIMEOUT_MS, refusedUndone } from './caller.ts';
import type { Cluster } from './cluster.ts';
import { limited } from './limited.ts';
import { DATACENTER, type SimulatedServer } from './server.ts';

const KEY = 'lock';
const NODE = 'lockers';
const PAUSE_MS_MAX = 150;
const HOLD_MS_MAX = 400;
/** Much longer than a run: such a session must not end by itself. */
const TTLS = ['', '60s'] as const;

export class Locker {
  readonly history: LockOperation[] = [];
  readonly #name: string;
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #clock: Clock;
  #stopped = false;
  #busy = false;

  constructor(name: string, cluster: Cluster, random: SeededRandom, clock: Clock) {
    this.#name = name;
    this.#cluster = cluster;
    this.#random = random;
    this.#clock = clock;
  }

  /** Until it has ended its last session, or given that up. */
  get busy(): boolean {
    return this.#busy;
  }

  start(): void {
    void this.#work();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (!this.#stopped) {
      const session = await this.#begin();
      if (session !== undefined) await this.#use(session);
      await this.#rest(PAUSE_MS_MAX);
    }
    this.#busy = false;
  }

  /** Tries until it holds the lock, holds it, gives it back; sometimes the session ends meanwhile. */
  async #use(session: string): Promise<void> {
    for (let rounds = 1 + Math.floor(this.#random.float() * 4); rounds > 0; rounds--) {
      if (this.#stopped) break;
      const held = await this.#call({ kind: 'acquire', session });
      await this.#rest(held === true ? HOLD_MS_MAX : PAUSE_MS_MAX);
      if (held !== true || this.#random.chance(0.3)) continue;
      await this.#call({ kind: 'release', session });
    }
    await this.#call({ kind: 'destroy', session });
  }

  /** A new session; `undefined` when none was heard of. */
  async #begin(): Promise<string | undefined> {
    const node = RegisterRequest.of({ Datacenter: DATACENTER, Node: NODE, Address: '10.9.0.2' });
    const request = SessionRequest.of({
      Datacenter: DATACENTER,
      Op: 'create',
      Session: Session.of({
        Node: NODE,
        Behavior: this.#random.chance(0.5) ? 'release' : 'delete',
        TTL: TTLS[this.#random.chance(0.5) ? 0 : 1],
        NodeChecks: [],
      }),
    });
    try {
      await this.#limited((server) => server.call(CATALOG_REGISTER, node));
      return await this.#limited((server) => server.call(SESSION_APPLY, request));
    } catch {
      return undefined;
    }
  }

  /** Whether it was done; `undefined` when that is not known. */
  async #call(call: LockCall): Promise<boolean | undefined> {
    const { simulation } = this.#cluster;
    const calledAt = simulation.nowMs;
    let done: boolean | undefined;
    try {
      done = await this.#limited((server) => asked(server, call, this.#name));
    } catch (error) {
      const text = textOf(error);
      // A leader that has not applied everything yet does not know the newest sessions.
      if (refusedUndone(text) || text.includes('invalid session')) return undefined;
    }
    const answer = done === undefined ? undefined : { done };
    const { nowMs: answeredAt } = simulation;
    this.history.push({ caller: this.#name, call, calledAt, answer, answeredAt });
    return done;
  }

  #limited<T>(run: (server: SimulatedServer) => Promise<T>): Promise<T> {
    const { leader, servers } = this.#cluster;
    const anybody = servers[Math.floor(this.#random.float() * servers.length)] as SimulatedServer;
    return limited(run(leader ?? anybody), this.#clock, CALL_TIMEOUT_MS);
  }

  #rest(msMax: number): Promise<void> {
    const ms = this.#random.between(1, msMax);
    return new Promise((resolve) => void this.#clock.setTimeout(() => resolve(), ms));
  }
}

async function asked(server: SimulatedServer, call: LockCall, name: string): Promise<boolean> {
  const { kind, session } = call;
  if (kind === 'destroy') {
    const request = { Datacenter: DATACENTER, Op: 'destroy', Session: Session.of({ ID: session }) };
    await server.call(SESSION_APPLY, SessionRequest.of(request));
    return true;
  }
  const DirEnt = DirEntry.of({ Key: KEY, Value: Buffer.from(name), Session: session });
  const Op = kind === 'acquire' ? 'lock' : 'unlock';
  return server.call(KVS_APPLY, KVSRequest.of({ Datacenter: DATACENTER, Op, DirEnt }));
}
