/**
 * Recovery by hand: when a majority of the servers is lost for ever, `peers.json` in the raft folder
 * says who goes on. Every entry on this disk counts then, committed or not; a snapshot of all of it
 * carries the new members, and the log begins anew behind it. (Consul's manual recovery, raft.md 2.5.)
 *
 * Whatever step a crash interrupts, the next start does it all again: the file goes last.
 */

import type { LogView } from '../../machines/raft/log-view.ts';
import type { PlacedConfiguration, StoredState } from '../../machines/raft/node.ts';
import type { RaftConfiguration } from '../../src/consensus/configuration.ts';
import { textOf } from '../../src/error-text.ts';
import type { Log } from '../../src/log.ts';
import { configurationOf } from '../../src/wire/raft/configuration.ts';
import { ENTRY_TYPE } from '../../src/wire/raft/log-entry.ts';
import type { Disk } from '../../src/world/world.ts';
import { type LogStore, resetRecord } from './log-store.ts';
import { PEERS_INFO, parsePeersFile } from './peers-file.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import type { StateMachine } from './state-machine.ts';

/** Entries handed to the state machine at once. */
const BATCH_ENTRIES = 1024;
const PEERS_INFO_MODE = 0o644;
/** The configuration counts as committed before everything, as hashicorp/raft has it. */
const CONFIGURATION_INDEX = 1;
const BY_HAND = 'please delete it by hand (see peers.info)';

export interface RecoveryDeps {
  readonly disk: Disk;
  readonly log: Log;
  /** `<data-dir>/raft`. */
  readonly directory: string;
  readonly self: { readonly id: string; readonly address: string };
  readonly state: Pick<StateMachine, 'applyInTurn' | 'freeze'>;
}

/** What was read from disk; the state machine has the state of the snapshot. */
export interface FoundState {
  readonly stored: StoredState;
  readonly store: LogStore;
  readonly snapshots: SnapshotStore;
}

/**
 * The state to start from: the one that was found, unless the operator asks for recovery. Rejects,
 * with nothing changed, when the file cannot be used.
 */
export async function recoverIfAsked(deps: RecoveryDeps, found: FoundState): Promise<StoredState> {
  const { disk, directory, log } = deps;
  const path = `${directory}/peers.json`;
  const asked = await disk.exists(path);
  if (!(await disk.exists(`${directory}/peers.info`))) {
    await disk.writeFileAtomic(`${directory}/peers.info`, Buffer.from(PEERS_INFO), PEERS_INFO_MODE);
    // From a time before there was a peers.info: nobody has asked for recovery with it.
    if (!asked) return found.stored;
    await removeFile(deps, path, 'failed');
    log.info('deleted peers.json file (see peers.info for details)');
    return found.stored;
  }
  if (!asked) return found.stored;
  log.info('found peers.json file, recovering Raft configuration...');
  const configuration = await readPeers(deps, path, found.stored);
  if (!configuration.servers.some((server) => server.id === deps.self.id)) {
    log.warn('peers.json does not name this server, which will take no part', { id: deps.self.id });
  }
  const stored = await recover(deps, found, configuration).catch((error: unknown) => {
    throw new Error(`recovery failed: ${textOf(error)}`, { cause: error });
  });
  await removeFile(deps, path, 'recovery failed');
  log.info('deleted peers.json file after successful recovery');
  return stored;
}

async function readPeers(
  { disk, self }: RecoveryDeps,
  path: string,
  stored: StoredState,
): Promise<RaftConfiguration> {
  try {
    const text = Buffer.from(await disk.readFile(path)).toString('utf8');
    return parsePeersFile(text, [self, ...newestConfiguration(stored).servers]);
  } catch (error) {
    throw new Error(`recovery failed to parse peers.json: ${textOf(error)}`, { cause: error });
  }
}

async function recover(
  deps: RecoveryDeps,
  { stored, store, snapshots }: FoundState,
  configuration: RaftConfiguration,
): Promise<StoredState> {
  const { log, hardState } = stored;
  if (log.lastIndex === 0 && hardState.term === 0) {
    throw new Error(
      'refused to recover cluster with no initial state, this is probably an operator error',
    );
  }
  await applyRest(deps, log);
  const at = { index: log.lastIndex, term: log.lastTerm };
  const placed: PlacedConfiguration = { index: CONFIGURATION_INDEX, configuration };
  const frozen = await deps.state.freeze();
  try {
    const written = await snapshots.write(at, placed, frozen.chunks);
    // One that was taken at the same place, with the old members, must not be taken for the newest.
    for (const other of await snapshots.list()) {
      const tied = other.index === at.index && other.term === at.term && other.id !== written.id;
      if (tied) await snapshots.remove(other);
    }
  } finally {
    frozen.release();
  }
  await store.append([resetRecord(at)]);
  // Operators have decided what counts.
  const trusted = { ...hardState, catchingUp: false };
  return { hardState: trusted, log: log.reset(at), configuration: placed };
}

/** Commands behind the snapshot, in batches. */
async function applyRest({ state }: RecoveryDeps, log: LogView): Promise<void> {
  for (let from = log.snapshot.index + 1; from <= log.lastIndex; from += BATCH_ENTRIES) {
    const entries = log.slice(from, BATCH_ENTRIES, Number.POSITIVE_INFINITY);
    const through = from + entries.length - 1;
    await state.applyInTurn(
      entries.filter((entry) => entry.Type === ENTRY_TYPE.command),
      through,
    );
  }
}

function newestConfiguration({ log, configuration }: StoredState): RaftConfiguration {
  for (const entry of log.entries().toReversed()) {
    const found = entry.Index > configuration.index ? configurationOf(entry) : undefined;
    if (found !== undefined) return found;
  }
  return configuration.configuration;
}

async function removeFile({ disk, directory }: RecoveryDeps, path: string, what: string) {
  try {
    await disk.remove(path);
    await disk.syncDirectory(directory);
  } catch (error) {
    const text = `${what} to delete peers.json, ${BY_HAND}: ${textOf(error)}`;
    throw new Error(text, { cause: error });
  }
}
