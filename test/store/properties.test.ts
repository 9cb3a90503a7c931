/**
 * Random commands against a naive model: the store agrees with it after each one, older views stay as
 * they were, and a state that went through a snapshot is the same state.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandOf } from '../../src/fsm/commands.ts';
import { listNodes, listServices, serviceNodes } from '../../src/store/read/catalog.ts';
import { kvGet, kvList } from '../../src/store/read/kv.ts';
import type { StoreView } from '../../src/store/view.ts';
import { IncompleteError, MalformedError, MsgpackReader } from '../../src/wire/msgpack/reader.ts';
import { StoreHarness, sessionId } from '../support/store-harness.ts';

/** Keys and services, kept in the simplest way there is. */
interface Model {
  readonly keys: Map<string, { value: string; create: number; modify: number }>;
  readonly nodes: Set<string>;
  readonly services: Map<string, string>;
}

type Step = (store: StoreHarness, model: Model) => void;

const key = fc.constantFrom('a', 'a/1', 'a/2', 'a/2/x', 'b', '');
const node = fc.constantFrom('n1', 'n2', 'n3');
const service = fc.constantFrom('web', 'db');

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(key, fc.constantFrom('x', 'y', '')).map(
    ([k, value]): Step =>
      (store, model) => {
        store.kv('set', k, { text: value });
        const before = model.keys.get(k);
        if (before?.value === value) return;
        const create = before?.create ?? store.index;
        model.keys.set(k, { value, create, modify: store.index });
      },
  ),
  key.map(
    (k): Step =>
      (store, model) => {
        store.kv('delete', k);
        model.keys.delete(k);
      },
  ),
  key.map(
    (prefix): Step =>
      (store, model) => {
        store.kv('delete-tree', prefix);
        for (const k of [...model.keys.keys()]) if (k.startsWith(prefix)) model.keys.delete(k);
      },
  ),
  fc.tuple(key, fc.nat(20)).map(
    ([k, index]): Step =>
      (store, model) => {
        const before = model.keys.get(k);
        const won = store.kv('cas', k, { text: 'cas', ModifyIndex: index });
        expect(won).toBe((before?.modify ?? 0) === index);
        if (won !== true || before?.value === 'cas') return;
        const create = before?.create ?? store.index;
        model.keys.set(k, { value: 'cas', create, modify: store.index });
      },
  ),
  fc.tuple(node, service).map(
    ([n, s]): Step =>
      (store, model) => {
        store.service(n, { Service: s });
        model.nodes.add(n);
        model.services.set(`${n}/${s}`, s);
      },
  ),
  fc.tuple(node, service).map(
    ([n, s]): Step =>
      (store, model) => {
        store.deregister({ Node: n, ServiceID: s });
        model.services.delete(`${n}/${s}`);
      },
  ),
  node.map(
    (n): Step =>
      (store, model) => {
        store.deregister({ Node: n });
        model.nodes.delete(n);
        for (const id of [...model.services.keys()]) {
          if (id.startsWith(`${n}/`)) model.services.delete(id);
        }
      },
  ),
  fc.tuple(node, fc.constantFrom('c1', 'c2'), fc.constantFrom('passing', 'critical')).map(
    ([n, c, Status]): Step =>
      (store, model) => {
        store.check(n, { CheckID: c, Status });
        model.nodes.add(n);
      },
  ),
  fc.tuple(node, fc.nat(3)).map(
    ([n, id]): Step =>
      (store) => {
        store.session('create', { ID: sessionId(id), Node: n });
      },
  ),
  // A refused registration leaves nothing behind, not even its node.
  node.map(
    (n): Step =>
      (store) => {
        const before = store.state();
        store.check(`${n}x`, { CheckID: 'c', ServiceID: 'none' });
        expect(store.state().equals(before)).toBe(true);
      },
  ),
);

function contentOf(view: StoreView): unknown {
  return {
    keys: kvList(view, '').result.map((entry) => [
      entry.Key,
      {
        value: Buffer.from(entry.Value ?? []).toString(),
        create: entry.CreateIndex,
        modify: entry.ModifyIndex,
      },
    ]),
    nodes: listNodes(view).result.map((row) => row.Node),
    services: ['db', 'web'].flatMap((name) =>
      serviceNodes(view, { service: name }).result.map((row) => `${row.Node}/${row.ServiceName}`),
    ),
  };
}

function contentOfModel(model: Model): unknown {
  return {
    keys: [...model.keys].sort(([a], [b]) => (a < b ? -1 : 1)),
    nodes: [...model.nodes].sort(),
    services: ['db', 'web'].flatMap((name) =>
      [...model.services.keys()].filter((id) => id.endsWith(`/${name}`)).sort(),
    ),
  };
}

describe('the store', () => {
  it('agrees with a naive model, and its older views do not change', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 40 }), (sequence) => {
        const store = new StoreHarness();
        const model: Model = { keys: new Map(), nodes: new Set(), services: new Map() };
        const history: { view: StoreView; content: string }[] = [];
        for (const step of sequence) {
          step(store, model);
          const content = contentOf(store.view);
          expect(content).toEqual(contentOfModel(model));
          history.push({ view: store.view, content: JSON.stringify(content) });
        }
        for (const { view, content } of history) {
          expect(JSON.stringify(contentOf(view))).toBe(content);
        }
        for (const [k] of model.keys) expect(kvGet(store.view, k).result?.Key).toBe(k);
        expect(Object.keys(listServices(store.view).result)).toEqual(
          [...new Set(model.services.values())].sort(),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('is the same after a snapshot and a restore', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: 40 }), async (sequence) => {
        const store = new StoreHarness();
        const model: Model = { keys: new Map(), nodes: new Set(), services: new Map() };
        for (const step of sequence) step(store, model);
        expect((await store.restored()).equals(store.state())).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('holds large trees apart from their clones', () => {
    const store = new StoreHarness();
    for (let at = 0; at < 3000; at++) store.kv('set', `k${(at * 7919) % 3000}`, { text: `${at}` });
    const before = store.view;
    const keys = kvList(before, '').result.map((entry) => entry.Key);
    for (let at = 0; at < 3000; at += 2) store.kv('delete', `k${at}`);
    store.kv('delete-tree', 'k1');
    expect(kvList(before, '').result.map((entry) => entry.Key)).toEqual(keys);
    expect(keys).toEqual([...keys].sort());
    expect(kvList(store.view, '').result.every((e) => !e.Key.startsWith('k1'))).toBe(true);
  });
});

describe('decoders of commands', () => {
  it('throw nothing but typed errors on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.nat(34), fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
        const command = commandOf(type);
        try {
          command?.body.decode(new MsgpackReader(bytes));
        } catch (error) {
          expect(error instanceof MalformedError || error instanceof IncompleteError).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
