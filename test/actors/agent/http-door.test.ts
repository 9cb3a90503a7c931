/** Goal: how long a door that is told to shut goes on. */

import { expect, it } from 'vitest';
import { createActor } from 'xstate';
import { httpDoorSpec } from '../../../actors/agent/http-door.ts';
import { DRAIN_LIMIT_MS } from '../../../machines/agent/http-door.ts';
import type { HttpListener } from '../../../src/http/listen.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** A door with one listener for each promise, which settles when nobody is left there. */
function scene(...left: readonly Promise<void>[]) {
  const clock = new ManualClock();
  const done: string[] = [];
  const listeners = left.map((drained, at): HttpListener => {
    const endpoint = { address: '127.0.0.1', port: at };
    return {
      endpoint,
      drain: () => {
        done.push(`drain ${at}`);
        return drained;
      },
      close: async () => void done.push(`close ${at}`),
    };
  });
  const spec = httpDoorSpec(listeners, { close: () => void done.push('close cache') });
  const actor = createActor(spec.logic, { clock: clock as never, input: undefined }).start();
  actor.send({ type: 'shutdown' });
  return { clock, done, status: () => actor.getSnapshot().status, limitMs: spec.shutdownMs };
}

const never = new Promise<void>(() => {});
const CLOSED = ['drain 0', 'drain 1', 'close cache', 'close 0', 'close 1'];

it('it ends when all that was asked is answered', async () => {
  const { clock, done, status } = scene(Promise.resolve(), Promise.resolve());
  await clock.advance(0);
  expect([done, status()]).toEqual([CLOSED, 'done']);
});

it('it cuts what is not answered within its time, before it is ended by force', async () => {
  const { clock, done, status, limitMs } = scene(Promise.resolve(), never);
  await clock.advance(DRAIN_LIMIT_MS - 1);
  expect([done, status()]).toEqual([['drain 0', 'drain 1'], 'active']);
  await clock.advance(1);
  expect([done, status()]).toEqual([CLOSED, 'done']);
  expect(limitMs).toBeGreaterThan(DRAIN_LIMIT_MS);
});
