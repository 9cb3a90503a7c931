/** Fuzzes one decoder: batches of changed inputs; those that reach new code are kept. */

import { createSeededRandom, type SeededRandom } from '../../../src/world/simulated/random.ts';
import { check } from './check.ts';
import type { Coverage } from './coverage.ts';
import { minimise } from './minimise.ts';
import { below, mutate } from './mutate.ts';
import { type Target, textBytes } from './target.ts';

/** Inputs between two looks at the coverage. */
const BATCH = 256;
/** Kept inputs; more would only repeat. */
const CORPUS_MAX = 2000;

export interface Finding {
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface Summary {
  readonly runs: number;
  readonly seconds: number;
  readonly corpus: readonly Uint8Array[];
  readonly blocks: number;
  readonly finding?: Finding;
}

export interface SessionOptions {
  readonly target: Target;
  readonly kept: readonly Uint8Array[];
  readonly seed: string;
  readonly seconds: number;
  readonly coverage: Coverage;
  /** Told of every input before it is read: what hangs or kills the thread is then known. */
  readonly before: (input: Uint8Array) => void;
}

/** Runs until the time is over or something is found. */
export function fuzz(options: SessionOptions): Promise<Summary> {
  return new FuzzSession(options).run();
}

class FuzzSession {
  readonly #options: SessionOptions;
  readonly #random: SeededRandom;
  readonly #tokens: readonly Uint8Array[];
  readonly #corpus: Uint8Array[] = [];
  #runs = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#random = createSeededRandom(`${options.seed}/${options.target.name}`);
    this.#tokens = options.target.tokens.map((token) =>
      typeof token === 'string' ? textBytes(token) : token,
    );
  }

  async run(): Promise<Summary> {
    const { coverage, target, kept, seconds } = this.#options;
    const started = performance.now();
    coverage.reset();
    let finding = await this.#readKnown([...target.seeds(), ...kept]);
    while (finding === undefined && performance.now() - started < seconds * 1000) {
      finding = await this.#batch();
    }
    const tookSeconds = (performance.now() - started) / 1000;
    const summary = {
      runs: this.#runs,
      seconds: tookSeconds,
      corpus: this.#corpus,
      blocks: coverage.blocks,
    };
    if (finding === undefined) return summary;
    return { ...summary, finding: await minimise(target, finding, this.#options.before) };
  }

  /** Known inputs stay, whatever they reach: there is something to take pieces of. */
  async #readKnown(inputs: readonly Uint8Array[]): Promise<Finding | undefined> {
    for (const input of [new Uint8Array(0), ...inputs]) {
      this.#corpus.push(input);
      const finding = await this.#read(input);
      if (finding !== undefined) return finding;
    }
    this.#options.coverage.add();
    return undefined;
  }

  async #batch(): Promise<Finding | undefined> {
    const inputs = Array.from({ length: BATCH }, () => this.#next());
    for (const input of inputs) {
      const finding = await this.#read(input);
      if (finding !== undefined) return finding;
    }
    return this.#options.coverage.isFresh() ? this.#bisect(inputs) : undefined;
  }

  #next(): Uint8Array {
    return mutate(this.#choose(), this.#choose(), this.#tokens, this.#random);
  }

  /** Half of the time one of the latest: what was reached last is where there is more. */
  #choose(): Uint8Array {
    const size = this.#corpus.length;
    const among = this.#random.chance(0.5) ? Math.min(size, 16) : size;
    return this.#corpus[size - 1 - below(this.#random, among)] as Uint8Array;
  }

  /** Runs halves of a batch again, down to the single inputs that reach what is new. */
  async #bisect(inputs: readonly Uint8Array[]): Promise<Finding | undefined> {
    const middle = inputs.length >> 1;
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      for (const input of half) {
        const finding = await this.#read(input);
        if (finding !== undefined) return finding;
      }
      const [only] = half;
      if (half.length === 1 && only !== undefined) {
        if (this.#options.coverage.add() && this.#corpus.length < CORPUS_MAX)
          this.#corpus.push(only);
      } else if (half.length > 1 && this.#options.coverage.isFresh()) {
        const finding = await this.#bisect(half);
        if (finding !== undefined) return finding;
      }
    }
    return undefined;
  }

  async #read(input: Uint8Array): Promise<Finding | undefined> {
    this.#runs += 1;
    this.#options.before(input);
    try {
      const pending = check(this.#options.target, input);
      if (pending !== undefined) await pending;
      return undefined;
    } catch (error) {
      return { input, error };
    }
  }
}
