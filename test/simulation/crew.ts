/** Processes that play seeds side by side. */

import { type ChildProcess, fork } from 'node:child_process';
import { bundleProgram, COLLECTION } from '../support/bundle.ts';
import type { FailedRun, SeedResult } from './report.ts';
import type { Order, Word } from './worker.ts';

/** Seeds handed to a process at a time. */
const BATCH = 5;

export interface Work {
  readonly first: number;
  readonly count: number;
  readonly servers: number | undefined;
  readonly jobs: number;
  /** Failures cut down to what matters; of others only what they say is told. */
  readonly cutMax: number;
  /** Failures after which no more seeds are begun. */
  readonly failuresMax: number;
  told(result: SeedResult | FailedRun): void;
}

/** Each process gets the next few seeds when it is done with its last, until all are played. */
export async function playSeeds(work: Work): Promise<void> {
  let next = work.first;
  let failures = 0;
  const end = work.first + work.count;
  const take = (): Order | undefined => {
    if (next >= end || failures >= work.failuresMax) return undefined;
    const seeds = Array.from({ length: Math.min(BATCH, end - next) }, (_, at) => next + at);
    next += seeds.length;
    return { seeds, servers: work.servers, failing: failures < work.cutMax ? 'cut' : 'keep' };
  };
  const told = (result: SeedResult | FailedRun): void => {
    if ('story' in result) failures += 1;
    work.told(result);
  };
  const bundle = bundleProgram('test/simulation/worker.ts');
  try {
    const jobs = Math.min(work.jobs, Math.ceil(work.count / BATCH));
    await Promise.all(Array.from({ length: jobs }, () => employ(bundle.path, take, told)));
  } finally {
    bundle.remove();
  }
}

function employ(
  program: string,
  take: () => Order | undefined,
  told: (result: SeedResult | FailedRun) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(program, { execArgv: [...COLLECTION] });
    const more = (): void => {
      const order = take();
      if (order === undefined) child.disconnect();
      else child.send(order);
    };
    child.on('message', (word: Word) => {
      if (word === 'done') more();
      else told(word);
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a process of the simulation ended with ${code}`));
    });
    more();
  });
}
