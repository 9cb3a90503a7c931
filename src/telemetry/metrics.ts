/**
 * The figures of this agent as Consul's tools read them: counts and samples of the last ten seconds,
 * gauges as they are now. Prometheus gets the sums since the start.
 */

import type { Clock } from '../world/world.ts';
import { Aggregate } from './aggregate.ts';

/** One interval of counts and samples. */
export const INTERVAL_MS = 10_000;
/** Series beyond are not kept: their names and labels come from this program, so none is expected. */
const SERIES_MAX = 4096;

export type Labels = Readonly<Record<string, string>>;

export interface Series {
  readonly name: string;
  readonly labels: Labels;
}

export interface GaugeValue extends Series {
  readonly value: number;
}

export interface AggregateValue extends Series {
  readonly aggregate: Aggregate;
}

/** All figures at one time, each list ordered by name and labels. */
export interface MetricsView {
  /** Start of the interval, Unix milliseconds. */
  readonly startMs: number;
  readonly gauges: readonly GaugeValue[];
  readonly counters: readonly AggregateValue[];
  readonly samples: readonly AggregateValue[];
}

/** Reads a gauge; `null` while there is nothing to tell. */
export type GaugeReader = () => number | null;

type Kind = 'counters' | 'samples';
type Book = Record<Kind, Map<string, AggregateValue>>;

export class Metrics {
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #gauges = new Map<string, Series & { readonly read: GaugeReader }>();
  readonly #totals: Book = emptyBook();
  #startMs: number;
  #current: Book = emptyBook();
  #finished: { readonly startMs: number; readonly book: Book } | null = null;

  /** `prefix`: what all names begin with, `consul` by default. */
  constructor(clock: Clock, prefix: string) {
    this.#clock = clock;
    this.#prefix = prefix === '' ? '' : `${prefix}.`;
    this.#startMs = intervalStart(clock.now());
  }

  /** Declares a figure that is read whenever somebody asks. */
  gauge(name: string, read: GaugeReader, labels: Labels = {}): void {
    const full = this.#prefix + name;
    this.#gauges.set(keyOf(full, labels), { name: full, labels, read });
  }

  count(name: string, labels: Labels = {}): void {
    this.#note('counters', name, labels, 1);
  }

  /** `ms`: how long something took. */
  sample(name: string, ms: number, labels: Labels = {}): void {
    this.#note('samples', name, labels, ms);
  }

  /** The last interval that is over; the running one as long as there is none. */
  interval(): MetricsView {
    this.#turn();
    const { startMs, book } = this.#finished ?? { startMs: this.#startMs, book: this.#current };
    return this.#viewOf(startMs, book);
  }

  /** Everything since the start. */
  totals(): MetricsView {
    return this.#viewOf(this.#startMs, this.#totals);
  }

  #note(kind: Kind, suffix: string, labels: Labels, value: number): void {
    this.#turn();
    const name = this.#prefix + suffix;
    const key = keyOf(name, labels);
    for (const book of [this.#totals, this.#current]) {
      let series = book[kind].get(key);
      if (series === undefined) {
        if (book[kind].size >= SERIES_MAX) return;
        series = { name, labels, aggregate: new Aggregate() };
        book[kind].set(key, series);
      }
      series.aggregate.add(value);
    }
  }

  #turn(): void {
    const startMs = intervalStart(this.#clock.now());
    if (startMs === this.#startMs) return;
    const justOver = startMs === this.#startMs + INTERVAL_MS;
    this.#finished = justOver
      ? { startMs: this.#startMs, book: this.#current }
      : { startMs: startMs - INTERVAL_MS, book: emptyBook() };
    this.#startMs = startMs;
    this.#current = emptyBook();
  }

  #viewOf(startMs: number, book: Book): MetricsView {
    const gauges = ordered(this.#gauges).flatMap(({ name, labels, read }) => {
      const value = read();
      return value === null ? [] : [{ name, labels, value }];
    });
    return { startMs, gauges, counters: ordered(book.counters), samples: ordered(book.samples) };
  }
}

function emptyBook(): Book {
  return { counters: new Map(), samples: new Map() };
}

function intervalStart(nowMs: number): number {
  return nowMs - (nowMs % INTERVAL_MS);
}

function keyOf(name: string, labels: Labels): string {
  let key = name;
  for (const label in labels) key += `;${label}=${labels[label]}`;
  return key;
}

function ordered<T>(series: ReadonlyMap<string, T>): readonly T[] {
  return [...series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
