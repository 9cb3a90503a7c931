/** Locks, sessions, compare-and-set: the answers and the counters of Consul 1.9. */

import { describe, expect, it } from 'vitest';
import { kvGet, kvKeys } from '../../src/store/read/kv.ts';
import { sessions } from '../../src/store/read/other.ts';
import { StoreHarness, sessionId } from '../support/store-harness.ts';

const S1 = sessionId(1);
const S2 = sessionId(2);

function withSessions(more: object = {}): StoreHarness {
  const store = new StoreHarness();
  store.node('n1');
  store.check('n1', { CheckID: 'serfHealth' });
  store.session('create', { ID: S1, Node: 'n1', NodeChecks: ['serfHealth'], ...more });
  store.session('create', { ID: S2, Node: 'n1' });
  return store;
}

describe('locks', () => {
  it('are taken, kept, refused, released and counted', () => {
    const store = withSessions();
    expect(store.kv('lock', 'k', { Session: S1, text: 'a' })).toBe(true);
    expect(kvGet(store.view, 'k').result).toMatchObject({ LockIndex: 1, Session: S1 });
    expect(store.kv('lock', 'k', { Session: S2 })).toBe(false);
    expect(store.kv('lock', 'k', { Session: S1, text: 'a' })).toBe(true);
    expect(kvGet(store.view, 'k').result).toMatchObject({ LockIndex: 1, ModifyIndex: 5 });
    expect(store.kv('unlock', 'k', { Session: S2 })).toBe(false);
    expect(store.kv('unlock', 'k', { Session: S1, text: 'b' })).toBe(true);
    expect(kvGet(store.view, 'k').result).toMatchObject({ LockIndex: 1, Session: '' });
    expect(store.kv('lock', 'k', { Session: S2 })).toBe(true);
    expect(kvGet(store.view, 'k').result).toMatchObject({ LockIndex: 2, Session: S2 });
    store.kv('set', 'k', { text: 'plain' });
    expect(kvGet(store.view, 'k').result).toMatchObject({ LockIndex: 0, Session: S2 });
  });

  it('need a session that exists', () => {
    const store = withSessions();
    expect(store.kv('lock', 'k')).toMatchObject({ message: 'missing session' });
    expect(store.kv('lock', 'k', { Session: sessionId(9) })).toMatchObject({
      message: `invalid session "${sessionId(9)}"`,
    });
    expect(store.kv('lock', 'k', { Session: 'short' })).toMatchObject({
      message: 'failed session lookup: index error: UUID must be 36 characters',
    });
  });

  it('fall when their session ends, with a delay that is no part of the state', () => {
    const store = withSessions({ LockDelay: 2e9 });
    store.kv('lock', 'k', { Session: S1 });
    store.session('destroy', { ID: S1 });
    expect(kvGet(store.view, 'k').result).toMatchObject({ Session: '', LockIndex: 1 });
    expect(store.effects.lockDelays).toEqual([{ key: 'k', delayMs: 2000 }]);
  });

  it('delete their key when the session says so', () => {
    const store = withSessions({ Behavior: 'delete' });
    store.kv('lock', 'k', { Session: S1 });
    store.check('n1', { CheckID: 'serfHealth', Status: 'critical' });
    expect(kvGet(store.view, 'k').result).toBeNull();
    expect(store.row('tombstones')).toBe(6);
    expect(sessions(store.view).result.map((session) => session.ID)).toEqual([S2]);
  });
});

describe('sessions', () => {
  it('are refused without their node and their checks', () => {
    const store = withSessions();
    const create = (more: object): unknown =>
      store.session('create', { ID: sessionId(3), Node: 'n1', ...more });
    expect(create({ Node: 'n9' })).toMatchObject({ message: 'Missing node registration' });
    expect(create({ Behavior: 'odd' })).toMatchObject({
      message: 'Invalid session behavior: odd',
    });
    expect(create({ NodeChecks: ['x'] })).toMatchObject({
      message: "Missing check 'x' registration",
    });
    store.check('n1', { CheckID: 'c', Status: 'critical' });
    expect(create({ NodeChecks: ['c'] })).toMatchObject({
      message: "Check 'c' is in critical state",
    });
    expect(create({})).toBe(sessionId(3));
  });
});

describe('compare-and-set', () => {
  it('writes only at the index it names', () => {
    const store = new StoreHarness();
    expect(store.kv('cas', 'k', { text: 'a' })).toBe(true);
    expect(store.kv('cas', 'k', { text: 'b' })).toBe(false);
    expect(store.kv('cas', 'k', { text: 'b', ModifyIndex: 1 })).toBe(true);
    expect(store.kv('delete-cas', 'k', { ModifyIndex: 1 })).toBe(false);
    expect(store.kv('delete-cas', 'k', { ModifyIndex: 3 })).toBe(true);
    expect(store.kv('delete-cas', 'k', { ModifyIndex: 3 })).toBe(true);
    expect(store.kv('frob', 'k')).toMatchObject({ message: "Invalid KVS operation 'frob'" });
  });
});

describe('keys', () => {
  it('are cut behind the separator that follows the prefix', () => {
    const store = new StoreHarness();
    for (const key of ['a', 'b/1', 'b/2/x', 'b/2/y', 'b/3', 'c--d--e']) store.kv('set', key);
    expect(kvKeys(store.view, '', '/').result).toEqual(['a', 'b/', 'c--d--e']);
    expect(kvKeys(store.view, 'b/', '/').result).toEqual(['b/1', 'b/2/', 'b/3']);
    expect(kvKeys(store.view, '', '--').result.at(-1)).toBe('c--');
    expect(kvKeys(store.view, 'b/', '').result).toHaveLength(4);
  });
});
