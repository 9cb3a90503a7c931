// Writes one new key after the other until it is stopped, and remembers what was acknowledged.

import { pause } from './program.ts';

const REFUSED_PAUSE_MS = 50;

export interface KeyWriterOptions {
  /** What all its keys begin with, without the last slash. */
  readonly prefix: string;
  /** Resolves to whether the write was acknowledged; never rejects. */
  readonly write: (key: string, value: string) => Promise<boolean>;
}

export class KeyWriter {
  readonly acknowledged = new Map<string, string>();
  readonly prefix: string;
  refused = 0;
  longestGapMs = 0;
  readonly #write: KeyWriterOptions['write'];
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor({ prefix, write }: KeyWriterOptions) {
    this.prefix = prefix;
    this.#write = write;
  }

  begin(): void {
    this.#done = this.#run();
  }

  end(): Promise<void> {
    this.#stopped = true;
    return this.#done;
  }

  /** Acknowledged keys that are not among `pairs`, as a read of the whole prefix brings them. */
  lost(
    pairs: readonly { readonly Key: string; readonly Value: string | null }[],
  ): readonly string[] {
    const held = new Map(
      pairs.map(({ Key, Value }) => [Key, Buffer.from(Value ?? '', 'base64').toString()]),
    );
    return [...this.acknowledged].flatMap(([key, value]) =>
      held.get(key) === value ? [] : [`${key}: ${held.get(key) ?? 'absent'}`],
    );
  }

  async #run(): Promise<void> {
    let lastGood = performance.now();
    for (let number = 0; !this.#stopped; number += 1) {
      const key = `${this.prefix}/${number}`;
      const value = `value ${number}`;
      if (await this.#write(key, value)) {
        this.acknowledged.set(key, value);
        this.longestGapMs = Math.max(this.longestGapMs, performance.now() - lastGood);
        lastGood = performance.now();
      } else {
        this.refused += 1;
        await pause(REFUSED_PAUSE_MS);
      }
    }
  }
}
