/**
 * `npm run sim -- --seeds N --seed S`: plays the runs of N seeds from S on, in as many processes as
 * there are cores. A run that fails is cut down to what matters and told; the exit code is then 1.
 *
 *     --seeds N     how many (default 100; `nightly` is 20,000)
 *     --seed S      the first (default 1)
 *     --servers N   groups of this size only (3, 5 or 7)
 *     --jobs N      processes (default: cores)
 *     --until-failure   ends with the first seed that fails, as it is
 *     --inspect     plays the one seed for eyes, with an inspector page for each server
 *     --speed N     how many times faster than real time then (default 1)
 */

import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { minimise } from './cluster/minimise.ts';
import { planOf } from './cluster/plan.ts';
import { play, RunFailure } from './cluster/play.ts';
import { inspectPlan } from './inspect.ts';
import { type FailedRun, Report, type SeedResult } from './report.ts';

const NIGHTLY_SEEDS = 20_000;
/** Failures told in full; one is usually enough to work on. */
const FAILURES_MAX = 3;
/** Seeds handed to a process at a time. */
const BATCH = 5;

interface Order {
  readonly seeds: readonly number[];
  readonly servers: number | undefined;
  /** What becomes of a failing plan. */
  readonly failing: 'cut' | 'keep';
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      servers: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      'until-failure': { type: 'boolean', default: false },
      inspect: { type: 'boolean', default: false },
      speed: { type: 'string', default: '1' },
    },
  });
  const count = values.seeds === 'nightly' ? NIGHTLY_SEEDS : wholeNumber('seeds', values.seeds);
  const first = wholeNumber('seed', values.seed);
  const servers = values.servers === undefined ? undefined : wholeNumber('servers', values.servers);
  if (values.inspect) {
    const plan = planOf(first, servers === undefined ? {} : { servers });
    await inspectPlan(plan, wholeNumber('speed', values.speed));
    return;
  }
  const jobs = Math.min(wholeNumber('jobs', values.jobs), Math.ceil(count / BATCH));
  const report = new Report();
  const failing = values['until-failure'] ? 'keep' : 'cut';
  await handOut({ first, count, servers, jobs, failing }, report);
  process.stdout.write(`${report.summary()}\n`);
  process.exitCode = report.failures.length > 0 ? 1 : 0;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${name} takes a whole number above 0, not ${JSON.stringify(text)}`);
}

interface Work {
  readonly first: number;
  readonly count: number;
  readonly servers: number | undefined;
  readonly jobs: number;
  readonly failing: Order['failing'];
}

/** Each process gets the next few seeds when it is done with its last, until all are played. */
async function handOut(work: Work, report: Report): Promise<void> {
  let next = work.first;
  const end = work.first + work.count;
  const take = (): Order | undefined => {
    const enough = work.failing === 'keep' ? 1 : FAILURES_MAX;
    if (next >= end || report.failures.length >= enough) return undefined;
    const seeds = Array.from({ length: Math.min(BATCH, end - next) }, (_, at) => next + at);
    next += seeds.length;
    return { seeds, servers: work.servers, failing: work.failing };
  };
  const told = (result: SeedResult | FailedRun): void => {
    report.add(result);
    if ('story' in result) process.stdout.write(`${failureText(result)}\n`);
  };
  await Promise.all(Array.from({ length: work.jobs }, () => employ(take, told)));
}

function employ(
  take: () => Order | undefined,
  told: (result: SeedResult | FailedRun) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(fileURLToPath(import.meta.url), ['--worker']);
    const more = (): void => {
      const order = take();
      if (order === undefined) child.disconnect();
      else child.send(order);
    };
    child.on('message', (message: SeedResult | FailedRun | 'done') => {
      if (message === 'done') more();
      else told(message);
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a process of the simulation ended with ${code}`));
    });
    more();
  });
}

function failureText({ seed, message, story }: FailedRun): string {
  return [
    `seed ${seed} fails: ${message}`,
    ...story,
    `npm run sim -- --seeds 1 --seed ${seed}`,
  ].join('\n  ');
}

function work(): void {
  process.on('message', (order: Order) => {
    void (async () => {
      for (const seed of order.seeds) process.send?.(await playSeed(seed, order));
      process.send?.('done');
    })();
  });
}

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

if (process.argv.includes('--worker')) work();
else await main();
