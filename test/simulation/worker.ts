/** A process that plays the seeds it is handed, and says of each what came of it. */

import { minimise } from './cluster/minimise.ts';
import { planOf } from './cluster/plan.ts';
import { play, RunFailure } from './cluster/play.ts';
import type { FailedRun, SeedResult } from './report.ts';

/** What a process is told to do next. */
export interface Order {
  readonly seeds: readonly number[];
  readonly servers: number | undefined;
  /** What becomes of a failing plan. */
  readonly failing: 'cut' | 'keep';
}

/** What a process says: of each seed, and when an order is done. */
export type Word = SeedResult | FailedRun | 'done';

async function playSeed(
  seed: number,
  { servers, failing }: Order,
): Promise<SeedResult | FailedRun> {
  const began = process.cpuUsage();
  const plan = planOf(seed, servers === undefined ? {} : { servers });
  try {
    const result = await play(plan);
    const { user, system } = process.cpuUsage(began);
    return { seed, servers: plan.servers, cpuMs: (user + system) / 1000, ...result };
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    const smallest = failing === 'cut' ? await minimise(error) : error;
    const { faults, stormMs } = smallest.plan;
    const size = `${faults.length} faults in ${stormMs} ms`;
    return { seed, message: smallest.message, story: [size, ...smallest.story] };
  }
}

process.on('message', (order: Order) => {
  const say = (word: Word): void => void process.send?.(word);
  void (async () => {
    for (const seed of order.seeds) say(await playSeed(seed, order));
    say('done');
  })();
});
