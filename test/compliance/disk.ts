/** What every implementation of the disk must do. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../../src/world/world.ts';
import { type Bench, bytes, type OpenBench } from './bench.ts';

const text = (content: Uint8Array): string => new TextDecoder().decode(content);

export function diskCompliance(name: string, open: OpenBench): void {
  describe(`disk of the ${name} world`, () => {
    let bench: Bench;
    let disk: Disk;
    const at = (path: string): string => `${bench.folder}/${path}`;
    const run = <T>(promise: Promise<T>): Promise<T> => bench.settle(promise);
    beforeEach(async () => {
      bench = await open();
      disk = bench.world.disk;
    });
    afterEach(() => bench.close());

    it('writes batches at offsets and reads them back', async () => {
      const file = await run(disk.open(at('log'), 'create'));
      await run(file.write(0, [bytes('one '), bytes(''), bytes('two ')]));
      await run(file.write(4, [bytes('TWO three')]));
      await run(file.sync());
      expect(await run(file.size())).toBe(13);
      expect(text(await run(file.read(4, 3)))).toBe('TWO');
      expect(text(await run(file.read(8, 100)))).toBe('three');
      expect(await run(file.read(100, 4))).toHaveLength(0);
      await run(file.truncate(3));
      await run(file.close());
      expect(text(await run(disk.readFile(at('log'))))).toBe('one');
    });

    it('writes many chunks at once, whatever their sizes', async () => {
      const chunks = [1, 10, 300, 5, 70_000, 2_000].map((size) =>
        bytes(`${size % 7}`.repeat(size)),
      );
      const file = await run(disk.open(at('log'), 'exclusive'));
      await run(file.write(0, chunks));
      await run(file.close());
      expect(text(await run(disk.readFile(at('log'))))).toBe(chunks.map(text).join(''));
    });

    it('writes durably beside ordinary writes, also several at once', async () => {
      const file = await run(disk.open(at('log'), 'exclusive'));
      await run(file.write(0, [bytes('head')]));
      const both = [file.writeDurably(4, bytes(' abc'))];
      both.push(file.writeDurably(8, bytes(' def')));
      await run(Promise.all(both));
      await run(file.writeDurably(5, bytes('A')));
      expect(text(await run(file.read(0, 99)))).toBe('head Abc def');
      await run(file.truncate(4));
      await run(file.writeDurably(4, bytes('!')));
      await run(file.close());
      expect(text(await run(disk.readFile(at('log'))))).toBe('head!');
    });

    it('fills a gap with zeros', async () => {
      const file = await run(disk.open(at('gap'), 'create'));
      await run(file.write(2, [bytes('x')]));
      await run(file.close());
      expect([...(await run(disk.readFile(at('gap'))))]).toEqual([0, 0, 120]);
    });

    it('opens as it is told', async () => {
      await expect(run(disk.open(at('f'), 'read'))).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(run(disk.open(at('f'), 'write'))).rejects.toMatchObject({
        code: 'ENOENT',
        message: `open ${at('f')}: no such file or directory`,
      });
      const made = await run(disk.open(at('f'), 'exclusive'));
      await run(made.write(0, [bytes('kept')]));
      await run(made.close());
      await expect(run(disk.open(at('f'), 'exclusive'))).rejects.toMatchObject({ code: 'EEXIST' });
      const again = await run(disk.open(at('f'), 'create'));
      expect(text(await run(again.read(0, 9)))).toBe('kept');
      await run(again.close());
      await expect(run(disk.readFile(at('none')))).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(run(disk.open(at('no/such/folder'), 'create'))).rejects.toMatchObject({
        code: 'ENOENT',
      });
    });

    it('replaces a file in one step and leaves nothing beside it', async () => {
      await run(disk.writeFileAtomic(at('state'), bytes('old, and long')));
      await run(disk.writeFileAtomic(at('state'), bytes('new')));
      expect(text(await run(disk.readFile(at('state'))))).toBe('new');
      expect(await run(disk.list(bench.folder))).toEqual(['state']);
    });

    it('lists, renames and removes', async () => {
      await run(disk.makeDirectory(at('d/e')));
      await run(disk.makeDirectory(at('d/e')));
      for (const file of ['b', 'a', 'B']) {
        await run(disk.writeFileAtomic(at(`d/e/${file}`), bytes(file)));
      }
      expect(await run(disk.list(at('d/e')))).toEqual(['B', 'a', 'b']);
      await run(disk.rename(at('d/e/a'), at('d/e/b')));
      expect(text(await run(disk.readFile(at('d/e/b'))))).toBe('a');
      expect(await run(disk.list(at('d/e')))).toEqual(['B', 'b']);
      await run(disk.rename(at('d/e'), at('d/moved')));
      await run(disk.syncDirectory(at('d')));
      expect(await run(disk.list(at('d')))).toEqual(['moved']);
      expect(await run(disk.exists(at('d/moved/b')))).toBe(true);
      await run(disk.remove(at('d')));
      await run(disk.remove(at('d')));
      expect(await run(disk.exists(at('d')))).toBe(false);
      await expect(run(disk.list(at('d')))).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(run(disk.rename(at('x'), at('y')))).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('does not hand out its own memory', async () => {
      const content = bytes('abc');
      await run(disk.writeFileAtomic(at('m'), content));
      content[0] = 0;
      const read = await run(disk.readFile(at('m')));
      expect(read.constructor).toBe(Uint8Array);
      read[1] = 0;
      expect(text(await run(disk.readFile(at('m'))))).toBe('abc');
    });
  });
}
