/** Waiters are found by keys and prefixes of keys, no one too many and no one too few. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WATCHES_PER_TREE_MAX, WaiterMap, WatchSet } from '../../src/store/watch.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0'), maxLength: 4 });
const slot = fc.nat(2);
const watch = fc.record({ slot, text, kind: fc.constantFrom('key', 'prefix') });

describe('waiters', () => {
  it('are woken by what they watch, once, as a search of all of them would find', () => {
    const round = fc.array(fc.record({ slot, text }), { maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(fc.array(watch, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
        fc.array(round, { maxLength: 4 }),
        fc.nat(7),
        (waiters, rounds, givesUp) => {
          const map = new WaiterMap();
          const woken: number[] = [];
          const cancels = waiters.map((watches, who) => {
            const set = new WatchSet();
            for (const w of watches) {
              if (w.kind === 'key') set.key(w.slot, w.text);
              else set.prefix(w.slot, w.text);
            }
            return map.add(set, () => woken.push(who));
          });
          cancels[givesUp]?.();
          let waiting = waiters.map((_, who) => who).filter((who) => who !== givesUp);
          for (const touched of rounds) {
            const bySlot: (Set<string> | undefined)[] = [];
            for (const t of touched) bySlot[t.slot] = (bySlot[t.slot] ?? new Set()).add(t.text);
            const expected = waiting.filter((who) =>
              waiters[who]?.some((w) =>
                touched.some(
                  (t) =>
                    t.slot === w.slot &&
                    (w.kind === 'key' ? t.text === w.text : t.text.startsWith(w.text)),
                ),
              ),
            );
            woken.length = 0;
            map.wake(bySlot);
            expect([...woken].sort()).toEqual(expected);
            waiting = waiting.filter((who) => !expected.includes(who));
            expect(map.size).toBe(waiting.length);
          }
          map.wakeRestored();
          expect(map.size).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('that watch too many keys watch the whole tree', () => {
    const map = new WaiterMap();
    const set = new WatchSet();
    for (let at = 0; at <= WATCHES_PER_TREE_MAX; at++) set.key(0, `k${at}`);
    expect([set.keys.size, [...(set.prefixes.get(0) ?? [])]]).toEqual([0, ['']]);
    let woken = 0;
    map.add(set, () => {
      woken += 1;
    });
    map.wake([undefined, new Set(['k1'])]);
    expect(woken).toBe(0);
    map.wake([new Set(['something else'])]);
    expect(woken).toBe(1);
  });
});
