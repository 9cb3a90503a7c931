/** A snapshot that a Consul 1.9.1 agent saved is restored without loss and written back. */

import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { restoreState } from '../../src/fsm/restore.ts';
import { writeState } from '../../src/fsm/snapshot.ts';
import { type MsgpackAny, MsgpackReader } from '../../src/wire/msgpack/reader.ts';
import { vectorFile } from '../support/vectors.ts';

interface SampleRecord {
  readonly type: number;
  readonly offset: number;
  readonly body: unknown;
}

const sample = JSON.parse(vectorFile('consul-1.9.1.snap.json').toString('utf8')) as {
  readonly records: readonly SampleRecord[];
};

/** state.bin of the sample: the second member of the tar file. */
function sampleState(): Buffer {
  const tar = gunzipSync(vectorFile('consul-1.9.1.snap'));
  const sizeAt = (header: number): number =>
    Number.parseInt(tar.toString('latin1', header + 124, header + 135), 8);
  const second = 512 + Math.ceil(sizeAt(0) / 512) * 512;
  return tar.subarray(second + 512, second + 512 + sizeAt(second));
}

/** Records as plain values. */
function recordsOf(state: Uint8Array): readonly { type: number; body: MsgpackAny }[] {
  const reader = new MsgpackReader(state);
  const records = [{ type: -1, body: reader.any() }];
  while (!reader.atEnd) {
    const type = reader.bytes[reader.offset] ?? 0;
    reader.offset += 1;
    records.push({ type, body: type === 22 ? nestedEntry(reader.raw()) : reader.any() });
  }
  return records;
}

function nestedEntry(raw: Buffer): MsgpackAny {
  const reader = new MsgpackReader(raw);
  const kind = reader.any();
  return { kind, request: reader.any() };
}

/** Whether a value is what the JSON beside the sample says; secrets are hashes there. */
function expectAsRecorded(actual: unknown, recorded: unknown, path: string): void {
  if (recorded === null || typeof recorded !== 'object') {
    expect(actual, path).toEqual(recorded);
    return;
  }
  if ('$hex' in recorded) {
    const bytes = typeof actual === 'string' ? Buffer.from(actual) : (actual as Uint8Array);
    expect(Buffer.from(bytes).toString('hex'), path).toBe(recorded.$hex);
  } else if ('$u64' in recorded) {
    expect(String(actual), path).toBe(String(recorded.$u64));
  } else if ('$sha256' in recorded) {
    const digest = createHash('sha256')
      .update(actual as string)
      .digest('hex');
    expect(digest, path).toBe(recorded.$sha256);
  } else if ('$nested' in recorded) {
    const bytes = typeof actual === 'string' ? Buffer.from(actual) : (actual as Uint8Array);
    expectAsRecorded(new MsgpackReader(bytes).any(), recorded.$nested, path);
  } else if ('$kind' in recorded && '$request' in recorded) {
    const nested = actual as { readonly kind: unknown; readonly request: unknown };
    expect(nested.kind, path).toBe(recorded.$kind);
    expectAsRecorded(nested.request, recorded.$request, path);
  } else {
    const there = actual as Readonly<Record<string, unknown>>;
    expect(Object.keys(there).sort(), path).toEqual(Object.keys(recorded).sort());
    for (const [key, value] of Object.entries(recorded)) {
      expectAsRecorded(there[key], value, `${path}.${key}`);
    }
  }
}

describe('the snapshot of Consul 1.9.1', () => {
  const state = sampleState();

  it('is restored to the content that is recorded beside it', async () => {
    const restored = await restoreState([state]);
    restored.store.publish();
    const written = Buffer.concat([...writeState(restored.store.view(), restored.pendingChunks)]);
    const [header, ...records] = recordsOf(written);
    expect(restored.lastIndex).toBe(44);
    expect(restored.skippedTypes.size).toBe(0);
    expect(header?.body).toEqual({ LastIndex: 44 });
    expect(records.map((record) => record.type)).toEqual(sample.records.map((r) => r.type));
    records.forEach((record, at) => {
      expectAsRecorded(record.body, sample.records[at]?.body, `record ${at}`);
    });
  });

  it('is written back with every byte, but for the order of maps, which Go leaves to chance', async () => {
    const restored = await restoreState([state]);
    restored.store.publish();
    const written = Buffer.concat([...writeState(restored.store.view(), restored.pendingChunks)]);
    expect(written.length).toBe(state.length);
    expect(recordsOf(written)).toEqual(recordsOf(state));
  });

  it('is read the same however it is cut', async () => {
    const whole = await restoreState([state]);
    whole.store.publish();
    const expected = Buffer.concat([...writeState(whole.store.view(), whole.pendingChunks)]);
    for (const size of [1, 7, 100, 4096]) {
      const cut: Buffer[] = [];
      for (let at = 0; at < state.length; at += size) cut.push(state.subarray(at, at + size));
      const restored = await restoreState(cut);
      restored.store.publish();
      const again = Buffer.concat([...writeState(restored.store.view(), restored.pendingChunks)]);
      expect(again.equals(expected)).toBe(true);
    }
  });

  it('is refused when it ends early, and when a byte is wrong it never crashes', async () => {
    await expect(restoreState([state.subarray(0, state.length - 1)])).rejects.toThrow(
      'ends within a record',
    );
    await expect(restoreState([])).rejects.toThrow('snapshot is empty');
    for (let at = 0; at < state.length; at += 37) {
      const damaged = Buffer.from(state);
      damaged[at] = (damaged[at] ?? 0) ^ 0xff;
      try {
        await restoreState([damaged]);
      } catch (error) {
        expect((error as Error).name).toBe('DecodeError');
      }
    }
  });
});
