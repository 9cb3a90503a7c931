/** Damaged snapshots of one raft node on the real disk: what stands in for them, and when nothing does. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DamageError } from '../../../actors/raft/damage.ts';
import { SnapshotStore } from '../../../actors/raft/snapshot-store.ts';
import { consulSettings } from '../../../machines/raft/limits.ts';
import { silentLog } from '../../../src/log.ts';
import { createNodeWorld } from '../../../src/world/node/node-world.ts';
import { startRaftNode, type TestNode, until } from '../../support/raft/single.ts';

const world = createNodeWorld();
const folders: string[] = [];
const nodes: TestNode[] = [];

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop().catch(() => {});
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'raft-'));
  folders.push(path);
  return path;
}

function start(directory: string): TestNode {
  const node = startRaftNode({
    world,
    directory,
    id: 'a',
    address: '127.0.0.1:8300',
    seed: 1,
    settings: { ...consulSettings(1), trailingLogs: 5 },
    segmentBytesMax: 500,
  });
  nodes.push(node);
  return node;
}

/** Folders of the snapshots, the oldest first. */
function snapshotsIn(directory: string): readonly string[] {
  const path = join(directory, 'snapshots');
  const indexOf = (name: string): number => Number(name.split('-')[1]);
  return readdirSync(path)
    .sort((a, b) => indexOf(a) - indexOf(b))
    .map((name) => join(path, name));
}

function flip(path: string, byte: number): void {
  const bytes = readFileSync(path);
  const at = byte % bytes.length;
  bytes[at] = (bytes[at] as number) ^ 0x04;
  writeFileSync(path, bytes);
}

/** A stopped server with two snapshots, the log from the older on, and what it has applied. */
async function grown() {
  const directory = folder();
  const node = start(directory);
  await until(() => !node.consensus.hasState());
  const self = { suffrage: 'voter', id: 'a', address: '127.0.0.1:8300' } as const;
  await node.consensus.bootstrap({ servers: [self] });
  await until(() => node.consensus.view().role === 'leader');
  const applied: string[] = [];
  for (let round = 0; round < 4; round++) {
    for (let count = 0; count < 30; count++) {
      applied.push(`${round}/${count}`);
      await node.consensus.apply(Buffer.from(`${round}/${count}`));
    }
    if (round < 3) await node.consensus.snapshot();
  }
  await node.stop();
  expect(snapshotsIn(directory)).toHaveLength(2);
  return { directory, applied };
}

describe('a server with damaged snapshots', () => {
  it.each(['state.bin', 'meta.json'])(
    'starts from the older one and the log behind it when %s of the newest is damaged',
    async (file) => {
      const { directory, applied } = await grown();
      const newest = snapshotsIn(directory).at(-1) as string;
      flip(join(newest, file), 40);
      const node = start(directory);
      await until(() => node.consensus.view().role === 'leader');
      await node.consensus.barrier();
      expect(node.applied).toEqual(applied);
      expect(node.consensus.view().snapshotIndex).toBeLessThan(Number(newest.split('-').at(-2)));
      await node.consensus.snapshot();
      expect(snapshotsIn(directory)).not.toContain(newest);
    },
  );

  it('refuses to start when none can be used, and says what to do', async () => {
    const { directory } = await grown();
    for (const path of snapshotsIn(directory)) flip(join(path, 'state.bin'), 7);
    const node = start(directory);
    await until(() => node.error() !== undefined);
    expect(node.error()).toBeInstanceOf(DamageError);
    expect(String(node.error())).toMatch(/raft log .*wal begins at entry \d+, but no snapshot can/);
    expect(String(node.error())).toContain('Move the whole data folder');
    expect(snapshotsIn(directory)).toHaveLength(2);
  });

  it('refuses to start when the log does not hold what the damaged one held', async () => {
    const { directory } = await grown();
    flip(join(snapshotsIn(directory).at(-1) as string, 'state.bin'), 7);
    const wal = join(directory, 'wal');
    for (const name of readdirSync(wal).sort().slice(2)) rmSync(join(wal, name));
    const node = start(directory);
    await until(() => node.error() !== undefined);
    expect(String(node.error())).toMatch(/snapshot of entry \d+ of term \d+ in .* cannot be used/);
  });
});

describe('a snapshot on disk', () => {
  const configuration = { index: 0, configuration: { servers: [] } };
  const state = Buffer.alloc(600_000, 'state ');

  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield state;
  }

  function open(directory: string): Promise<SnapshotStore> {
    const { disk, clock } = world;
    return SnapshotStore.open({ disk, clock, log: silentLog, directory });
  }

  it('is never handed on as a whole when a bit of it is another one', async () => {
    const directory = folder();
    const store = await open(join(directory, 'snapshots'));
    const stored = await store.write({ index: 4, term: 2 }, configuration, chunks());
    for (const byte of [0, 299_999, 599_999]) {
      flip(join(directory, 'snapshots', stored.id, 'state.bin'), byte);
      let read = 0;
      const reading = async (): Promise<void> => {
        for await (const chunk of stored.chunks()) read += chunk.length;
      };
      await expect(reading()).rejects.toThrow('state.bin is damaged');
      expect(read).toBeLessThan(state.length);
      flip(join(directory, 'snapshots', stored.id, 'state.bin'), byte);
    }
    expect(await store.list()).toEqual([]);
  });

  it('is not disturbed by who looks for snapshots while it is written', async () => {
    const store = await open(join(folder(), 'snapshots'));
    async function* slowly(): AsyncGenerator<Uint8Array> {
      yield state;
      expect(await store.list()).toEqual([]);
      yield state;
    }
    await store.write({ index: 4, term: 2 }, configuration, slowly());
    expect((await store.newest())?.size).toBe(2 * state.length);
  });
});
