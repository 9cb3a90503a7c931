/** What only a leader remembers: lock delays and the timers of sessions. */

import { describe, expect, it } from 'vitest';
import { parseGoDurationMs } from '../../src/go-duration.ts';
import { Session } from '../../src/model/session.ts';
import { LOCK_DELAYS_MAX, LockDelays } from '../../src/store/lock-delays.ts';
import {
  EXPIRY_ATTEMPTS_MAX,
  EXPIRY_RETRY_MS,
  SessionTimers,
} from '../../src/store/session-timers.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('lock delays', () => {
  it('run out', async () => {
    const clock = new ManualClock();
    const delays = new LockDelays(clock);
    delays.begin({ key: 'k', delayMs: 2000 });
    expect(delays.remainingMs('k')).toBe(2000);
    await clock.advance(1500);
    expect(delays.remainingMs('k')).toBe(500);
    await clock.advance(500);
    expect([delays.remainingMs('k'), delays.remainingMs('other'), delays.size]).toEqual([0, 0, 0]);
  });

  it('forget the oldest beyond the limit', () => {
    const delays = new LockDelays(new ManualClock());
    for (let at = 0; at <= LOCK_DELAYS_MAX; at++) delays.begin({ key: `k${at}`, delayMs: 1000 });
    expect(delays.size).toBe(LOCK_DELAYS_MAX);
    expect(delays.remainingMs('k0')).toBe(0);
  });
});

describe('session timers', () => {
  function start(fails = 0): {
    clock: ManualClock;
    timers: SessionTimers;
    ended: string[];
    failed: string[];
  } {
    const clock = new ManualClock();
    const ended: string[] = [];
    const failed: string[] = [];
    let left = fails;
    const timers = new SessionTimers({
      clock,
      destroy: async (id) => {
        left -= 1;
        if (left >= 0) throw new Error('no leader');
        ended.push(id);
      },
      failed: (id) => failed.push(id),
    });
    return { clock, timers, ended, failed };
  }

  it('fire at twice the time to live, counted from the last renewal', async () => {
    const { clock, timers, ended } = start();
    timers.startAll([Session.of({ ID: 'a', TTL: '10s' }), Session.of({ ID: 'b', TTL: '' })]);
    await clock.advance(15_000);
    timers.reset('a', 10_000);
    await clock.advance(19_999);
    expect(ended).toEqual([]);
    await clock.advance(1);
    expect([ended, timers.size, clock.armed]).toEqual([['a'], 0, 0]);
  });

  it('try again with growing waits, a limited number of times', async () => {
    const { clock, timers, ended } = start(2);
    timers.reset('a', 10_000);
    await clock.advance(20_000 + EXPIRY_RETRY_MS + 2 * EXPIRY_RETRY_MS);
    expect(ended).toEqual(['a']);
    const hopeless = start(99);
    hopeless.timers.reset('a', 10_000);
    await hopeless.clock.advance(20_000 + EXPIRY_RETRY_MS * 2 ** EXPIRY_ATTEMPTS_MAX);
    expect([hopeless.failed, hopeless.timers.size]).toEqual([['a'], 0]);
  });

  it('say when the end of a session is no longer being written', async () => {
    const clock = new ManualClock();
    let written: () => void = () => {};
    const destroy = () => new Promise<void>((resolve) => (written = resolve));
    const timers = new SessionTimers({ clock, destroy, failed: () => {} });
    timers.reset('a', 10_000);
    await timers.settled('a');
    await clock.advance(20_000);
    let settled = false;
    const waiting = timers.settled('a').then(() => (settled = true));
    await clock.advance(1);
    expect(settled).toBe(false);
    written();
    await waiting;
    await timers.settled('a');
  });

  it('stop when leadership is lost or a session is cleared', async () => {
    const { clock, timers, ended } = start();
    timers.reset('a', 10_000);
    timers.reset('b', 10_000);
    timers.clear('a');
    timers.stopAll();
    await clock.advance(60_000);
    expect([ended, clock.armed]).toEqual([[], 0]);
  });

  it('read durations as Go writes them', () => {
    expect(['10s', '1h1m1.5s', '90', ''].map(parseGoDurationMs)).toEqual([
      10_000,
      3_661_500,
      null,
      null,
    ]);
  });
});
