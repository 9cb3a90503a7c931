/** Lets faults happen, two at once at most, in an order by chance. */

import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Fault, Misfortune } from './faults.ts';
import type { WholeFederation } from './federation.ts';

const AT_ONCE_MAX = 2;

interface Underway extends Misfortune {
  readonly untilMs: number;
}

/** Each of `faults` once; resolves when the last has ended. */
export async function befall(
  federation: WholeFederation,
  faults: readonly Fault[],
  random: SeededRandom,
  note: (text: string) => void,
): Promise<void> {
  const { simulation } = federation;
  let underway: Underway[] = [];
  const endFirst = async (): Promise<void> => {
    const first = underway.reduce((a, b) => (a.untilMs <= b.untilMs ? a : b));
    await simulation.run(Math.max(0, first.untilMs - simulation.nowMs));
    first.end();
    note(`over: ${first.text}`);
    underway = underway.filter((one) => one !== first);
  };
  for (const fault of shuffled(faults, random)) {
    while (underway.length >= AT_ONCE_MAX) await endFirst();
    await simulation.run(random.between(0, 6_000));
    const begun = fault(federation, random);
    if (begun === undefined) continue;
    note(begun.text);
    underway.push({ ...begun, untilMs: simulation.nowMs + begun.lastsMs });
  }
  while (underway.length > 0) await endFirst();
}

function shuffled<T>(items: readonly T[], random: SeededRandom): readonly T[] {
  return items
    .map((item) => ({ item, at: random.float() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
