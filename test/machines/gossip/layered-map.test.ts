// A layered map says what a plain one would, and the maps below it stay as they were.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LayeredMap } from '../../../machines/gossip/layered-map.ts';

const SIZE_MAX = 120;

const write = fc.record({
  key: fc.nat(SIZE_MAX),
  value: fc.option(fc.nat(), { nil: null, freq: 3 }),
});

test('like a plain map, through generations of writes', () => {
  fc.assert(
    fc.property(
      fc.nat(SIZE_MAX),
      fc.array(fc.array(write, { maxLength: 50 }), { maxLength: 12 }),
      (size, generations) => {
        let map: ReadonlyMap<number, number> = new Map(
          Array.from({ length: size }, (_, at) => [at, at]),
        );
        let plain = new Map(map);
        for (const writes of generations) {
          const before = map;
          const known = [...before];
          const next = LayeredMap.over(before);
          plain = new Map(plain);
          for (const { key, value } of writes) {
            if (value === null) {
              next.delete(key);
              plain.delete(key);
            } else {
              next.set(key, value);
              plain.set(key, value);
            }
          }
          map = next;
          expect([...before]).toEqual(known);
          expect(map.size).toBe(plain.size);
          expect(new Map(map)).toEqual(plain);
          expect([...map.keys()].sort()).toEqual([...plain.keys()].sort());
          expect([...map.values()].sort()).toEqual([...plain.values()].sort());
          for (let key = 0; key <= SIZE_MAX; key++) {
            expect(map.get(key)).toBe(plain.get(key));
            expect(map.has(key)).toBe(plain.has(key));
          }
          const visited: [number, number][] = [];
          map.forEach((value, key) => void visited.push([key, value]));
          expect(visited).toEqual([...map]);
        }
      },
    ),
  );
});
