/**
 * Gives calls of unknown outcome an end, where what was seen later tells it. Such a call may take
 * effect for ever after, and every one of them doubles the orders that a search has to try; real
 * processes that are killed leave hundreds. All written values are different, so that most of them
 * have told by the end what became of them.
 *
 * The history that is left can be explained if the whole can: what is taken away is only what may
 * be left out of every explanation, and the refused swaps that such a write could be the reason of.
 */

import type { RegisterCall, RegisterOperation } from './register.ts';

const WRITTEN = { kind: 'written' } as const;
const SWAPPED = { kind: 'swapped', done: true } as const;

/** The history of one place, of which all values are different. */
export function settled(history: readonly RegisterOperation[]): readonly RegisterOperation[] {
  const firstSeenAt = sightings(history);
  const kept: RegisterOperation[] = [];
  let unseenSince = Number.POSITIVE_INFINITY;
  for (const operation of history) {
    const value = writtenBy(operation.call);
    // Deletions leave nothing that could be told from those of others.
    const open = operation.answer === undefined && value !== null;
    if (!open) {
      kept.push(operation);
      continue;
    }
    const answeredAt = firstSeenAt.get(value);
    if (answeredAt === undefined) {
      unseenSince = Math.min(unseenSince, operation.calledAt);
      continue;
    }
    const answer = operation.call.kind === 'swap' ? SWAPPED : WRITTEN;
    kept.push({ ...operation, answer, answeredAt });
  }
  return kept.filter(({ call, answer, answeredAt }) => {
    const refused = call.kind === 'swap' && answer?.kind === 'swapped' && !answer.done;
    return !refused || answeredAt < unseenSince;
  });
}

/**
 * When the first who saw a value had it: it was written before. A swap whose value was seen has
 * itself seen what it replaced, whether or not it was told so.
 */
function sightings(history: readonly RegisterOperation[]): ReadonlyMap<string, number> {
  const untold = new Map<string | null, string | null>();
  for (const { call, answer } of history) {
    if (call.kind === 'swap' && answer === undefined) untold.set(call.value, call.expected);
  }
  const seen = new Map<string, number>();
  for (const { call, answer, answeredAt } of history) {
    let value =
      answer?.kind === 'value'
        ? answer.value
        : call.kind === 'swap' && answer?.kind === 'swapped' && answer.done
          ? call.expected
          : null;
    while (value !== null && answeredAt < (seen.get(value) ?? Number.POSITIVE_INFINITY)) {
      seen.set(value, answeredAt);
      value = untold.get(value) ?? null;
    }
  }
  return seen;
}

/** What a call writes; `null` for a deletion, and for a read, which is never of unknown outcome. */
function writtenBy(call: RegisterCall): string | null {
  return call.kind === 'read' ? null : call.value;
}
