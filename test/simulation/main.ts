/**
 * `npm run sim -- --seeds N --seed S`: plays the runs of N seeds from S on, in as many processes as
 * there are cores. A run that fails is cut down to what matters and told; the exit code is then 1.
 *
 *     --seeds N     how many (default 100)
 *     --seed S      the first (default 1)
 *     --nightly     goes on over failures and tells them at the end; 20,000 seeds by default
 *     --servers N   groups of this size only (3, 5 or 7)
 *     --jobs N      processes (default: cores)
 *     --until-failure   ends with the first seed that fails, as it is
 *     --inspect     plays the one seed for eyes, with an inspector page for each server
 *     --speed N     how many times faster than real time then (default 1)
 */

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { planOf } from './cluster/plan.ts';
import { playSeeds } from './crew.ts';
import { inspectPlan } from './inspect.ts';
import { type FailedRun, Report } from './report.ts';

const SEEDS = { usual: 100, nightly: 20_000 } as const;
/** Failures told in full; one is usually enough to work on. */
const FAILURES_MAX = 3;
/** A night is long enough for so many to be cut down. */
const NIGHTLY_FAILURES_MAX = 20;
const PROGRESS_EVERY_MS = 60_000;

/** What becomes of failures. */
type Manner = 'few' | 'nightly' | 'until-failure';

const LIMITS = {
  few: { cutMax: FAILURES_MAX, failuresMax: FAILURES_MAX },
  nightly: { cutMax: NIGHTLY_FAILURES_MAX, failuresMax: Number.POSITIVE_INFINITY },
  'until-failure': { cutMax: 0, failuresMax: 1 },
} as const satisfies Readonly<Record<Manner, object>>;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string', default: '1' },
      nightly: { type: 'boolean', default: false },
      servers: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      'until-failure': { type: 'boolean', default: false },
      inspect: { type: 'boolean', default: false },
      speed: { type: 'string', default: '1' },
    },
  });
  const usual = values.nightly ? SEEDS.nightly : SEEDS.usual;
  const count = wholeNumber('seeds', values.seeds ?? String(usual));
  const first = wholeNumber('seed', values.seed);
  const servers = values.servers === undefined ? undefined : wholeNumber('servers', values.servers);
  if (values.inspect) {
    const plan = planOf(first, servers === undefined ? {} : { servers });
    await inspectPlan(plan, wholeNumber('speed', values.speed));
    return;
  }
  const jobs = wholeNumber('jobs', values.jobs);
  const manner = values['until-failure'] ? 'until-failure' : values.nightly ? 'nightly' : 'few';
  const report = await tellAll({ first, count, servers, jobs }, manner);
  process.exitCode = report.failures.length > 0 ? 1 : 0;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${name} takes a whole number above 0, not ${JSON.stringify(text)}`);
}

interface Seeds {
  readonly first: number;
  readonly count: number;
  readonly servers: number | undefined;
  readonly jobs: number;
}

/** Plays them. Failures are told as they are found; at night in a line, and in full at the end. */
async function tellAll(seeds: Seeds, manner: Manner): Promise<Report> {
  const report = new Report();
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  const beganMs = Date.now();
  const progress = setInterval(
    () => say(report.progress(seeds.count, Date.now() - beganMs)),
    PROGRESS_EVERY_MS,
  );
  try {
    await playSeeds({
      ...seeds,
      ...LIMITS[manner],
      told: (result) => {
        report.add(result);
        if ('story' in result) say(manner === 'nightly' ? headline(result) : failureText(result));
      },
    });
  } finally {
    clearInterval(progress);
  }
  if (manner === 'nightly') for (const failure of report.failures) say(failureText(failure));
  say(report.summary());
  return report;
}

function headline({ seed, message }: FailedRun): string {
  return `seed ${seed} fails: ${message}`;
}

function failureText(failure: FailedRun): string {
  const again = `npm run sim -- --seeds 1 --seed ${failure.seed}`;
  return [headline(failure), ...failure.story, again].join('\n  ');
}

await main();
