/** One run of a federation by a seed: coming up, faults under writes, healing, checks. */

import { befall } from './befall.ts';
import { acknowledgedKept } from './checks/acknowledged-writes.ts';
import { callsAnswered } from './checks/calls.ts';
import { everybodyUp } from './checks/everybody-up.ts';
import { federationStatesTrue } from './checks/federation-states.ts';
import { membersAlive } from './checks/members.ts';
import { quietHouse } from './checks/quiet-house.ts';
import { sameCatalog } from './checks/same-catalog.ts';
import type { Fault } from './faults.ts';
import { WholeFederation } from './federation.ts';
import { CALL_LIMIT_MS, Writer } from './writer.ts';

/** Simulated time from nothing to a whole federation. */
export const START_LIMIT_MS = 45_000;
/** From the end of the last fault to a whole federation. */
export const HEAL_LIMIT_MS = 180_000;

const LOOK_EVERY_MS = 1_000;
const WRITERS = 2;
const TRACE_LINES_MAX = 100_000;

export interface ScenarioResult {
  /** What happened, one line each, with simulated times. */
  readonly story: readonly string[];
  readonly acknowledged: number;
  readonly healMs: number;
  /** Of everything that went over the network. */
  readonly hash: string;
  /** The latest lines of it. */
  readonly trace: readonly string[];
}

/** Rejects with all that was found wrong, the story and the seed. */
export async function runScenario(seed: number, faults: readonly Fault[]): Promise<ScenarioResult> {
  const federation = new WholeFederation({
    seed,
    servers: 3,
    gateways: 2,
    traceLinesMax: TRACE_LINES_MAX,
  });
  const { simulation } = federation;
  const story: string[] = [];
  const note = (text: string): void => {
    story.push(`${(simulation.nowMs / 1000).toFixed(1)} s: ${text}`);
  };
  const wrong = (found: readonly string[]): Error =>
    new Error([`MOBIUS_SEED=${seed}`, ...story, 'wrong:', ...found.slice(0, 40)].join('\n  '));

  federation.startAll();
  const early = await whole(federation, START_LIMIT_MS);
  if (early.length > 0) throw wrong(early);
  note('whole');

  const observer = simulation.host({ name: 'writers', addresses: [] });
  const writers = Array.from(
    { length: WRITERS },
    (_, n) =>
      new Writer(`w${n}`, federation, simulation.random.fork(`writer ${n}`), observer.world.clock),
  );
  for (const writer of writers) writer.start();
  await befall(federation, faults, simulation.random.fork('faults'), note);

  federation.wanLoss(0);
  simulation.network.heal();
  federation.startAll();
  note('healed');
  const healedAtMs = simulation.nowMs;
  const remaining = await whole(federation, HEAL_LIMIT_MS);
  const healMs = simulation.nowMs - healedAtMs;
  note(remaining.length > 0 ? 'not whole' : `whole after ${healMs / 1000} s`);
  for (const writer of writers) writer.stop();
  await simulation.runUntil(() => writers.every(({ open }) => open === 0), 2 * CALL_LIMIT_MS);
  // Followers hear with the next heartbeat what the leader has committed.
  await simulation.run(LOOK_EVERY_MS);
  const kept = await simulation.settle(acknowledgedKept(federation, writers));
  for (const writer of writers) {
    for (const [text, count] of writer.failures) note(`${count} × ${text}`);
  }
  const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged.length, 0);
  note(`${acknowledged} writes acknowledged`);
  const all = [
    ...remaining,
    ...kept,
    ...(await simulation.settle(sameCatalog(federation))),
    ...writers.flatMap(({ hung }) => hung),
    ...quietHouse(federation),
  ];
  if (all.length > 0) throw wrong(all);
  return {
    story,
    acknowledged,
    healMs,
    hash: simulation.trace.hash,
    trace: simulation.trace.lines,
  };
}

/** Waits for it; what is still wrong at the limit. */
async function whole(federation: WholeFederation, limitMs: number): Promise<readonly string[]> {
  const { simulation } = federation;
  const untilMs = simulation.nowMs + limitMs;
  for (;;) {
    const faults = await faultsOf(federation);
    if (faults.length === 0 || simulation.nowMs >= untilMs) return faults;
    await simulation.run(LOOK_EVERY_MS);
  }
}

async function faultsOf(federation: WholeFederation): Promise<readonly string[]> {
  const cheap = [...everybodyUp(federation), ...membersAlive(federation)];
  if (cheap.length > 0) return cheap;
  const states = await federation.simulation.settle(federationStatesTrue(federation));
  if (states.length > 0) return states;
  const looks = [callsAnswered(federation), sameCatalog(federation)];
  return (await federation.simulation.settle(Promise.all(looks))).flat();
}
