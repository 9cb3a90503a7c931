/** Log and snapshots of one raft node together, on the real disk. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { LogStore, resetRecord } from '../../../actors/raft/log-store.ts';
import { SnapshotStore } from '../../../actors/raft/snapshot-store.ts';
import { type OpenedStorage, RaftStorage } from '../../../actors/raft/storage.ts';
import { silentLog } from '../../../src/log.ts';
import { ENTRY_TYPE, type LogEntry } from '../../../src/wire/raft/log-entry.ts';
import { createNodeWorld } from '../../../src/world/node/node-world.ts';
import { once } from '../../support/store-harness.ts';

const world = createNodeWorld();
const parts = { ...world, log: silentLog };
const folders: string[] = [];

afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

function entry(index: number, term: number): LogEntry {
  return {
    Index: index,
    Term: term,
    Type: ENTRY_TYPE.command,
    Data: Buffer.from('command'),
    Extensions: null,
    AppendedAt: undefined,
  };
}

function open(directory: string): Promise<OpenedStorage> {
  const listener = { persisted: () => {}, failed: () => {}, recovered: () => {} };
  return RaftStorage.open(
    { world, log: silentLog, directory, listener },
    async () => {},
    async ({ stored }) => stored,
  );
}

it('goes on behind a snapshot of which a log without entries had not heard', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'raft-'));
  folders.push(directory);
  // One snapshot was installed, and before any entry came another one. Then the power was lost.
  const { store } = await LogStore.open({ ...parts, directory: join(directory, 'wal') });
  await store.append([resetRecord({ index: 39, term: 2 })]);
  await store.close();
  const snapshots = await SnapshotStore.open({ ...parts, directory: join(directory, 'snapshots') });
  const configuration = { index: 1, configuration: { servers: [] } };
  await snapshots.write({ index: 221, term: 3 }, configuration, once(Buffer.from('state')));

  const first = await open(directory);
  expect(first.stored.log).toMatchObject({ firstIndex: 222, lastIndex: 221 });
  first.storage.persist({ type: 'persist', sequence: 1, entries: [entry(222, 3)] });
  await first.storage.close();
  const second = await open(directory);
  await second.storage.close();
  expect(second.stored.log).toMatchObject({ firstIndex: 222, lastIndex: 222 });
});
