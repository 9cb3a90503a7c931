/** The snapshot archive: a real one is read, ours has the same shape, damaged ones are refused. */

import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { packArchive, unpackArchive } from '../../src/fsm/archive.ts';
import { restoreState } from '../../src/fsm/restore.ts';
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

describe('the archive of Consul 1.9.1', () => {
  it('is read, and written with the same members', async () => {
    const archive = await unpackArchive(sample);
    expect(archive.meta).toEqual(recorded.meta_json);
    expect((await restoreState([archive.state])).lastIndex).toBe(44);
    const again = await packArchive(archive, 1_795_407_853);
    const tar = gunzipSync(again);
    expect(tar.length).toBe(gunzipSync(sample).length);
    expect(tar.subarray(512, 512 + recorded.meta_json_text.length).toString()).toBe(
      recorded.meta_json_text,
    );
    expect(await unpackArchive(again)).toEqual(archive);
  });

  it('is refused when damaged, with the texts that clients know', async () => {
    const cases: readonly [Uint8Array, string][] = [
      [Buffer.alloc(0), 'failed to decompress snapshot: EOF'],
      [Buffer.from('no gzip'), 'failed to decompress snapshot: unexpected EOF'],
      [Buffer.from('no gzip at all'), 'failed to decompress snapshot: gzip: invalid header'],
      [sample.subarray(0, 100), 'failed to decompress snapshot: '],
      [
        changed((tar) => {
          tar[1600] = (tar[1600] ?? 0) ^ 1;
          return tar;
        }),
        'failed to read snapshot file: failed checking integrity of snapshot: ' +
          'hash check failed for "state.bin"',
      ],
      [
        changed((tar) => Buffer.concat([tar, Buffer.alloc(512)])),
        'failed to read snapshot file: 512 unread uncompressed bytes remain',
      ],
      [changed((tar) => tar.subarray(0, 1100)), 'failed to read snapshot file: unexpected EOF'],
    ];
    for (const [bytes, text] of cases) await expect(unpackArchive(bytes)).rejects.toThrow(text);
  });
});
