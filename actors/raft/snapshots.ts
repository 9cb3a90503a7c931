/** Snapshots between the state machine and the disk, both ways. */

import { placedIn } from '../../machines/raft/follower.ts';
import type { LogPoint } from '../../machines/raft/log-view.ts';
import type { Effect, PlacedConfiguration } from '../../machines/raft/node.ts';
import type { StateSnapshot } from '../../machines/routes/raft.ts';
import type { StoredSnapshot } from '../../src/consensus/consensus.ts';
import { textOf } from '../../src/error-text.ts';
import type { InstallSnapshotRequest } from '../../src/wire/raft/messages.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/** The node hears of a snapshot's progress once in this many bytes. */
const PROGRESS_BYTES = 1024 * 1024;

/** Writes the frozen state; durable, and its caller answered, when it resolves. */
export async function takeSnapshot(
  store: SnapshotStore,
  effect: Extract<Effect, { type: 'snapshot.take' }>,
  frozen: Promise<StateSnapshot>,
): Promise<void> {
  const state = await frozen;
  try {
    const stored = await store.write(effect.at, effect.configuration, state.chunks);
    effect.reply?.answer(stored);
  } finally {
    state.release();
  }
}

/** Writes a snapshot that was taken elsewhere, and checks its size. */
export async function adoptSnapshot(
  store: SnapshotStore,
  order: Omit<Extract<Effect, { type: 'snapshot.adopt' }>, 'type'>,
): Promise<StoredSnapshot> {
  const stored = await store.write(order.at, order.configuration, order.chunks);
  if (stored.size === order.size) return stored;
  await store.remove(stored);
  throw new Error(`failed to write snapshot, size didn't match (${order.size} != ${stored.size})`);
}

export interface Reception {
  readonly request: InstallSnapshotRequest;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly snapshots: SnapshotStore;
  restore(snapshot: StoredSnapshot): Promise<void>;
  progressed(): void;
}

/** Takes a leader's snapshot: durable first, then restored. One that cannot be restored is removed. */
export async function receiveSnapshot(
  reception: Reception,
): Promise<{ readonly at: LogPoint; readonly configuration: PlacedConfiguration }> {
  const { request, snapshots } = reception;
  const configuration = placedIn(request);
  if (configuration === undefined) throw new Error('snapshot holds no configuration');
  const at = { index: request.LastLogIndex, term: request.LastLogTerm };
  const stored = await snapshots.write(at, configuration, counted(reception));
  try {
    await reception.restore(stored);
  } catch (error) {
    await snapshots.remove(stored);
    const reason = textOf(error);
    throw new Error(`failed to restore snapshot ${stored.id}: ${reason}`, { cause: error });
  }
  return { at, configuration };
}

async function* counted(reception: Reception): AsyncIterable<Uint8Array> {
  let bytes = 0;
  let told = 0;
  for await (const chunk of reception.chunks) {
    bytes += chunk.length;
    yield chunk;
    if (bytes - told < PROGRESS_BYTES) continue;
    told = bytes;
    reception.progressed();
  }
  if (bytes === reception.request.Size) return;
  throw new Error(`short read: ${bytes} of ${reception.request.Size} bytes`);
}
