/** The snapshot archive: a real one is read, ours has the same shape, damaged ones are refused. */

import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { packArchive } from '../../src/fsm/archive/pack.ts';
import { readArchive } from '../../src/fsm/archive/read.ts';
import { DecodeError } from '../../src/fsm/errors.ts';
import { restoreState } from '../../src/fsm/restore.ts';
import { packed, unpacked } from '../support/archives.ts';
import { vectorFile } from '../support/vectors.ts';

const sample = vectorFile('consul-1.9.1.snap');
const recorded = JSON.parse(vectorFile('consul-1.9.1.snap.json').toString('utf8')) as {
  readonly meta_json: unknown;
  readonly meta_json_text: string;
};

/** The archive with its tar file changed. */
function changed(change: (tar: Buffer) => Buffer): Buffer {
  return gzipSync(change(Buffer.from(gunzipSync(sample))));
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x55;
  return copy;
}

const UNREADABLE = 'failed to read snapshot file: ';
const UNSOUND = `${UNREADABLE}failed checking integrity of snapshot: `;

describe('the archive of Consul 1.9.1', () => {
  it('is read, and written with the same members', async () => {
    const archive = await unpacked(sample);
    expect(archive.meta).toEqual(recorded.meta_json);
    expect((await restoreState([archive.state])).lastIndex).toBe(44);
    const again = await packed(archive, 1_795_407_853);
    const tar = gunzipSync(again);
    expect(tar.length).toBe(gunzipSync(sample).length);
    expect(tar.subarray(512, 512 + recorded.meta_json_text.length).toString()).toBe(
      recorded.meta_json_text,
    );
    expect(await unpacked(again)).toEqual(archive);
  });

  it('is read alike however it is cut into chunks', async () => {
    const whole = await unpacked(sample);
    for (const size of [1, 7, 512]) {
      const chunks = function* (): Generator<Uint8Array> {
        for (let at = 0; at < sample.length; at += size) yield sample.subarray(at, at + size);
      };
      const state: Uint8Array[] = [];
      const meta = await readArchive(chunks(), (piece) => {
        state.push(piece);
      });
      expect({ meta, state: Buffer.concat(state) }).toEqual(whole);
    }
  });

  it('is refused when damaged, with the texts that clients know', async () => {
    const cases: readonly [Uint8Array, string][] = [
      [Buffer.alloc(0), 'failed to decompress snapshot: EOF'],
      [Buffer.from('no gzip'), 'failed to decompress snapshot: unexpected EOF'],
      [Buffer.from('no gzip at all'), 'failed to decompress snapshot: gzip: invalid header'],
      [sample.subarray(0, 100), `${UNREADABLE}failed reading snapshot: unexpected EOF`],
      [
        sample.subarray(0, 800),
        `${UNREADABLE}failed to read or write snapshot data: unexpected EOF`,
      ],
      [sample.subarray(0, -1), 'unexpected EOF'],
      [Buffer.concat([sample, Buffer.alloc(9)]), 'unexpected EOF'],
      [Buffer.concat([sample, Buffer.alloc(10)]), 'gzip: invalid header'],
      [
        Buffer.concat([sample, Buffer.from('xyz')]),
        `${UNREADABLE}failed to read or write snapshot data: gzip: invalid header`,
      ],
      [
        flipped(sample, 60),
        `${UNREADABLE}failed reading snapshot: flate: corrupt input before offset 5731`,
      ],
      [changed((tar) => flipped(tar, 1600)), `${UNSOUND}hash check failed for "state.bin"`],
      [
        changed((tar) => Buffer.concat([tar, Buffer.alloc(512)])),
        '512 unread uncompressed bytes remain',
      ],
      [
        changed((tar) => tar.subarray(0, 1100)),
        `${UNREADABLE}failed reading snapshot: unexpected EOF`,
      ],
      [
        changed((tar) => flipped(tar, 20)),
        `${UNREADABLE}failed reading snapshot: archive/tar: invalid tar header`,
      ],
    ];
    for (const [bytes, text] of cases) {
      const refusal = await unpacked(bytes).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(DecodeError);
      expect((refusal as Error).message).toBe(text);
    }
  });

  it('is refused cut anywhere, and with any byte of it flipped', async () => {
    const whole = await unpacked(sample);
    for (let at = 0; at < sample.length; at += 61) {
      await expect(unpacked(sample.subarray(0, at))).rejects.toThrow(DecodeError);
      // Some bytes of a gzip header say nothing of the content.
      const outcome = await unpacked(flipped(sample, at)).catch((error: unknown) => error);
      if (!(outcome instanceof DecodeError)) expect(outcome).toEqual(whole);
    }
  });
});

describe('SHA256SUMS', () => {
  const sumsOf = (tar: Buffer): number => tar.indexOf('  meta.json') - 64;

  it('has to name each file, and no other', async () => {
    const named = (name: string, as: string) =>
      changed((tar) => {
        tar.write(as, tar.indexOf(`  ${name}`, sumsOf(tar)) + 2, 'latin1');
        return tar;
      });
    await expect(unpacked(named('meta.json', 'meta.jsom'))).rejects.toThrow(
      `${UNSOUND}list missing hash for "meta.jsom"`,
    );
    const twice = changed((tar) => {
      const at = tar.indexOf('  state.bin', sumsOf(tar) - 200) - 64;
      const meta = createHash('sha256').update(recorded.meta_json_text).digest('hex');
      tar.write(`${meta}  meta.json`, at, 'latin1');
      return tar;
    });
    await expect(unpacked(twice)).rejects.toThrow(`${UNSOUND}file missing for "state.bin"`);
  });
});

describe('a large archive', () => {
  const PIECE = Buffer.alloc(65_536);
  // Not compressible, so that what is packed is as large.
  for (let at = 0; at < PIECE.length; at += 32) {
    createHash('sha256').update(`${at}`).digest().copy(PIECE, at);
  }
  const PIECES = 512;
  const meta = {
    Version: 1,
    ID: '2-60-1',
    Index: 60,
    Term: 2,
    Peers: '',
    Configuration: { Servers: [] },
    ConfigurationIndex: 1,
    Size: PIECES * PIECE.length,
  };
  /** Bytes that may be under way between one end and the other. */
  const AHEAD_BYTES_MAX = 1_048_576;

  it('is packed and read while it goes by', async () => {
    let given = 0;
    const state = function* (): Generator<Uint8Array> {
      for (let piece = 0; piece < PIECES; piece += 1) {
        given += PIECE.length;
        yield PIECE;
      }
    };
    let taken = 0;
    let aheadMost = 0;
    const read = await readArchive(packArchive(meta, state(), 0), async (piece) => {
      taken += piece.length;
      aheadMost = Math.max(aheadMost, given - taken);
      await new Promise((resolve) => setImmediate(resolve));
    });
    expect(read).toEqual(meta);
    expect(taken).toBe(meta.Size);
    expect(aheadMost).toBeLessThan(AHEAD_BYTES_MAX);
  });

  it('that unpacks to far more than it has is not held either', async () => {
    const zeros = Buffer.alloc(1_048_576);
    const bomb = await packed({
      meta: { ...meta, Size: 64 * zeros.length },
      state: Buffer.alloc(64 * zeros.length),
    });
    expect(bomb.length).toBeLessThan(zeros.length);
    let largest = 0;
    await readArchive([bomb], (piece) => {
      largest = Math.max(largest, piece.length);
    });
    expect(largest).toBeLessThan(AHEAD_BYTES_MAX);
  });

  it('whose state is cut off, or longer than was told, does not come to an end', async () => {
    const drained = async (state: readonly Uint8Array[]): Promise<void> => {
      for await (const _ of packArchive({ ...meta, Size: 100 }, state, 0));
    };
    await expect(drained([Buffer.alloc(99)])).rejects.toThrow('has 99 bytes where 100 were told');
    await expect(drained([Buffer.alloc(101)])).rejects.toThrow('has more bytes where 100');
  });

  it('is let go of when its reader or its writer fails', async () => {
    let begun = false;
    let left = 0;
    const state = function* (): Generator<Uint8Array> {
      try {
        begun = true;
        for (;;) yield PIECE;
      } finally {
        left += 1;
      }
    };
    for await (const _ of packArchive(meta, state(), 0)) {
      if (begun) break;
    }
    expect(left).toBe(1);
    const full = new Error('no space left on device');
    const reading = readArchive(packArchive(meta, state(), 0), () => Promise.reject(full));
    await expect(reading).rejects.toThrow(
      'failed to read snapshot file: failed to read or write snapshot data: no space left on device',
    );
    expect(left).toBe(2);
  });
});
