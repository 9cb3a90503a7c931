/**
 * Somebody who takes a lock with a session of its own, holds it for a while and gives it back, or
 * ends its session, or renews it no more; and writes down what it was told.
 */

import { textOf } from '../../../src/error-text.ts';
import { RegisterRequest } from '../../../src/model/catalog.ts';
import { DirEntry, KVSRequest } from '../../../src/model/kv.ts';
import { Session, SessionRequest, SessionSpecificRequest } from '../../../src/model/session.ts';
import { CATALOG_REGISTER } from '../../../src/rpc/methods/catalog.ts';
import { KVS_APPLY } from '../../../src/rpc/methods/kvs.ts';
import { SESSION_APPLY, SESSION_RENEW } from '../../../src/rpc/methods/session.ts';
import { pause } from '../../../src/world/pause.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Clock } from '../../../src/world/world.ts';
import type { LockCall, LockOperation } from '../history/lock.ts';
import { CALL_TIMEOUT_MS, refusedUndone } from './caller.ts';
import type { Cluster } from './cluster.ts';
import { limited } from './limited.ts';
import { optionsOf } from './places.ts';
import { DATACENTER, SESSION_HASTE, type SimulatedServer } from './server.ts';

const KEY = 'lock';
const NODE = 'lockers';
const PAUSE_MS_MAX = 150;
const HOLD_MS_MAX = 400;
/** Ends within a run when it is not renewed. */
export const MORTAL_TTL = '10s';
/** It does not end before that: nobody who renews it more often may lose it. */
const MORTAL_MS = 10_000 / SESSION_HASTE;
const RENEW_MS_MAX = 400;
/** Now and then it comes too late, as who was stopped: about when its session ends. */
const LATE_SHARE = 0.1;
const LATE_MS = [1.8 * MORTAL_MS, 2.3 * MORTAL_MS] as const;
/** The others, if they have a time at all, have much more than a run: they do not end by themselves. */
const TTLS = ['', '10m', MORTAL_TTL, MORTAL_TTL] as const;
/** Of the sessions that will end by themselves those that are left to it. */
const LEFT_SHARE = 0.3;

interface OwnSession {
  readonly id: string;
  readonly mortal: boolean;
  /** When it was made, or renewed last, as far as is known: that is when it was asked for. */
  renewedAt: number;
  /** When it was told that it has ended it itself. */
  endedAt: number;
  /** `left`: nobody renews it any more; `forgotten`: nobody does for a while. */
  state: 'kept' | 'forgotten' | 'left';
}

export class Locker {
  readonly #calls: LockOperation[] = [];
  readonly #sessions: OwnSession[] = [];
  readonly #name: string;
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #clock: Clock;
  /** The session that it has ended last. */
  #ended: string | undefined;
  #stopped = false;
  #busy = false;

  constructor(name: string, cluster: Cluster, random: SeededRandom, clock: Clock) {
    this.#name = name;
    this.#cluster = cluster;
    this.#random = random;
    this.#clock = clock;
  }

  /** What it was told, and from when on each session may have ended by itself. */
  get history(): readonly LockOperation[] {
    const ends = this.#sessions
      .filter(({ mortal, renewedAt, endedAt }) => mortal && endedAt > renewedAt + MORTAL_MS)
      .filter((session) => this.#endMatters(session))
      .map((session) => this.#endOf(session));
    return [...this.#calls, ...ends];
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

  /** Asks whether the session that it has ended lives: who leads no more might think so. */
  async askOfEnded(server: SimulatedServer): Promise<void> {
    if (this.#ended !== undefined)
      await this.#call({ kind: 'renew', session: this.#ended }, server);
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
  async #use(own: OwnSession): Promise<void> {
    const { id: session, mortal } = own;
    if (mortal) void this.#keep(own);
    for (let rounds = 1 + Math.floor(this.#random.float() * 4); rounds > 0; rounds--) {
      if (this.#stopped) break;
      const held = await this.#call({ kind: 'acquire', session });
      await this.#rest(held === true ? HOLD_MS_MAX : PAUSE_MS_MAX);
      if (mortal && this.#random.chance(LATE_SHARE)) await this.#comeLate(own);
      if (held !== true || this.#random.chance(0.3)) continue;
      await this.#call({ kind: 'release', session });
    }
    own.state = 'left';
    if (mortal && this.#random.chance(LEFT_SHARE)) return;
    if ((await this.#call({ kind: 'destroy', session })) !== true) return;
    own.endedAt = this.#cluster.simulation.nowMs;
    this.#ended = session;
  }

  /** Renews a session for as long as it is used. */
  async #keep(own: OwnSession): Promise<void> {
    for (;;) {
      await this.#rest(RENEW_MS_MAX);
      if (own.state === 'left') return;
      if (own.state === 'kept') await this.#renew(own);
    }
  }

  async #comeLate(own: OwnSession): Promise<void> {
    own.state = 'forgotten';
    await pause(this.#clock, this.#random.between(...LATE_MS));
    await this.#renew(own);
    own.state = 'kept';
  }

  async #renew(own: OwnSession): Promise<void> {
    const askedAt = this.#cluster.simulation.nowMs;
    const renewed = await this.#call({ kind: 'renew', session: own.id });
    if (renewed === true) own.renewedAt = askedAt;
  }

  /**
   * Whether it may have had the lock in the end, or was refused something after it. An end that explains
   * nothing only makes the search longer: it may have come at any time.
   */
  #endMatters({ id, renewedAt }: OwnSession): boolean {
    const calls = this.#calls.filter(({ call }) => call.session === id);
    const last = calls.findLast(({ call }) => call.kind === 'acquire' || call.kind === 'release');
    const given = last?.call.kind === 'release' ? last.answer?.done === true : false;
    const never =
      last === undefined || (last.call.kind === 'acquire' && last.answer?.done === false);
    const after = calls.filter(({ answeredAt }) => answeredAt > renewedAt + MORTAL_MS);
    return !(given || never) || after.some(({ answer }) => answer?.done === false);
  }

  /** Its time is over: from then on it may end, and nobody is told. */
  #endOf({ id, renewedAt }: OwnSession): LockOperation {
    return {
      caller: this.#name,
      call: { kind: 'destroy', session: id },
      calledAt: renewedAt + MORTAL_MS,
      answer: undefined,
      answeredAt: Number.POSITIVE_INFINITY,
    };
  }

  /** A new session; `undefined` when none was heard of. */
  async #begin(): Promise<OwnSession | undefined> {
    const node = RegisterRequest.of({ Datacenter: DATACENTER, Node: NODE, Address: '10.9.0.2' });
    const TTL = TTLS[Math.floor(this.#random.float() * TTLS.length)] as (typeof TTLS)[number];
    const request = SessionRequest.of({
      Datacenter: DATACENTER,
      Op: 'create',
      Session: Session.of({
        Node: NODE,
        Behavior: this.#random.chance(0.5) ? 'release' : 'delete',
        TTL,
        NodeChecks: [],
      }),
    });
    try {
      const registered = this.#chosen().call(CATALOG_REGISTER, node);
      await limited(registered, this.#clock, CALL_TIMEOUT_MS);
      const renewedAt = this.#cluster.simulation.nowMs;
      const made = this.#chosen().call(SESSION_APPLY, request);
      const id = await limited(made, this.#clock, CALL_TIMEOUT_MS);
      const mortal = TTL === MORTAL_TTL;
      const endedAt = Number.POSITIVE_INFINITY;
      const session = { id, mortal, renewedAt, endedAt, state: 'kept' } as const;
      this.#sessions.push(session);
      return session;
    } catch {
      return undefined;
    }
  }

  /** Whether it was done; `undefined` when that is not known. */
  async #call(call: LockCall, server = this.#chosen()): Promise<boolean | undefined> {
    const { simulation } = this.#cluster;
    const calledAt = simulation.nowMs;
    let done: boolean | undefined;
    try {
      done = await limited(asked(server, call, this.#name), this.#clock, CALL_TIMEOUT_MS);
    } catch (error) {
      const text = textOf(error);
      // A leader that has not applied everything yet does not know the newest sessions.
      if (refusedUndone(text) || text.includes('invalid session')) return undefined;
      // What is not known to be renewed is not.
      if (call.kind === 'renew') return undefined;
    }
    const answer = done === undefined ? undefined : { done };
    const { nowMs: answeredAt } = simulation;
    this.#calls.push({ caller: this.#name, call, calledAt, answer, answeredAt });
    return done;
  }

  #chosen(): SimulatedServer {
    const { leader, servers } = this.#cluster;
    const anybody = servers[Math.floor(this.#random.float() * servers.length)] as SimulatedServer;
    return leader ?? anybody;
  }

  #rest(msMax: number): Promise<void> {
    return pause(this.#clock, this.#random.between(1, msMax));
  }
}

async function asked(server: SimulatedServer, call: LockCall, name: string): Promise<boolean> {
  const { kind, session } = call;
  if (kind === 'renew') {
    const own = { Datacenter: DATACENTER, SessionID: session };
    const options = await optionsOf(server, 'default');
    const { Sessions } = await server.call(
      SESSION_RENEW,
      SessionSpecificRequest.of({ ...own, ...options }),
    );
    return Sessions !== null;
  }
  if (kind === 'destroy') {
    const request = { Datacenter: DATACENTER, Op: 'destroy', Session: Session.of({ ID: session }) };
    await server.call(SESSION_APPLY, SessionRequest.of(request));
    return true;
  }
  const DirEnt = DirEntry.of({ Key: KEY, Value: Buffer.from(name), Session: session });
  const Op = kind === 'acquire' ? 'lock' : 'unlock';
  return server.call(KVS_APPLY, KVSRequest.of({ Datacenter: DATACENTER, Op, DirEnt }));
}
