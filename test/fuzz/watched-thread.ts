/**
 * A thread that fuzzes, watched from outside: when an input hangs it or exhausts its memory, the
 * thread ends, the input is known, and the others go on.
 */

import { Worker } from 'node:worker_threads';
import type { Order, Report, Shared } from './orders.ts';

/** Nothing that is read in good order takes as long. */
const HANG_MS = 20_000;
const LOOK_MS = 1_000;
/** Memory of a thread. */
const HEAP_MB_MAX = 1024;
const INPUT_BYTES_MAX = 128 * 1024;

export class WatchedThread {
  readonly #shared: Shared = {
    counter: new SharedArrayBuffer(8),
    input: new SharedArrayBuffer(INPUT_BYTES_MAX),
  };
  #worker = this.#start();

  #start(): Worker {
    return new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData: this.#shared,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    });
  }

  /** Resolves with what came of it; a hang and exhausted memory are findings too. */
  async perform(order: Order): Promise<Report> {
    const worker = this.#worker;
    let forget = (): void => {};
    try {
      return await new Promise<Report>((resolve, reject) => {
        worker.on('message', resolve).on('error', reject);
        const timer = this.#watch(() => reject(new Error(`hangs for more than ${HANG_MS} ms`)));
        forget = () => {
          clearInterval(timer);
          worker.off('message', resolve).off('error', reject);
        };
        worker.postMessage(order);
      });
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const input = this.#lastInput();
      await worker.terminate();
      this.#worker = this.#start();
      const nothing = { runs: 0, seconds: 0, blocks: 0, corpus: 0, kept: [] };
      return { decoder: order.decoder, ...nothing, finding: { input, text } };
    } finally {
      forget();
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #watch(hangs: () => void): NodeJS.Timeout {
    const counter = new Int32Array(this.#shared.counter);
    let seen = Atomics.load(counter, 0);
    let since = performance.now();
    return setInterval(() => {
      const now = Atomics.load(counter, 0);
      if (now !== seen) {
        seen = now;
        since = performance.now();
      } else if (performance.now() - since > HANG_MS) hangs();
    }, LOOK_MS);
  }

  #lastInput(): Uint8Array {
    const size = new Int32Array(this.#shared.counter)[1] ?? 0;
    return Uint8Array.from(new Uint8Array(this.#shared.input).subarray(0, size));
  }
}
