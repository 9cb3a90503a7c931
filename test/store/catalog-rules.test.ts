/** What a registration may do: renames, taken names, cascades, refusals that undo everything. */

import { describe, expect, it } from 'vitest';
import { listNodes, nodeByName, nodeServices } from '../../src/store/read/catalog.ts';
import { nodeChecks } from '../../src/store/read/health.ts';
import { StoreHarness } from '../support/store-harness.ts';

const A = 'aaaaaaaa-1111-4111-8111-111111111111';
const B = 'bbbbbbbb-1111-4111-8111-111111111111';

describe('node IDs', () => {
  it('renames a node and deletes what was on it', () => {
    const store = new StoreHarness();
    store.node('old', { ID: A });
    store.service('old', { Service: 'web' });
    expect(store.node('new', { ID: A })).toBeNull();
    expect(nodeByName(store.view, 'old')).toBeUndefined();
    expect(nodeByName(store.view, 'new')).toMatchObject({ CreateIndex: 1, ModifyIndex: 3 });
    expect(nodeServices(store.view, 'new').result?.Services).toEqual({});
  });

  it('refuses a name of a node that is alive, with the texts that clients know', () => {
    const store = new StoreHarness();
    store.node('n1', { ID: A });
    store.check('n1', { CheckID: 'serfHealth' });
    expect(store.node('N1', { ID: B })).toMatchObject({
      message:
        `failed inserting node: Error while renaming Node ID: "${B}": ` +
        `Node name N1 is reserved by node ${A} with name n1 (10.0.0.1)`,
    });
    store.node('n2', { ID: B });
    expect(store.node('n1', { ID: B, Address: '10.0.0.2' })).toMatchObject({
      message:
        `failed inserting node: Error while renaming Node ID: "${B}" (10.0.0.2): ` +
        `Node name n1 is reserved by node ${A} with name n1 (10.0.0.1)`,
    });
    store.check('n1', { CheckID: 'serfHealth', Status: 'critical' });
    expect(store.node('n1', { ID: B })).toBeNull();
    expect(listNodes(store.view).result.map((node) => node.ID)).toEqual([B]);
  });

  it('erases the ID when a registration has none, and lets an ID take the name over', () => {
    const store = new StoreHarness();
    store.node('n1', { ID: A });
    store.check('n1', { CheckID: 'serfHealth' });
    store.node('n1');
    expect(nodeByName(store.view, 'n1')?.ID).toBe('');
    expect(store.node('n1', { ID: B })).toBeNull();
    expect(nodeByName(store.view, 'n1')?.ID).toBe(B);
  });
});

describe('refusals', () => {
  it('undo the whole registration', () => {
    const store = new StoreHarness();
    store.node('n0');
    const before = store.state();
    expect(store.check('n1', { CheckID: 'c', ServiceID: 'none' })).toMatchObject({
      message: 'failed inserting check: Missing service registration on node "n1"',
    });
    expect(store.check('n0', { CheckID: 'c', Node: 'n9' })).toMatchObject({
      message: 'check node "n9" does not match node "n0"',
    });
    expect(store.state().equals(before)).toBe(true);
  });

  it('fill in what a check lacks', () => {
    const store = new StoreHarness();
    store.node('n1');
    store.service('n1', { Service: 'web', Tags: ['a'] });
    store.check('n1', { CheckID: 'c', ServiceID: 'web', Status: '' });
    expect(nodeChecks(store.view, 'n1').result).toMatchObject([
      { Status: 'critical', ServiceName: 'web', ServiceTags: ['a'] },
    ]);
  });
});
