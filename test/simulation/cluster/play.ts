/**
 * One run: a group is founded, callers work, the planned faults befall it; then it is healed, must
 * be whole again in time, and everything that callers were told must have an explanation.
 */

import { voterIds } from '../../../machines/raft/step-base.ts';
import { textOf } from '../../../src/error-text.ts';
import { sessions } from '../../../src/store/index.ts';
import {
  checkLinearizable,
  type Operation,
  type SequentialModel,
} from '../history/linearizable.ts';
import { LOCK } from '../history/lock.ts';
import { REGISTER } from '../history/register.ts';
import { settled } from '../history/settled.ts';
import { CALL_TIMEOUT_MS, Caller } from './caller.ts';
import { Cluster, type Onlooker } from './cluster.ts';
import { FAULTS } from './faults.ts';
import { Locker, MORTAL_TTL } from './locker.ts';
import { keyPlace, type Place, servicePlace } from './places.ts';
import type { Plan } from './plan.ts';
import { Questioner } from './questioner.ts';
import { SafetyViolation } from './violation.ts';
import { Watcher } from './watcher.ts';

/** From the end of the last fault to a group that agrees. */
const HEAL_LIMIT_MS = 60_000;
/** Operators look after their servers that often. */
const OPERATOR_EVERY_MS = 2_000;
/** Lockers of one key: more would only wait for each other. */
const LOCKERS = 2;
/** In peace one server is cut off for longer than it takes to stand for election, and comes back. */
const AWAY_MS = 2_500;
const BACK_MS = 1_000;
/** More than a session may live, and a failed attempt to end it delays the next. */
const SESSIONS_END_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 100;
const MESSAGES_TOLD = 60;
/** Steps of a search for an explanation; the rare history that needs more is counted. */
const SEARCH_STEPS_MAX = 500_000;

export interface RunResult {
  readonly answered: number;
  readonly woken: number;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly healMs: number;
  /** Histories whose search was given up. */
  readonly undecided: number;
  /** Of everything that went over the network. */
  readonly hash: string;
}

/** A run that went wrong, with all that is needed to understand it. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
  readonly plan: Plan;
  readonly story: readonly string[];

  constructor(plan: Plan, story: readonly string[], cause: unknown) {
    super(textOf(cause), { cause });
    this.plan = plan;
    this.story = story;
  }
}

export interface PlayOptions {
  readonly onlooker?: Onlooker;
  /** Told what befalls the servers, as it does. */
  readonly told?: (line: string) => void;
}

/** Rejects with a `RunFailure`. */
export async function play(plan: Plan, { onlooker, told }: PlayOptions = {}): Promise<RunResult> {
  const { seed, servers, syncMsMax, latencyMsMax } = plan;
  const cluster = new Cluster({
    seed,
    servers,
    disk: { syncMs: [0.2, syncMsMax] },
    link: { latencyMs: [0.1, latencyMsMax] },
    ...(told === undefined ? {} : { told }),
    ...(onlooker === undefined ? {} : { onlooker }),
  });
  const run = new Run(plan, cluster);
  try {
    return await run.play();
  } catch (error) {
    const story = [
      ...cluster.story,
      ...cluster.describe(),
      'the latest messages between actors:',
      ...cluster.messages.lines(MESSAGES_TOLD),
    ];
    throw new RunFailure(plan, story, error);
  } finally {
    cluster.end();
  }
}

class Run {
  readonly #plan: Plan;
  readonly #cluster: Cluster;
  readonly #places: readonly Place[];
  readonly #callers: readonly Caller[];
  readonly #watchers: readonly Watcher[];
  readonly #lockers: readonly Locker[];
  readonly #questioner: Questioner;

  constructor(plan: Plan, cluster: Cluster) {
    this.#plan = plan;
    this.#cluster = cluster;
    const { simulation, clock } = cluster;
    const keys = Array.from({ length: plan.keys }, (_, at) => `k${at}`);
    this.#places = [...keys.map(keyPlace), servicePlace('web')];
    this.#callers = Array.from({ length: plan.callers }, (_, at) => {
      const name = `c${at}`;
      const random = simulation.random.fork(`caller ${at}`);
      return new Caller(name, cluster, this.#places, random, clock);
    });
    this.#lockers = Array.from({ length: LOCKERS }, (_, at) => {
      return new Locker(`l${at}`, cluster, simulation.random.fork(`locker ${at}`), clock);
    });
    const questions = simulation.random.fork('questioner');
    const subjects = { places: this.#places, lockers: this.#lockers };
    this.#questioner = new Questioner(cluster, subjects, questions, clock);
    cluster.questioner = this.#questioner;
    this.#watchers = cluster.servers.map((server, at) => {
      return new Watcher(cluster, server, keys[at % keys.length] as string, clock);
    });
  }

  async play(): Promise<RunResult> {
    const cluster = this.#cluster;
    const { simulation } = cluster;
    await cluster.found();
    for (const caller of this.#callers) caller.start();
    for (const locker of this.#lockers) locker.start();
    for (const watcher of this.#watchers) watcher.start();
    this.#questioner.start();
    await this.#storm();
    const healedAtMs = simulation.nowMs;
    await this.#heal();
    const healMs = simulation.nowMs - healedAtMs;
    await this.#peace();
    await this.#readEverything();
    await this.#sessionsEnd();
    this.#sameState();
    const undecided = this.#explained() + this.#locksExplained();
    return {
      answered: this.#callers.reduce((sum, caller) => sum + caller.answered, 0),
      woken: this.#watchers.reduce((sum, watcher) => sum + watcher.woken, 0),
      steps: cluster.invariants.steps,
      simulatedMs: simulation.nowMs,
      healMs,
      undecided,
      hash: simulation.trace.hash,
    };
  }

  async #storm(): Promise<void> {
    const { simulation } = this.#cluster;
    const beganMs = simulation.nowMs;
    const turns = this.#plan.faults.flatMap((fault) => {
      const begun: { end?: () => void } = {};
      const begin = (): void => {
        const random = simulation.random.fork(`fault ${fault.number}`);
        const misfortune = FAULTS[fault.kind](this.#cluster, random);
        if (misfortune === undefined) return;
        this.#cluster.note(misfortune.text);
        if (misfortune.end !== undefined) begun.end = () => misfortune.end?.();
      };
      const { atMs, lastsMs } = fault;
      return [
        { atMs, run: begin },
        { atMs: atMs + lastsMs, run: () => begun.end?.() },
      ];
    });
    turns.sort((a, b) => a.atMs - b.atMs);
    for (const { atMs, run } of turns) {
      if (atMs > this.#plan.stormMs) break;
      await this.#pass(beganMs + atMs - simulation.nowMs);
      run();
    }
    await this.#pass(beganMs + this.#plan.stormMs - simulation.nowMs);
  }

  async #heal(): Promise<void> {
    const { simulation } = this.#cluster;
    this.#cluster.heal();
    // The callers' last calls come to an end; then nothing moves any more but the group itself.
    await this.#pass(CALL_TIMEOUT_MS);
    for (const caller of this.#callers) caller.stop();
    for (const locker of this.#lockers) locker.stop();
    const quiet = () =>
      this.#callers.every(({ open }) => !open) && this.#lockers.every(({ busy }) => !busy);
    const whole = () => this.#cluster.settled && quiet();
    const endMs = simulation.nowMs + HEAL_LIMIT_MS;
    while (simulation.nowMs < endMs) {
      this.#cluster.readmit();
      if (await this.#cluster.until(whole, OPERATOR_EVERY_MS)) return;
    }
    throw new Error(`not whole again ${HEAL_LIMIT_MS / 1000} s after the last fault`);
  }

  /** Nobody is elected without need, and who comes back unseats nobody. (Raft thesis 9.6) */
  async #peace(): Promise<void> {
    const { leader, members, simulation } = this.#cluster;
    const term = leader?.node?.term ?? 0;
    const voters = leader?.node === undefined ? [] : voterIds(leader.node);
    // Of two voters neither can be spared.
    const others = members.filter(
      (server) => server !== leader && (voters.length > 2 || !voters.includes(server.id)),
    );
    const away = others[Math.floor(simulation.random.float() * others.length)];
    if (away !== undefined) simulation.network.isolate(away.host.name);
    await this.#pass(AWAY_MS);
    simulation.network.heal();
    await this.#pass(BACK_MS);
    for (const { id, node } of members) {
      if (node?.term === term) continue;
      throw new SafetyViolation(
        `${id} is in term ${node?.term} though ${leader?.id} led term ${term} without a fault`,
      );
    }
  }

  /** A last look at every place, so that what was acknowledged and lost is seen to be lost. */
  async #readEverything(): Promise<void> {
    const { simulation, leader } = this.#cluster;
    const [caller] = this.#callers;
    if (leader === undefined || caller === undefined) throw new Error('nobody leads');
    for (const place of this.#places) {
      await simulation.settle(caller.readFrom(leader, place), 2 * CALL_TIMEOUT_MS);
      const last = caller.history.get(place.name)?.at(-1);
      if (last?.call.kind !== 'read') throw new Error(`${place.name} cannot be read`);
    }
  }

  /** Sessions that nobody renews any more end, whoever has led meanwhile. */
  async #sessionsEnd(): Promise<void> {
    const living = (): readonly string[] => {
      const { store } = this.#cluster.leader ?? {};
      const all = store === undefined ? [] : sessions(store).result;
      return all.filter(({ TTL }) => TTL === MORTAL_TTL).map(({ ID }) => ID);
    };
    const ended = () => this.#cluster.settled && living().length === 0;
    if (await this.#cluster.until(ended, SESSIONS_END_LIMIT_MS)) return;
    throw new SafetyViolation(`sessions live for ever: ${living().join(' ')}`);
  }

  /** I12: the same state on every member, to the byte. */
  #sameState(): void {
    const [first, ...others] = this.#cluster.members.filter(({ up }) => up);
    const state = first?.state();
    for (const other of others) {
      if (state === undefined || other.state().equals(state)) continue;
      const names = `${first?.host.name} and ${other.host.name}`;
      throw new SafetyViolation(`I12: the states of ${names} differ`);
    }
  }

  /** I11. Returns how many histories nobody could decide. */
  #explained(): number {
    let undecided = 0;
    for (const { name } of this.#places) {
      const all = [...this.#callers, this.#questioner];
      const history = all.flatMap((caller) => caller.history.get(name) ?? []);
      // Where too much is open for the whole, what is left without it says nearly as much.
      const decided =
        this.#explains(REGISTER, name, history) || this.#explains(REGISTER, name, settled(history));
      if (!decided) undecided += 1;
    }
    return undecided;
  }

  #locksExplained(): number {
    const history = this.#lockers.flatMap((locker) => locker.history);
    return this.#explains(LOCK, 'the lock', history) ? 0 : 1;
  }

  /** False when that could not be decided. */
  #explains<State, Call extends { readonly kind: string }, Answer>(
    model: SequentialModel<State, Call, Answer>,
    name: string,
    history: readonly Operation<Call, Answer>[],
  ): boolean {
    const verdict = checkLinearizable(model, history, SEARCH_STEPS_MAX);
    if (verdict.kind !== 'violated') return verdict.kind === 'linearizable';
    const lines = [...history].sort((a, b) => a.calledAt - b.calledAt).map(lineOf);
    this.#cluster.story.push(`the history of ${name}:`, ...lines);
    throw new SafetyViolation(`I11: nothing explains ${lineOf(verdict.unexplained)}`);
  }

  /** Lets time pass, and looks after the watchers meanwhile. */
  async #pass(ms: number): Promise<void> {
    const endMs = this.#cluster.simulation.nowMs + ms;
    for (;;) {
      const { nowMs } = this.#cluster.simulation;
      if (nowMs >= endMs) return;
      await this.#cluster.until(() => false, Math.min(LOOK_EVERY_MS, endMs - nowMs));
      for (const watcher of this.#watchers) watcher.check();
    }
  }
}

function lineOf({
  caller,
  call,
  answer,
  calledAt,
  answeredAt,
}: Operation<{ readonly kind: string }, unknown>): string {
  const what =
    call.kind === 'read' ? 'read' : `${call.kind} ${JSON.stringify({ ...call, kind: undefined })}`;
  const said =
    answer === undefined ? 'no answer' : JSON.stringify({ ...(answer as object), kind: undefined });
  const from = (calledAt / 1000).toFixed(3);
  const to = answer === undefined ? '…' : (answeredAt / 1000).toFixed(3);
  return `${from}–${to} s  ${caller}  ${what} → ${said}`;
}
