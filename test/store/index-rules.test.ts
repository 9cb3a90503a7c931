/** Which index rows a write moves, and which index a read answers, as Consul 1.9 does. */

import { describe, expect, it } from 'vitest';
import { serviceNodes } from '../../src/store/read/catalog.ts';
import { checkServiceNodes } from '../../src/store/read/health.ts';
import { kvGet, kvList } from '../../src/store/read/kv.ts';
import { StoreHarness, sessionId } from '../support/store-harness.ts';

function health(store: StoreHarness, service: string): number {
  return checkServiceNodes(store.view, { service }).index;
}

describe('rows of the catalog', () => {
  it('follows the recorded sequence of a real server', () => {
    const store = new StoreHarness();
    store.index = 12;
    store.node('n1');
    store.service('n1', { Service: 'web' });
    store.node('n2');
    store.service('n2', { Service: 'other' });
    expect([health(store, 'web'), store.row('services')]).toEqual([14, 16]);
    store.check('n1', { CheckID: 'mem' });
    expect([health(store, 'web'), store.row('services')]).toEqual([17, 16]);
    store.node('n1', { Address: '10.0.0.9' });
    expect([health(store, 'web'), store.row('nodes')]).toEqual([18, 18]);
    store.deregister({ Node: 'n2', ServiceID: 'other' });
    expect([health(store, 'other'), health(store, 'unknown')]).toEqual([19, 19]);
    store.service('n2', { Service: 'third' });
    expect(health(store, 'unknown')).toBe(19);
  });

  it('answers for a missing service with the tables, as long as none ever went', () => {
    const store = new StoreHarness();
    store.node('n1');
    store.service('n1', { Service: 'web' });
    store.check('n1', { CheckID: 'c', ServiceID: 'web' });
    expect(health(store, 'gone')).toBe(3);
    expect(serviceNodes(store.view, { service: 'gone' }).index).toBe(2);
  });

  it('judges whether a service exists before the tags are looked at', () => {
    const store = new StoreHarness();
    store.node('n1');
    store.service('n1', { Service: 'web' });
    store.service('n1', { Service: 'other' });
    const found = checkServiceNodes(store.view, { service: 'web', tags: ['v2'] });
    expect(found).toEqual({ index: 2, result: [] });
  });

  it('moves nothing for what is the same already', () => {
    const store = new StoreHarness();
    store.node('n1');
    store.service('n1', { Service: 'web' });
    store.check('n1', { CheckID: 'c', ServiceID: 'web' });
    store.kv('set', 'k', { text: 'v' });
    const before = store.state();
    store.node('n1');
    store.service('n1', { Service: 'web' });
    store.check('n1', { CheckID: 'c', ServiceID: 'web' });
    store.kv('set', 'k', { text: 'v' });
    store.deregister({ Node: 'unknown' });
    store.deregister({ Node: 'n1', CheckID: 'unknown' });
    store.kv('delete', 'unknown');
    store.kv('delete-tree', 'unknown/');
    expect(store.state().equals(before)).toBe(true);
  });

  it('moves the old name too when an instance ID gets another service', () => {
    const store = new StoreHarness();
    store.node('n1');
    store.service('n1', { ID: 'a', Service: 'old' });
    store.service('n1', { ID: 'a', Service: 'new' });
    expect(store.row('service.old')).toBeUndefined();
    expect(store.row('service_last_extinction')).toBe(3);
    expect(health(store, 'new')).toBe(3);
  });

  it('deletes a node with all that is on it', () => {
    const store = new StoreHarness();
    store.node('n1');
    store.service('n1', { Service: 'web', Kind: 'mesh-gateway' });
    store.check('n1', { CheckID: 'c' });
    store.session('create', { ID: sessionId(1), Node: 'n1' });
    store.kv('lock', 'k', { Session: sessionId(1) });
    store.deregister({ Node: 'N1' });
    for (const row of ['nodes', 'services', 'checks', 'sessions', 'kvs']) {
      expect(store.row(row), row).toBe(6);
    }
    expect(store.row('service_kind.mesh-gateway')).toBe(6);
    expect(kvGet(store.view, 'k').result).toMatchObject({ Session: '', ModifyIndex: 6 });
  });
});

describe('rows of keys', () => {
  it('has a tombstone for a key, and one for a whole tree', () => {
    const store = new StoreHarness();
    store.kv('set', 'a/1', { text: 'x' });
    store.kv('set', 'a/2', { text: 'x' });
    store.kv('set', 'b', { text: 'x' });
    store.kv('delete', 'a/1');
    expect(kvList(store.view, 'a/').index).toBe(4);
    store.kv('delete-tree', 'a/');
    expect(kvList(store.view, 'a/')).toEqual({ index: 5, result: [] });
    expect([store.row('kvs'), store.row('tombstones')]).toEqual([5, 5]);
    store.kv('delete-tree', '');
    expect([store.row('kvs'), store.row('tombstones')]).toEqual([6, 5]);
  });

  it('lets the index of a prefix go back only when its tombstones are reaped', () => {
    const store = new StoreHarness();
    store.kv('set', 'a/1', { text: 'x' });
    store.kv('set', 'a/2', { text: 'x' });
    store.kv('set', 'gone/1', { text: 'x' });
    store.kv('delete', 'a/2');
    store.kv('delete-tree', 'gone/');
    const indexes = () => ['a/', 'gone/'].map((prefix) => kvList(store.view, prefix).index);
    store.reap(3);
    expect(indexes()).toEqual([4, 5]);
    store.reap(4);
    expect(indexes()).toEqual([1, 5]);
    store.reap(5);
    // Where nothing is left the index is that of the table, which no reaping moves.
    expect(indexes()).toEqual([1, 5]);
    expect([store.row('kvs'), store.row('tombstones'), store.index]).toEqual([5, 5, 8]);
    store.kv('set', 'b', { text: 'x' });
    expect(indexes()).toEqual([1, 9]);
  });

  it('answers for a missing key with the index of the table', () => {
    const store = new StoreHarness();
    store.kv('set', 'a', { text: 'x' });
    store.kv('set', 'b', { text: 'x' });
    expect(kvGet(store.view, 'a').index).toBe(1);
    expect(kvGet(store.view, 'c').index).toBe(2);
    expect(kvList(store.view, 'c').index).toBe(2);
    expect(kvList(store.view, '').index).toBe(2);
  });
});
