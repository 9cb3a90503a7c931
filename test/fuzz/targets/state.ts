/** Decoders of the replicated state: commands, state.bin, archives. */

import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DecodeError, FatalCommandError } from '../../../src/fsm/errors.ts';
import { Fsm } from '../../../src/fsm/fsm.ts';
import { RecordCounter } from '../../../src/fsm/inspect.ts';
import { restoreState } from '../../../src/fsm/restore.ts';
import { writeState } from '../../../src/fsm/snapshot.ts';
import { silentLog } from '../../../src/log.ts';
import { unpacked } from '../../support/archives.ts';
import { vectorFile, vectorsOf } from '../../support/vectors.ts';
import { declared, declaredLater, must, type Target, whole } from '../engine/target.ts';
import { roundTrips } from './round-trip.ts';

const VECTORS = vectorsOf('raft.json');
const bytesOf = (...kinds: readonly string[]): readonly Buffer[] =>
  VECTORS.filter(({ kind }) => kinds.includes(kind)).map(({ hex }) => Buffer.from(hex, 'hex'));

const FIELDS = ['Node', 'Service', 'Check', 'Key', 'Value', 'Session', 'Entry', 'Kind', 'State'];

const LENGTH_BYTES = 2;

function withLength(command: Uint8Array): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(command.length);
  return Buffer.concat([length, command]);
}

/** Commands, a length before each. */
function commandsOf(input: Buffer): readonly Buffer[] {
  const commands: Buffer[] = [];
  for (let at = 0; at + LENGTH_BYTES <= input.length; ) {
    const end = at + LENGTH_BYTES + input.readUInt16BE(at);
    commands.push(input.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return commands;
}

const SEED_BYTES_MAX = 4000;

const fsmCommands: Target = {
  name: 'fsm-commands',
  input: 'whole',
  outcomeBytes: { base: 64 * 1024, perByte: 4096 },
  tokens: FIELDS,
  seeds: () => {
    const commands = bytesOf('fsm-command').filter(({ length }) => length < SEED_BYTES_MAX);
    return [...commands.map(withLength), Buffer.concat(commands.slice(0, 12).map(withLength))];
  },
  async read(pieces) {
    const fsm = new Fsm({ log: silentLog });
    const responses = commandsOf(whole(pieces)).map((data, n) =>
      declared(
        () => fsm.apply([{ index: n + 1, term: 1, data, extensions: null }]).responses,
        FatalCommandError,
      ),
    );
    // Whatever was accepted can be saved and restored.
    const state = Buffer.concat([...fsm.freeze().chunks]);
    const restored = await restoreState([state]);
    const again = Buffer.concat([...writeState(restored.store.view(), restored.pendingChunks)]);
    must(again.length > 0, 'what was restored can be saved');
    return responses;
  },
};

const stateBin: Target = {
  name: 'state-bin',
  input: 'stream',
  outcomeBytes: { base: 64 * 1024, perByte: 4096 },
  tokens: FIELDS,
  seeds: () => bytesOf('snapshot-stream', 'snapshot-record', 'snapshot-header'),
  async read(pieces) {
    declared(() => {
      const counter = new RecordCounter();
      for (const piece of pieces) counter.add(piece);
      return counter.finish();
    }, DecodeError);
    return await declaredLater(async () => {
      const restored = await restoreState(pieces);
      const saved = Buffer.concat([...writeState(restored.store.view(), restored.pendingChunks)]);
      const again = await restoreState([saved]);
      roundTrips(saved, saved, () =>
        Buffer.concat([...writeState(again.store.view(), again.pendingChunks)]),
      );
      return saved;
    }, DecodeError);
  },
};

const BLOCK_BYTES = 512;
const MODE = { raw: 0, packed: 1, checked: 2 } as const;

/** Puts right the checksums of a tar file and of the sums inside, so that they do not stop us. */
function withChecksums(tar: Buffer): Buffer {
  const fixed = Buffer.from(tar);
  const sums: string[] = [];
  for (let at = 0; at + BLOCK_BYTES <= fixed.length; ) {
    const header = fixed.subarray(at, at + BLOCK_BYTES);
    const name = header.toString('latin1', 0, 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(header.toString('latin1', 124, 135), 8);
    if (name === '' || !(size >= 0)) break;
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const content = fixed.subarray(at + BLOCK_BYTES, at + BLOCK_BYTES + size);
    if (name === 'SHA256SUMS') content.write(sums.join(''), 0, 'latin1');
    else sums.push(`${createHash('sha256').update(content).digest('hex')}  ${name}\n`);
    at += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return fixed;
}

const archive: Target = {
  name: 'snapshot-archive',
  input: 'whole',
  outcomeBytes: { base: 64 * 1024, perByte: 64 },
  tokens: [
    'meta.json',
    'state.bin',
    'SHA256SUMS',
    'ustar',
    '{}',
    '"ID":',
    '"Size":',
    '-1',
    '77777',
  ],
  seeds: () => {
    const packed = vectorFile('consul-1.9.1.snap');
    const tar = gunzipSync(packed);
    return [
      Buffer.concat([Buffer.of(MODE.raw), packed]),
      Buffer.concat([Buffer.of(MODE.packed), tar]),
      Buffer.concat([Buffer.of(MODE.checked), tar.subarray(0, 4096), tar.subarray(-2048)]),
    ];
  },
  async read(pieces) {
    const input = whole(pieces);
    const mode = (input[0] ?? 0) % 3;
    const body = input.subarray(1);
    const packed =
      mode === MODE.raw ? body : gzipSync(mode === MODE.checked ? withChecksums(body) : body);
    return await declaredLater(() => unpacked(packed), DecodeError);
  },
};

export const STATE_TARGETS: readonly Target[] = [fsmCommands, stateBin, archive];
