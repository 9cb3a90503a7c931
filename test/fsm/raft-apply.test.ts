/** The one place that looks into answers: whatever fails, callers see a rejection. */

import { describe, expect, it } from 'vitest';
import type { CommandPiece } from '../../src/consensus/consensus.ts';
import { CHUNK_BYTES, decodeChunkInfo, encodeChunkInfo } from '../../src/fsm/chunking.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { createRaftApply } from '../../src/fsm/raft-apply.ts';
import { createMemoryLog, silentLog } from '../../src/log.ts';
import { RegisterRequest } from '../../src/model/catalog.ts';
import { DirEntry, KVSRequest } from '../../src/model/kv.ts';
import { kvGet } from '../../src/store/read/kv.ts';
import { StoreError } from '../../src/store/transaction.ts';
import { vector } from '../support/vectors.ts';

const random = { bytes: (n: number) => new Uint8Array(n), uint32: () => 7, float: () => 0 };

function start(answer: (command: Uint8Array) => unknown, pieces?: () => readonly unknown[]) {
  const log = createMemoryLog();
  const consensus = {
    apply: async (command: Uint8Array) => answer(command),
    ...(pieces === undefined ? {} : { applyPieces: async () => pieces() }),
  };
  return { log, raftApply: createRaftApply({ consensus, random, log }) };
}

const big = KVSRequest.of({
  Op: 'set',
  DirEnt: DirEntry.of({ Key: 'k', Value: Buffer.alloc(1_300_000, 'x') }),
});

describe('raftApply', () => {
  it('answers what the state machine answered', async () => {
    const { raftApply } = start(() => true);
    expect(await raftApply(COMMAND_TYPES.KVS, KVSRequest, KVSRequest.zero())).toBe(true);
  });

  it('rejects with an answer that is an error, the very same', async () => {
    const refusal = new StoreError('Missing node registration');
    const { raftApply } = start(() => refusal);
    const applied = raftApply(COMMAND_TYPES.Register, RegisterRequest, RegisterRequest.zero());
    await expect(applied).rejects.toBe(refusal);
  });

  it('rejects with what consensus rejected with, unchanged', async () => {
    const { raftApply } = start(() => {
      throw new Error('leadership lost while committing log');
    });
    const applied = raftApply(COMMAND_TYPES.KVS, KVSRequest, KVSRequest.zero());
    await expect(applied).rejects.toThrow(/^leadership lost while committing log$/);
  });

  it('says what could not be encoded', async () => {
    const { raftApply } = start(() => null);
    const wrong = KVSRequest.of({ DirEnt: DirEntry.of({ LockIndex: -1 }) });
    await expect(raftApply(COMMAND_TYPES.KVS, KVSRequest, wrong)).rejects.toThrow(
      'Failed to encode request: -1 does not fit uint64',
    );
  });

  it('warns of large entries and cuts only writes of keys', async () => {
    const seen: number[] = [];
    const { log, raftApply } = start((command) => seen.push(command.length) && null);
    await raftApply(COMMAND_TYPES.KVS, KVSRequest, big);
    expect(log.lines).toMatchObject([
      { text: 'Attempting to apply large raft entry', fields: { size_in_bytes: seen[0] } },
    ]);
  });

  it('writes a large value in pieces, which come together in the state machine', async () => {
    const fsm = new Fsm({ log: silentLog });
    const sizes: number[] = [];
    const consensus = {
      apply: async () => null,
      applyPieces: async (pieces: readonly CommandPiece[]) => {
        sizes.push(...pieces.map((piece) => piece.data.length));
        return fsm.apply(pieces.map((piece, at) => ({ index: at + 1, term: 1, ...piece })))
          .responses;
      },
    };
    const raftApply = createRaftApply({ consensus, random, log: silentLog });
    expect(await raftApply(COMMAND_TYPES.KVS, KVSRequest, big)).toBeNull();
    expect(sizes.slice(0, 2)).toEqual([CHUNK_BYTES, CHUNK_BYTES]);
    expect(kvGet(fsm.store.view(), 'k').result).toMatchObject({ CreateIndex: 3 });
  });

  it('asks for another attempt when pieces were lost', async () => {
    const lost = start(
      () => null,
      () => [null, null],
    );
    await expect(lost.raftApply(COMMAND_TYPES.KVS, KVSRequest, big)).rejects.toThrow(
      'please resubmit call for rechunking',
    );
    const strange = start(
      () => null,
      () => [null, 42],
    );
    await expect(strange.raftApply(COMMAND_TYPES.KVS, KVSRequest, big)).rejects.toThrow(
      'unknown type of response back from chunking FSM',
    );
  });
});

describe('chunk information', () => {
  it.each(['chunk_1_of_2', 'chunk_2_of_2'])('%s', (name) => {
    const { decoded } = vector('raft.json', name);
    const { extensions_hex: hex, chunk_info: recorded } = decoded as {
      readonly extensions_hex: string;
      readonly chunk_info: Readonly<Record<string, unknown>>;
    };
    const info = decodeChunkInfo(Buffer.from(hex, 'hex'));
    expect({
      op_num: String(info.opNum),
      sequence_num: info.sequenceNum,
      num_chunks: info.numChunks,
    }).toEqual(recorded);
    expect(Buffer.from(encodeChunkInfo(info)).toString('hex')).toBe(hex);
  });
});
