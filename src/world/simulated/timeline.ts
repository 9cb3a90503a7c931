/**
 * Simulated time: a heap of things that are due. Time moves only from one due thing to the next, so
 * that nothing is skipped: a repeating timer fires each of its times. Ties go in order of arming.
 */

/** Something that will happen. */
export interface Due {
  readonly atMs: number;
  readonly order: number;
  fire: (() => void) | undefined;
}

/** More of what is cancelled than of what is due goes; fewer than these are not worth the while. */
const CANCELLED_MAX = 64;

export class Timeline {
  /** Milliseconds since the start of the simulation, with fractions. */
  nowMs = 0;
  /** Things fired so far. */
  fired = 0;
  #heap: Due[] = [];
  #order = 0;
  #cancelled = 0;

  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  after(delayMs: number, fire: () => void): Due {
    return this.at(this.nowMs + Math.max(0, delayMs), fire);
  }

  at(atMs: number, fire: () => void): Due {
    const due: Due = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, fire };
    this.#heap.push(due);
    this.#up(this.#heap.length - 1);
    return due;
  }

  cancel(due: Due): void {
    if (due.fire === undefined) return;
    due.fire = undefined;
    this.#cancelled++;
    if (this.#cancelled > CANCELLED_MAX && this.#cancelled > this.#heap.length / 2) this.#sweep();
  }

  /** When the next thing is due; `undefined` when nothing is. */
  nextMs(): number | undefined {
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      if (first.fire) return first.atMs;
      this.#pop();
      this.#cancelled--;
    }
    return undefined;
  }

  /** Moves to the next due thing and does it. Returns false when there is none until `limitMs`. */
  step(limitMs: number): boolean {
    const next = this.nextMs();
    if (next === undefined || next > limitMs) return false;
    const due = this.#pop();
    if (due === undefined) return false;
    this.nowMs = due.atMs;
    this.fired++;
    const { fire } = due;
    due.fire = undefined;
    fire?.();
    return true;
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((due) => due.fire);
    for (let place = this.#heap.length >> 1; place > 0; place--) this.#down(place - 1);
    this.#cancelled = 0;
  }

  #pop(): Due | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last && last !== first) {
      this.#heap[0] = last;
      this.#down(0);
    }
    return first;
  }

  #up(start: number): void {
    const heap = this.#heap;
    const due = heap[start] as Due;
    let place = start;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] as Due;
      if (!before(due, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = due;
  }

  #down(start: number): void {
    const heap = this.#heap;
    const due = heap[start] as Due;
    let place = start;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right && before(right, heap[child] as Due)) child++;
      const below = heap[child] as Due;
      if (!before(below, due)) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = due;
  }
}

function before(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
