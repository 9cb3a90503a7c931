/** A thread of the fuzzer: fuzzes the decoders that it is given, one after the other. */

import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './engine/corpus.ts';
import { Coverage } from './engine/coverage.ts';
import { smallestCorpus } from './engine/minimise.ts';
import { fuzz } from './engine/session.ts';
import type { Order, Report, Shared } from './orders.ts';
import { targetNamed } from './targets.ts';

const port = parentPort;
if (port === null) throw new Error('this file runs in a thread of the fuzzer');

const shared = workerData as Shared;
const counter = new Int32Array(shared.counter);
const current = new Uint8Array(shared.input);
const coverage = new Coverage();

/** Leaves the input where the watching thread finds it. */
function before(input: Uint8Array): void {
  const size = Math.min(input.length, current.length);
  current.set(input.subarray(0, size));
  counter[1] = size;
  Atomics.add(counter, 0, 1);
}

port.on('message', (order: Order) => {
  void perform(order).then((report) => port.postMessage(report));
});

async function perform(order: Order): Promise<Report> {
  const target = targetNamed(order.decoder);
  const kept = readCorpus(order.decoder);
  const summary = await fuzz({ target, kept, ...order, coverage, before });
  const { runs, seconds, blocks, corpus, finding } = summary;
  const facts = { decoder: order.decoder, runs, seconds, blocks, corpus: corpus.length };
  if (finding !== undefined) {
    const { input, error } = finding;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...facts, kept: [], finding: { input, text } };
  }
  if (!order.keep) return { ...facts, kept: [] };
  return { ...facts, kept: await smallestCorpus(target, target.seeds(), corpus, coverage) };
}
