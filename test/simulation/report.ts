/** What all runs together came to. */

import type { RunResult } from './cluster/play.ts';

export interface SeedResult extends RunResult {
  readonly seed: number;
  readonly servers: number;
  /** Processor time of the run. */
  readonly cpuMs: number;
}

export interface FailedRun {
  readonly seed: number;
  readonly message: string;
  readonly story: readonly string[];
}

export class Report {
  readonly failures: FailedRun[] = [];
  readonly #results: SeedResult[] = [];

  add(result: SeedResult | FailedRun): void {
    if ('story' in result) this.failures.push(result);
    else this.#results.push(result);
  }

  /** How far a long run of `count` seeds has come in `elapsedMs`. */
  progress(count: number, elapsedMs: number): string {
    const played = this.#results.length + this.failures.length;
    const minutes = elapsedMs / 60_000;
    const leftMinutes = played === 0 ? Number.NaN : (minutes / played) * (count - played);
    return (
      `${minutes.toFixed(0)} min: ${played} of ${count} seeds played, ` +
      `${this.failures.length} failed, ${leftMinutes.toFixed(0)} min to go`
    );
  }

  summary(): string {
    const sizes = [...new Set(this.#results.map(({ servers }) => servers))].sort((a, b) => a - b);
    const lines = sizes.map((servers) => this.#line(servers));
    const undecided = this.#results.filter(({ undecided: count }) => count > 0);
    return [
      ...lines,
      ...(undecided.length > 0
        ? [`a history too large to be decided in seeds ${seedsOf(undecided)}`]
        : []),
      `${this.#results.length} passed, ${this.failures.length} failed`,
      ...(this.failures.length > 0 ? [`seeds that fail: ${seedsOf(this.failures)}`] : []),
    ].join('\n');
  }

  #line(servers: number): string {
    const runs = this.#results.filter((run) => run.servers === servers);
    const simulatedMs = sum(runs, (run) => run.simulatedMs);
    const times = simulatedMs / sum(runs, ({ cpuMs }) => cpuMs);
    const answered = sum(runs, (run) => run.answered);
    const steps = sum(runs, (run) => run.steps);
    return (
      `${servers} servers: ${runs.length} runs, ${(simulatedMs / 3_600_000).toFixed(2)} h simulated ` +
      `at ${times.toFixed(0)} times real time, ${answered} calls answered, ${steps} steps checked`
    );
  }
}

function seedsOf(runs: readonly { readonly seed: number }[]): string {
  const seeds = runs.map(({ seed }) => seed);
  return seeds.sort((a, b) => a - b).join(' ');
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
