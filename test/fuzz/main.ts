/**
 * `npm run fuzz -- [--seconds N] [--decoder NAME] [--seed TEXT] [--workers N] [--keep]` spreads N
 * seconds over all decoders (or gives them to one). `--decoder NAME --input HEX` replays one input.
 * Ends with 1 when something was found.
 */

import { parseArgs } from 'node:util';
import { check } from './engine/check.ts';
import { writeCorpus } from './engine/corpus.ts';
import type { Order, Report } from './orders.ts';
import { TARGETS, targetNamed } from './targets.ts';
import { WatchedThread } from './watched-thread.ts';

const SECONDS_DEFAULT = '60';
const WORKERS_DEFAULT = '2';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: SECONDS_DEFAULT },
    decoder: { type: 'string' },
    seed: { type: 'string', default: '1' },
    input: { type: 'string' },
    workers: { type: 'string', default: WORKERS_DEFAULT },
    keep: { type: 'boolean', default: false },
  },
});

process.exitCode = await (values.input === undefined ? fuzzAll() : replay(values.input));

async function replay(hex: string): Promise<number> {
  const target = targetNamed(values.decoder ?? '');
  try {
    await check(target, new Uint8Array(Buffer.from(hex, 'hex')));
  } catch (error) {
    console.log(error);
    return 1;
  }
  console.log(`${target.name}: nothing wrong with this input`);
  return 0;
}

async function fuzzAll(): Promise<number> {
  const names = values.decoder === undefined ? TARGETS.map(({ name }) => name) : [values.decoder];
  const seconds = Number(values.seconds) / names.length;
  const orders = names.map((decoder) => ({
    decoder,
    seconds,
    seed: values.seed,
    keep: values.keep,
  }));
  const threads = Array.from({ length: Number(values.workers) }, () => new WatchedThread());
  console.log(`${names.length} decoders, ${seconds.toFixed(1)} s each, seed ${values.seed}`);
  const reports = (await Promise.all(threads.map((thread) => performAll(thread, orders)))).flat();
  for (const thread of threads) await thread.close();
  const findings = reports.filter(({ finding }) => finding !== undefined);
  for (const report of findings) tell(report);
  const runs = reports.reduce((sum, report) => sum + report.runs, 0);
  console.log(`${runs} runs, ${findings.length} findings`);
  return findings.length > 0 ? 1 : 0;
}

/** Takes orders until there are none left. */
async function performAll(thread: WatchedThread, orders: Order[]): Promise<readonly Report[]> {
  const reports: Report[] = [];
  for (let order = orders.shift(); order !== undefined; order = orders.shift()) {
    const report = await thread.perform(order);
    reports.push(report);
    if (order.keep && report.finding === undefined) writeCorpus(report.decoder, report.kept);
    console.log(line(report));
  }
  return reports;
}

function line({ decoder, runs, seconds, corpus, blocks, finding }: Report): string {
  const rate = Math.round(runs / Math.max(seconds, 0.001));
  const end = finding === undefined ? '' : '  FOUND';
  return (
    `${decoder.padEnd(22)}${String(runs).padStart(9)} runs${String(rate).padStart(8)}/s` +
    `${String(corpus).padStart(6)} inputs${String(blocks).padStart(6)} blocks${end}`
  );
}

function tell({ decoder, finding }: Report): void {
  if (finding === undefined) return;
  const hex = Buffer.from(finding.input).toString('hex');
  console.log(`\n${decoder} (seed ${values.seed}): ${finding.text}`);
  console.log(`npm run fuzz -- --decoder ${decoder} --input ${hex}`);
}
