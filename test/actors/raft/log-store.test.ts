/** The write-ahead log: what a crash may leave, what damage looks like, what a full disk does. */

import { spawn } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { afterEach, describe, expect, it } from 'vitest';
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from '../../../actors/raft/log-frame.ts';
import { LogStore } from '../../../actors/raft/log-store.ts';
import { createMemoryLog } from '../../../src/log.ts';
import type { LogEntry } from '../../../src/wire/raft/log-entry.ts';
import { createNodeWorld } from '../../../src/world/node/node-world.ts';
import type { Disk } from '../../../src/world/world.ts';

const world = createNodeWorld();
const folders: string[] = [];

afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'wal-'));
  folders.push(path);
  return path;
}

function entry(index: number, term = 1, text = `value ${index}`): LogEntry {
  return {
    Index: index,
    Term: term,
    Type: 0,
    Data: Buffer.from(text),
    Extensions: null,
    AppendedAt: undefined,
  };
}

const records = (...entries: LogEntry[]) =>
  entries.map((one) => ({ kind: 'entry', entry: one }) as const);

function open(directory: string, disk: Disk = world.disk, segmentBytesMax = 1 << 20) {
  const log = createMemoryLog();
  const { clock, random } = world;
  const opening = LogStore.open({ disk, clock, random, log, directory, segmentBytesMax });
  return opening.then((opened) => ({ ...opened, log }));
}

function newestIn(directory: string): string {
  return join(directory, readdirSync(directory).sort().at(-1) ?? '');
}

const SECTOR_BYTES = 512;

const indexes = (entries: readonly LogEntry[]): readonly string[] =>
  entries.map((one) => `${one.Index}/${one.Term}`);

describe('the write-ahead log', () => {
  it('gives back what was appended, later entries in place of earlier ones', async () => {
    const directory = folder();
    const { store } = await open(directory);
    await store.append(records(entry(1), entry(2), entry(3)));
    await store.append(records(entry(2, 2), entry(3, 2)));
    await store.append(records(entry(3, 3)));
    await store.close();
    const again = await open(directory);
    expect(indexes(again.entries)).toEqual(['1/1', '2/2', '3/3']);
    expect(again.log.lines).toEqual([]);
    await again.store.close();
  });

  it('drops a last write that was cut off at any byte, says so, and goes on', async () => {
    const directory = folder();
    const { store } = await open(directory);
    await store.append(records(entry(1), entry(2)));
    const [name] = readdirSync(directory);
    const path = join(directory, name ?? '');
    const durable = readFileSync(path).length;
    await store.append(records(entry(3), entry(4)));
    await store.close();
    const whole = readFileSync(path);
    for (let size = durable + 1; size < whole.length; size++) {
      writeFileSync(path, whole);
      truncateSync(path, size);
      const opened = await open(directory);
      expect(indexes(opened.entries)).toEqual(['1/1', '2/1']);
      expect(opened.log.lines).toHaveLength(1);
      await opened.store.append(records(entry(3, 2)));
      await opened.store.close();
      const next = await open(directory);
      expect(indexes(next.entries)).toEqual(['1/1', '2/1', '3/2']);
      await next.store.close();
    }
  });

  it('refuses damage, whichever byte of whichever write it hits, and changes nothing', async () => {
    const directory = folder();
    const { store } = await open(directory);
    await store.append(records(entry(1)));
    await store.append(records(entry(2)));
    await store.append(records(entry(3)));
    await store.close();
    const path = newestIn(directory);
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      writeFileSync(path, damaged);
      await expect(open(directory)).rejects.toThrow(
        /\.wal is damaged at byte \d+: .* Move the whole data folder/,
      );
      expect(readFileSync(path).equals(damaged)).toBe(true);
    }
  });

  it('drops a last write of which whole sectors were not written, even among empty ones', async () => {
    const directory = folder();
    const { store } = await open(directory);
    await store.append(records(entry(1)));
    const path = newestIn(directory);
    const durable = readFileSync(path).length;
    await store.append(records(entry(2, 1, '\0'.repeat(1700)), entry(3, 1, 'x'.repeat(1700))));
    await store.close();
    const whole = readFileSync(path);
    const sectors = Math.ceil(whole.length / SECTOR_BYTES);
    for (let missing = 1; missing < 2 ** sectors; missing++) {
      const torn = Buffer.from(whole);
      let differs = false;
      for (let sector = 0; sector < sectors; sector++) {
        if (((missing >> sector) & 1) === 0) continue;
        const from = Math.max(durable, sector * SECTOR_BYTES);
        const to = Math.min(whole.length, (sector + 1) * SECTOR_BYTES);
        differs ||= whole.subarray(from, to).some((byte) => byte !== 0);
        torn.fill(0, from, to);
      }
      if (!differs) continue;
      writeFileSync(path, torn);
      const opened = await open(directory);
      expect(indexes(opened.entries)).toEqual(['1/1']);
      expect(opened.log.lines[0]?.fields).toMatchObject({ path, offset: durable });
      await opened.store.close();
    }
  });

  it('drops a last write without its last sector, wherever it begins and little of it is there', async () => {
    const place = { offset: 0, number: 0, salt: 0 };
    const frameBytes = (text: string): number =>
      encodeFrame(records(entry(2, 1, text)), place).length;
    for (let shared = 1; shared <= 8; shared++) {
      for (let last = 1; last <= 3; last++) {
        const directory = folder();
        const { store } = await open(directory);
        // So that the header leaves so many bytes of its sector to the payload.
        const before = 2 * SECTOR_BYTES - FRAME_HEADER_BYTES - shared;
        const first = before - SEGMENT_HEADER_BYTES - frameBytes('x'.repeat(300)) + 300;
        await store.append(records(entry(1, 1, 'x'.repeat(first))));
        const path = newestIn(directory);
        expect(readFileSync(path).length).toBe(before);
        const end = 4 * SECTOR_BYTES + last;
        const zeros = end - before - frameBytes('\0'.repeat(300)) + 300;
        await store.append(records(entry(2, 1, '\0'.repeat(zeros))));
        await store.close();
        const torn = readFileSync(path);
        expect(torn.length).toBe(end);
        writeFileSync(path, torn.fill(0, end - last));
        const opened = await open(directory);
        expect(indexes(opened.entries)).toEqual(['1/1']);
        await opened.store.close();
      }
    }
  });

  it('refuses a flipped bit in the last write, also when it holds empty sectors', async () => {
    const directory = folder();
    const { store } = await open(directory);
    const text = `${'\0'.repeat(1500)}\x01${'\0'.repeat(1500)}`;
    await store.append(records(entry(1, 1, text)));
    await store.close();
    const path = newestIn(directory);
    const whole = readFileSync(path);
    for (let bit = 0; bit < 8 * whole.length; bit += 31) {
      const damaged = Buffer.from(whole);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      writeFileSync(path, damaged);
      await expect(open(directory)).rejects.toThrow('is damaged at byte');
    }
    const emptied = Buffer.from(whole);
    emptied[whole.indexOf('\x01'.padStart(600, '\0'), 0, 'latin1') + 599] = 0;
    writeFileSync(path, emptied);
    await expect(open(directory)).rejects.toThrow('is damaged at byte');
  });

  it('removes a segment of which only the beginning of the header was written', async () => {
    const directory = folder();
    const { store } = await open(directory, world.disk, 100);
    await store.append(records(entry(1)));
    await store.append(records(entry(2)));
    await store.close();
    const path = newestIn(directory);
    for (const left of [Buffer.alloc(0), Buffer.alloc(32), readFileSync(path).subarray(0, 31)]) {
      writeFileSync(path, left);
      const opened = await open(directory, world.disk, 100);
      expect(indexes(opened.entries)).toEqual(['1/1']);
      expect(opened.log.lines).toHaveLength(1);
      await opened.store.close();
    }
  });

  it('holds nothing in memory of what a snapshot covers, but what may be replaced', async () => {
    const directory = folder();
    const { store } = await open(directory);
    for (let index = 1; index <= 40; index++) await store.append(records(entry(index)));
    await store.append(records(entry(20, 2), entry(21, 2)));
    await store.append(records(entry(22, 2), entry(23, 2)));
    await store.close();
    const kept = async (coveredThrough: number): Promise<readonly string[]> => {
      const { disk, clock, random } = world;
      const options = { disk, clock, random, log: createMemoryLog(), directory, coveredThrough };
      const opened = await LogStore.open(options);
      await opened.store.close();
      return indexes(opened.entries);
    };
    expect(await kept(20)).toEqual(['20/2', '21/2', '22/2', '23/2']);
    expect(await kept(22)).toEqual(['22/2', '23/2']);
    expect(await kept(90)).toEqual(['23/2']);
    expect(await kept(-5)).toHaveLength(23);
  });

  it('starts new segments and deletes those that a snapshot covers', async () => {
    const directory = folder();
    const { store } = await open(directory, world.disk, 300);
    for (let index = 1; index <= 40; index++) await store.append(records(entry(index)));
    const before = store.segments;
    expect(before).toBeGreaterThan(5);
    await store.compact(20);
    expect(store.segments).toBeLessThan(before);
    await store.close();
    const again = await open(directory, world.disk, 300);
    expect(again.entries[0]?.Index).toBeLessThanOrEqual(21);
    expect(again.entries.at(-1)?.Index).toBe(40);
    await again.store.append([{ kind: 'reset', at: { index: 90, term: 4 } }]);
    await again.store.append(records(entry(91, 4)));
    await again.store.close();
    expect(indexes((await open(directory)).entries)).toEqual(['91/4']);
  });

  it('keeps nothing of a write that failed, and takes it again in a new segment', async () => {
    const directory = folder();
    let failing = false;
    const disk: Disk = {
      ...world.disk,
      open: async (path, mode) => {
        const file = await world.disk.open(path, mode);
        const sync = file.sync.bind(file);
        file.sync = () => (failing ? Promise.reject(new Error('ENOSPC')) : sync());
        file.writeDurably = async (offset, chunk) => {
          await file.write(offset, [chunk]);
          await file.sync();
        };
        return file;
      },
    };
    const { store } = await open(directory, disk);
    await store.append(records(entry(1)));
    failing = true;
    await expect(store.append(records(entry(2, 1, 'never confirmed')))).rejects.toThrow('ENOSPC');
    await expect(store.append(records(entry(2, 2)))).rejects.toThrow('ENOSPC');
    failing = false;
    await store.append(records(entry(2, 3)));
    await store.close();
    expect(indexes((await open(directory)).entries)).toEqual(['1/1', '2/3']);
  });

  it('holds everything that was confirmed before kill -9', async () => {
    const directory = folder();
    const script = new URL('../../support/raft/log-writer.ts', import.meta.url).pathname;
    for (let round = 0; round < 3; round++) {
      const confirmed = await writeUntilKilled(script, directory, 300 * (round + 1));
      const { entries, store } = await open(directory);
      expect(entries.at(-1)?.Index ?? 0).toBeGreaterThanOrEqual(confirmed);
      expect(entries.map((one) => one.Index)).toEqual(entries.map((_, at) => at + 1));
      await store.close();
    }
  }, 60_000);
});

/** Runs a writer and kills it once it has confirmed so many entries; returns how many it had. */
function writeUntilKilled(script: string, directory: string, count: number): Promise<number> {
  const child = spawn(execPath, ['--import', 'tsx', script, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (confirmedIn(text) >= count) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(confirmedIn(text)));
  });
}

function confirmedIn(text: string): number {
  return Number(text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1) ?? 0);
}
