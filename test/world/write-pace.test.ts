import { expect, it } from 'vitest';
import { WritePace } from '../../src/world/write-pace.ts';
import { settle } from '../support/stream-pair.ts';

/** Somebody who waits for room, and whether that has come. */
function waiter(pace: WritePace): { readonly came: () => boolean } {
  let came = false;
  void pace.room().then(() => {
    came = true;
  });
  return { came: () => came };
}

it('there is room when the stream has drained, each time anew', async () => {
  const pace = new WritePace();
  pace.drained();
  for (let round = 0; round < 2; round++) {
    const waiting = waiter(pace);
    await settle();
    expect(waiting.came()).toBe(false);
    pace.drained();
    await settle();
    expect(waiting.came()).toBe(true);
  }
});

it('nobody waits for a stream that is over', async () => {
  const pace = new WritePace();
  const before = waiter(pace);
  pace.end();
  const after = waiter(pace);
  await settle();
  expect([before.came(), after.came(), pace.over]).toEqual([true, true, true]);
});
