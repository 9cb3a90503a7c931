/** A connection to a peer that says nothing any more: who waits behind it, and for how long. */

import { expect, it } from 'vitest';
import { Lane, type LaneRequest, RPC_TIMEOUT_MS } from '../../../actors/raft/lane.ts';
import type { ByteStream } from '../../../src/world/world.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { settle, streamPair, type TestStream } from '../../support/stream-pair.ts';

const TIMEOUT_MS = 1_000;

/** A lane whose dials come to something when the test says so. */
function scene(timeoutMs?: number) {
  const clock = new ManualClock();
  const told: string[] = [];
  const dials: ((stream: ByteStream) => void)[] = [];
  const lane = new Lane({
    clock,
    ...(timeoutMs !== undefined && { timeoutMs }),
    dial: () => new Promise((resolve) => dials.push(resolve)),
  });
  const request = (term: number): LaneRequest => ({
    rpc: 'request-vote',
    term,
    encode: () => Uint8Array.of(term),
    answered: () => told.push(`${term} answered`),
    failed: ({ message }) => told.push(`${term} failed: ${message}`),
  });
  /** The end of the peer that answers nothing. */
  const connect = async (dial: number): Promise<{ here: TestStream; there: TestStream }> => {
    const [here, there] = streamPair();
    dials[dial]?.(here);
    await settle();
    return { here, there };
  };
  return { clock, told, dials, lane, connect, send: (term: number) => lane.send(request(term)) };
}

it('what is asked in the same term goes over the same connection', async () => {
  const { told, dials, connect, send } = scene();
  send(1);
  const { here } = await connect(0);
  send(1);
  expect([told, dials.length, here.written]).toEqual([[], 1, 2]);
});

it('what is asked in a newer term does not wait for what an older one is owed', async () => {
  const { told, dials, connect, send } = scene();
  send(1);
  const first = await connect(0);
  send(2);
  const second = await connect(1);
  expect(told).toEqual(['1 failed: not answered before term 2']);
  expect([dials.length, first.here.destroyed, second.here.written]).toEqual([2, true, 1]);
});

it('nor for the connection that an older one waits for', async () => {
  const { told, dials, connect, send } = scene();
  send(1);
  send(2);
  const late = await connect(0);
  const wanted = await connect(1);
  expect(told).toEqual(['1 failed: not answered before term 2']);
  expect([dials.length, late.here.destroyed, late.here.written]).toEqual([2, true, 0]);
  expect([wanted.here.destroyed, wanted.here.written]).toEqual([false, 1]);
});

it.each([undefined, TIMEOUT_MS])('silence for the timeout of %s ends it', async (timeoutMs) => {
  const { clock, told, connect, send } = scene(timeoutMs);
  const limitMs = timeoutMs ?? RPC_TIMEOUT_MS;
  send(1);
  const { here } = await connect(0);
  await clock.advance(limitMs - 1);
  expect([told, here.destroyed]).toEqual([[], false]);
  await clock.advance(1);
  expect(told).toEqual([`1 failed: no answer in ${limitMs} ms: i/o timeout`]);
  expect([here.destroyed, clock.armed]).toEqual([true, 0]);
});

it('a dial that takes longer is given up, and the next request begins another', async () => {
  const { clock, told, dials, connect, send } = scene(TIMEOUT_MS);
  send(1);
  await clock.advance(TIMEOUT_MS);
  send(1);
  const late = await connect(0);
  const wanted = await connect(1);
  expect(told).toEqual([`1 failed: no answer in ${TIMEOUT_MS} ms: i/o timeout`]);
  expect([dials.length, late.here.destroyed, wanted.here.written]).toEqual([2, true, 1]);
});

it('answers that came while this process stood still are read before it is judged', async () => {
  const { clock, told, connect, send } = scene(TIMEOUT_MS);
  send(1);
  const { there } = await connect(0);
  // The timer and the answer are both due at once: timers run first.
  clock.setTimeout(() => there.write(Uint8Array.of(0xa1, 0x78, 0xc0)), TIMEOUT_MS);
  await clock.advance(TIMEOUT_MS);
  expect(told).toEqual(['1 failed: x']);
});
