/** Callers whose entries stand in the log and wait to be applied. */

import type { AnyReply } from '../../machines/raft/node.ts';

interface Waiting {
  readonly index: number;
  readonly reply: AnyReply;
}

export class PendingReplies {
  #waiting: Waiting[] = [];
  #head = 0;
  #applying: readonly number[] = [];

  get size(): number {
    return this.#waiting.length - this.#head;
  }

  /** Entries from `firstIndex` on; indexes only ascend. */
  add(firstIndex: number, replies: readonly AnyReply[]): void {
    let index = firstIndex;
    for (const reply of replies) this.#waiting.push({ index: index++, reply });
  }

  /** The commands that are with the state machine now, whose responses come next. */
  applying(indexes: readonly number[]): void {
    this.#applying = indexes;
  }

  /** Answers everybody up to `throughIndex`: commands with their response, others with null. */
  applied(throughIndex: number, responses: readonly unknown[]): void {
    const indexes = this.#applying;
    let at = 0;
    while (this.#head < this.#waiting.length) {
      const { index, reply } = this.#waiting[this.#head] as Waiting;
      if (index > throughIndex) break;
      this.#head += 1;
      while (at < indexes.length && (indexes[at] as number) < index) at += 1;
      const isCommand = indexes[at] === index && at < responses.length;
      reply.answer(isCommand ? responses[at] : null);
    }
    if (this.#head === this.#waiting.length || this.#head > 4096) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Gives up on all. */
  abandon(error: Error): void {
    const waiting = this.#waiting.slice(this.#head);
    this.#waiting = [];
    this.#head = 0;
    for (const { reply } of waiting) reply.refuse(error);
  }
}
