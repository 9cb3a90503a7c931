/** The state machine as a whole: batches, unknown types, pieces, transactions, other tables. */

import { describe, expect, it } from 'vitest';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import { ChunkedResponse } from '../../src/fsm/commands.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { encodeCommand } from '../../src/fsm/raft-apply.ts';
import { createMemoryLog, silentLog } from '../../src/log.ts';
import { FederationState, FederationStateRequest } from '../../src/model/federation-state.ts';
import { DirEntry, KVSRequest } from '../../src/model/kv.ts';
import { TxnKVOp, TxnOp, TxnRequest, type TxnResponse } from '../../src/model/txn.ts';
import { kvGet, kvList } from '../../src/store/read/kv.ts';
import { federationState } from '../../src/store/read/other.ts';
import { any, decode } from '../../src/wire/msgpack/schema.ts';
import { once, StoreHarness } from '../support/store-harness.ts';
import { vector, vectorsOf } from '../support/vectors.ts';

function set(key: string): Uint8Array {
  const DirEnt = DirEntry.of({ Key: key, Value: Buffer.from('v') });
  return encodeCommand(COMMAND_TYPES.KVS, KVSRequest, KVSRequest.of({ Op: 'set', DirEnt }));
}

describe('a batch', () => {
  it('becomes one view, of the index it goes through', () => {
    const fsm = new Fsm({ log: silentLog });
    const before = fsm.store.view();
    const entries = [1, 2, 3].map((index) => ({
      index,
      term: 1,
      data: set(`k${index}`),
      extensions: null,
    }));
    expect(fsm.apply(entries, 5).responses).toEqual([null, null, null]);
    expect(kvList(before, '').result).toEqual([]);
    expect(kvList(fsm.store.view(), '').result).toHaveLength(3);
    expect(fsm.store.view().appliedIndex).toBe(5);
  });

  it('applies every recorded command without losing its head', () => {
    const fsm = new Fsm({ log: silentLog });
    vectorsOf('raft.json')
      .filter((v) => v.kind === 'fsm-command')
      .forEach((v, at) => {
        const data = Buffer.from(v.hex, 'hex');
        fsm.apply([{ index: at + 1, term: 1, data, extensions: null }]);
      });
    expect(federationState(fsm.store.view(), 'DC2').result).toBeNull();
  });

  it('skips an unknown command only if it may be skipped', () => {
    const log = createMemoryLog();
    const fsm = new Fsm({ log });
    const { hex } = vector('raft.json', 'fsm_unknown_ignorable');
    const data = Buffer.from(hex, 'hex');
    expect(fsm.apply([{ index: 1, term: 1, data, extensions: null }]).responses).toEqual([null]);
    expect(log.lines.map((line) => line.level)).toEqual(['warn']);
    data[0] = 100;
    const apply = (bytes: Uint8Array) => () =>
      fsm.apply([{ index: 2, term: 1, data: bytes, extensions: null }]);
    expect(apply(data)).toThrow('unknown type 100');
    expect(apply(Buffer.from([2, 0xc1]))).toThrow('failed to decode a command of type 2');
    expect(apply(Buffer.alloc(0))).toThrow('empty command');
  });
});

describe('X5 a command in pieces', () => {
  const pieces = ['chunk_1_of_2', 'chunk_2_of_2'].map((name) => {
    const log = decode(any, Buffer.from(vector('raft.json', name).hex, 'hex'));
    return log as unknown as {
      readonly Data: string | Uint8Array;
      readonly Extensions: string | Uint8Array;
      readonly Index: number;
      readonly Term: number;
    };
  });
  const entries = pieces.map((piece) => ({
    index: piece.Index,
    term: piece.Term,
    data: Buffer.from(piece.Data as string),
    extensions: Buffer.from(piece.Extensions as string),
  }));

  it('is applied at its last piece', () => {
    const fsm = new Fsm({ log: silentLog });
    const { responses } = fsm.apply(entries);
    expect(responses).toEqual([null, new ChunkedResponse(null)]);
    expect(kvGet(fsm.store.view(), 'big').result).toMatchObject({ CreateIndex: entries[1]?.index });
  });

  it('survives a snapshot between its pieces', async () => {
    const first = new Fsm({ log: silentLog });
    first.apply(entries.slice(0, 1));
    const second = new Fsm({ log: silentLog });
    await second.restore(once(Buffer.concat([...first.freeze().chunks])), 1);
    expect(second.apply(entries.slice(1)).responses).toEqual([new ChunkedResponse(null)]);
  });

  it('is forgotten when the term changes', () => {
    const fsm = new Fsm({ log: silentLog });
    const [one, two] = entries;
    fsm.apply(one === undefined ? [] : [one]);
    const late = two === undefined ? [] : [{ ...two, term: two.term + 1 }];
    expect(fsm.apply(late).responses).toEqual([null]);
  });
});

describe('a transaction', () => {
  const op = (Verb: string, Key: string, more: Partial<DirEntry> = {}): TxnOp =>
    TxnOp.of({ KV: TxnKVOp.of({ Verb, DirEnt: DirEntry.of({ Key, ...more }) }) });
  const run = (store: StoreHarness, ...Ops: TxnOp[]): TxnResponse =>
    store.apply(COMMAND_TYPES.Txn, TxnRequest, TxnRequest.of({ Ops })) as TxnResponse;

  it('does everything at one index', () => {
    const store = new StoreHarness();
    const value = Buffer.from('v');
    const { Results, Errors } = run(
      store,
      op('set', 'a', { Value: value }),
      op('get', 'a'),
      op('check-not-exists', 'b'),
      op('delete', 'zz'),
    );
    expect(Errors).toBeNull();
    expect(Results?.map((result) => result.KV?.Value?.length ?? null)).toEqual([null, 1]);
    expect(kvGet(store.view, 'a').index).toBe(1);
  });

  it('does nothing when one operation fails, and names all that do', () => {
    const store = new StoreHarness();
    store.kv('set', 'x', { text: '1' });
    const before = store.state();
    const response = run(
      store,
      op('set', 'a'),
      op('get', 'missing'),
      op('check-index', 'x', { ModifyIndex: 9 }),
      op('delete-tree', ''),
      op('odd', 'x'),
      TxnOp.zero(),
    );
    expect(response).toEqual({
      Results: null,
      Errors: [
        { OpIndex: 1, What: 'key "missing" doesn\'t exist' },
        { OpIndex: 2, What: 'failed index check for key "x", current modify index 1 != 9' },
        { OpIndex: 4, What: 'unknown KV verb "odd"' },
        { OpIndex: 5, What: 'no operation specified' },
      ],
    });
    expect(store.state().equals(before)).toBe(true);
  });
});

describe('federation states', () => {
  const write = (store: StoreHarness, Op: string, state: Partial<FederationState>): unknown =>
    store.apply(
      COMMAND_TYPES.FederationState,
      FederationStateRequest,
      FederationStateRequest.of({ Op, State: FederationState.of(state) }),
    );

  it('keep the creation, take the index of the primary, ignore letter case', () => {
    const store = new StoreHarness();
    expect(write(store, 'upsert', { Datacenter: 'dc2' })).toBe(true);
    expect(federationState(store.view, 'dc2').result).toMatchObject({
      CreateIndex: 1,
      ModifyIndex: 1,
      PrimaryModifyIndex: 1,
    });
    write(store, 'upsert', { Datacenter: 'DC2', PrimaryModifyIndex: 77 });
    expect(federationState(store.view, 'dc2')).toMatchObject({
      index: 2,
      result: { Datacenter: 'DC2', CreateIndex: 1, ModifyIndex: 2, PrimaryModifyIndex: 77 },
    });
    expect(write(store, 'delete', { Datacenter: 'dC2' })).toBeNull();
    expect(write(store, 'delete', { Datacenter: 'dc2' })).toBeNull();
    expect(write(store, 'upsert', {})).toMatchObject({
      message: 'missing datacenter on federation state',
    });
    expect(write(store, 'frob', {})).toMatchObject({
      message: 'invalid federation state operation type: frob',
    });
  });
});
