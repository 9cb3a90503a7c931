/** What a crash in the middle of removing a snapshot leaves. */

import { expect, it } from 'vitest';
import { SnapshotStore } from '../../../actors/raft/snapshot-store.ts';
import { EMPTY_CONFIGURATION } from '../../../src/consensus/configuration.ts';
import { createMemoryLog } from '../../../src/log.ts';
import { createSimulation } from '../../../src/world/simulated/simulation.ts';
import type { Disk } from '../../../src/world/world.ts';

const DIRECTORY = '/raft/snapshots';
const PLACED = { index: 1, configuration: EMPTY_CONFIGURATION };

async function* state(): AsyncIterable<Uint8Array> {
  yield Buffer.from('state');
}

/** Removes the first file of a folder, and gets no further. */
function dyingInRemoval(disk: Disk): Disk {
  const remove = async (path: string): Promise<void> => {
    const [file] = await disk.list(path);
    await disk.remove(`${path}/${file}`);
    throw new Error('killed');
  };
  return new Proxy(disk, {
    get: (target, name) => {
      if (name === 'remove') return remove;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

it('a snapshot that was half removed is not there any more after the next start', async () => {
  const simulation = createSimulation({ seed: 1 });
  const { disk, clock } = simulation.host({ name: 'a', addresses: [] }).world;
  const log = createMemoryLog();
  const open = (on: Disk) => SnapshotStore.open({ disk: on, clock, log, directory: DIRECTORY });
  const work = async (): Promise<void> => {
    await disk.makeDirectory('/raft');
    const store = await open(dyingInRemoval(disk));
    await store.write({ index: 5, term: 2 }, PLACED, state());
    const newest = await store.write({ index: 9, term: 2 }, PLACED, state());
    await expect(store.remove(newest)).rejects.toThrow('killed');
    const next = await open(disk);
    expect(await next.newestPoint()).toEqual({ index: 5, term: 2 });
    expect((await next.list()).map(({ index }) => index)).toEqual([5]);
  };
  await simulation.settle(work());
  expect(log.lines).toEqual([]);
});
