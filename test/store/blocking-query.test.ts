/** Who is woken by what: exactly those whose rows have changed, once, and nobody is forgotten. */

import { describe, expect, it } from 'vitest';
import {
  blockingQuery,
  type Indexed,
  QUERY_TIME_DEFAULT_MS,
  type StoreQuery,
} from '../../src/store/blocking-query.ts';
import { listNodes, nodeServiceList } from '../../src/store/read/catalog.ts';
import { checkServiceNodes, nodeChecks, serviceDumpByKind } from '../../src/store/read/health.ts';
import { kvGet, kvList } from '../../src/store/read/kv.ts';
import { federationState } from '../../src/store/read/other.ts';
import type { StoreReader } from '../../src/store/view.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { once, StoreHarness } from '../support/store-harness.ts';

const random = { bytes: (n: number) => new Uint8Array(n), uint32: () => 0, float: () => 0 };

interface Blocked<T> {
  runs: number;
  answer: Indexed<T> | null;
  error: unknown;
  readonly abort: AbortController;
}

/** Blocks behind the current index of a query and counts how often it runs. */
function block<T>(
  store: StoreHarness,
  clock: ManualClock,
  read: StoreQuery<T>,
  options: { minQueryIndex?: number; maxQueryTimeMs?: number } = {},
): Blocked<T> {
  const blocked: Blocked<T> = { runs: 0, answer: null, error: null, abort: new AbortController() };
  const counted = (reader: StoreReader): Indexed<T> => {
    blocked.runs += 1;
    return read(reader);
  };
  const index = Math.max(1, read(store.view).index);
  blockingQuery(
    { store: store.store, clock, random },
    {
      minQueryIndex: options.minQueryIndex ?? index,
      maxQueryTimeMs: options.maxQueryTimeMs ?? 0,
      signal: blocked.abort.signal,
    },
    counted,
  ).then(
    (answer) => {
      blocked.answer = answer;
    },
    (error: unknown) => {
      blocked.error = error;
    },
  );
  return blocked;
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function populated(): StoreHarness {
  const store = new StoreHarness();
  store.node('n1');
  store.service('n1', { Service: 'web' });
  store.node('n2');
  store.service('n2', { Service: 'db' });
  store.kv('set', 'a/1', { text: 'x' });
  store.kv('set', 'b', { text: 'x' });
  return store;
}

type Change = (store: StoreHarness) => unknown;

const CASES: readonly [string, StoreQuery<unknown>, sleeps: Change, wakes: Change][] = [
  [
    'health of a service',
    (r) => checkServiceNodes(r, { service: 'web' }),
    (s) => s.service('n2', { Service: 'db', Port: 1 }),
    (s) => s.check('n1', { CheckID: 'mem' }),
  ],
  [
    'health of a service whose node changes',
    (r) => checkServiceNodes(r, { service: 'web' }),
    (s) => s.node('n2', { Address: '10.1.1.1' }),
    (s) => s.node('n1', { Address: '10.1.1.1' }),
  ],
  [
    'proxies of a service',
    (r) => checkServiceNodes(r, { service: 'web', connect: true }),
    (s) => s.kv('set', 'z'),
    (s) =>
      s.service('n2', {
        Service: 'web',
        ID: 'w2',
        Connect: { Native: true, SidecarService: null },
      }),
  ],
  [
    'mesh gateways',
    (r) => serviceDumpByKind(r, 'mesh-gateway'),
    (s) => s.service('n2', { Service: 'db', Port: 1 }),
    (s) => s.service('n2', { Service: 'mesh-gateway', Kind: 'mesh-gateway', Port: 1 }),
  ],
  [
    'services of a node',
    (r) => nodeServiceList(r, 'n1'),
    (s) => s.service('n2', { Service: 'db', Port: 1 }),
    (s) => s.service('n1', { Service: 'other' }),
  ],
  [
    'services of an unknown node',
    (r) => nodeServiceList(r, 'new'),
    (s) => s.node('n3'),
    (s) => s.node('NEW'),
  ],
  [
    'checks of a node',
    (r) => nodeChecks(r, 'n1'),
    (s) => s.check('n2', { CheckID: 'mem' }),
    (s) => s.check('n1', { CheckID: 'mem' }),
  ],
  ['a key', (r) => kvGet(r, 'b'), (s) => s.kv('set', 'bb'), (s) => s.kv('set', 'b', { text: 'y' })],
  [
    'keys under a prefix',
    (r) => kvList(r, 'a/'),
    (s) => s.kv('set', 'b', { text: 'y' }),
    (s) => s.kv('delete', 'a/1'),
  ],
  ['nodes', (r) => listNodes(r), (s) => s.kv('set', 'z'), (s) => s.node('n3')],
  [
    'a federation state',
    (r) => federationState(r, 'dc9'),
    (s) => s.federationState('upsert', 'dc8'),
    (s) => s.federationState('upsert', 'dc9'),
  ],
];

describe('a blocking query', () => {
  it.each(CASES)('for %s sleeps through what is not its own', async (_, read, sleeps, wakes) => {
    const store = populated();
    const clock = new ManualClock();
    const blocked = block(store, clock, read);
    await settle();
    sleeps(store);
    await settle();
    expect([blocked.runs, blocked.answer]).toEqual([1, null]);
    wakes(store);
    await settle();
    expect(blocked.answer?.index).toBeGreaterThan(0);
    expect(store.store.waiting).toBe(0);
  });

  it.each([
    ['before', 'where others are left', 'a/'],
    ['before', 'where none is left', 'c/'],
    ['after', 'where others are left', 'a/'],
    ['after', 'where none is left', 'c/'],
  ])(
    'begun %s tombstones are reaped, %s, ends with the next write there',
    async (when, _, prefix) => {
      const store = populated();
      const keys = (reader: StoreReader) => kvList(reader, prefix);
      for (const key of ['a/2', 'c/1']) store.kv('set', key, { text: 'x' });
      for (const key of ['a/2', 'c/1']) store.kv('delete', key);
      const known = keys(store.view).index;
      if (when === 'after') store.reap(store.index);
      const blocked = block(store, new ManualClock(), keys, { minQueryIndex: known });
      await settle();
      if (when === 'before') store.reap(store.index);
      await settle();
      expect(blocked.answer).toBe(null);
      store.kv('set', `${prefix}3`, { text: 'x' });
      await settle();
      expect(blocked.answer?.index).toBe(store.index);
    },
  );

  it('for a missing key ends with any write of keys, since its index is the table', async () => {
    const store = populated();
    const blocked = block(store, new ManualClock(), (r) => kvGet(r, 'missing'));
    await settle();
    store.kv('set', 'other', { text: 'x' });
    await settle();
    expect(blocked.answer).toEqual({ index: 7, result: null });
  });

  it('answers at once behind an older index, and with index 1 where there is none', async () => {
    const store = new StoreHarness();
    const blocked = block(store, new ManualClock(), (r) => kvGet(r, 'k'), { minQueryIndex: 0 });
    await settle();
    expect(blocked.answer).toEqual({ index: 1, result: null });
  });

  it('ends when its time is over, with what there is', async () => {
    const store = populated();
    const clock = new ManualClock();
    const blocked = block(store, clock, (r) => kvGet(r, 'b'), { minQueryIndex: 999 });
    await clock.advance(QUERY_TIME_DEFAULT_MS - 1);
    expect(blocked.answer).toBeNull();
    await clock.advance(1);
    expect(blocked.answer?.index).toBe(6);
    expect([store.store.waiting, clock.armed]).toEqual([0, 0]);
  });

  it('ends when the client is gone', async () => {
    const store = populated();
    const clock = new ManualClock();
    const blocked = block(store, clock, (r) => kvGet(r, 'b'));
    await settle();
    blocked.abort.abort(new Error('gone'));
    await settle();
    expect(blocked.error).toMatchObject({ message: 'gone' });
    expect([store.store.waiting, clock.armed]).toEqual([0, 0]);
  });

  it('ends when the store is replaced, even by one with lower indexes', async () => {
    const store = populated();
    const blocked = block(store, new ManualClock(), (r) => kvGet(r, 'b'));
    await settle();
    await store.fsm.restore(once(new StoreHarness().state()), 1);
    await settle();
    expect(blocked.answer).toEqual({ index: 1, result: null });
  });
});
