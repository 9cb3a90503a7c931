/**
 * Cuts a failing plan down: the shortest prefix of time, then as few faults as still make the same
 * thing go wrong (delta debugging, Zeller 2002). Every attempt is a whole run.
 */

import type { Plan, PlannedFault } from './plan.ts';
import { play, RunFailure } from './play.ts';

/** Runs in search of a smaller plan, at most. */
const ATTEMPTS_MAX = 120;

/** The smallest failure found; the given one when nothing smaller fails alike. */
export async function minimise(failure: RunFailure): Promise<RunFailure> {
  const search = new Search(failure);
  await search.shorten();
  await search.thin();
  return search.smallest;
}

class Search {
  smallest: RunFailure;
  readonly #kind: string;
  #attempts = 0;

  constructor(failure: RunFailure) {
    this.smallest = failure;
    this.#kind = kindOf(failure);
  }

  /** Halves the storm for as long as that still fails. */
  async shorten(): Promise<void> {
    for (;;) {
      const { plan } = this.smallest;
      const stormMs = Math.round(plan.stormMs / 2);
      const faults = plan.faults.filter(({ atMs }) => atMs < stormMs);
      if (stormMs < 100 || !(await this.#fails({ ...plan, stormMs, faults }))) return;
    }
  }

  /** Leaves out parts of the faults, smaller and smaller ones. */
  async thin(): Promise<void> {
    let parts = 2;
    while (this.smallest.plan.faults.length > 0) {
      const { plan } = this.smallest;
      const size = Math.ceil(plan.faults.length / parts);
      const smaller = await this.#withoutOne(plan, chunks(plan.faults, size));
      if (smaller) parts = Math.max(2, parts - 1);
      else if (size <= 1) return;
      else parts *= 2;
      if (this.#attempts >= ATTEMPTS_MAX) return;
    }
  }

  async #withoutOne(plan: Plan, groups: readonly (readonly PlannedFault[])[]): Promise<boolean> {
    for (const group of groups) {
      const faults = plan.faults.filter((fault) => !group.includes(fault));
      if (await this.#fails({ ...plan, faults })) return true;
    }
    return false;
  }

  async #fails(plan: Plan): Promise<boolean> {
    if (this.#attempts >= ATTEMPTS_MAX) return false;
    this.#attempts += 1;
    try {
      await play(plan);
      return false;
    } catch (error) {
      if (!(error instanceof RunFailure) || kindOf(error) !== this.#kind) return false;
      this.smallest = error;
      return true;
    }
  }
}

/** Failures of one kind say the same, but for names and numbers. */
function kindOf({ message }: RunFailure): string {
  return message.replaceAll(/\d+/g, '#').slice(0, 24);
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const found: T[][] = [];
  for (let at = 0; at < items.length; at += size) found.push(items.slice(at, at + size));
  return found;
}
