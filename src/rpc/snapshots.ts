/**
 * Snapshots of a datacenter's state: taken and restored here when this server may, else by its
 * leader or by a server of the datacenter that is meant. The rules are Consul's.
 */

import type { Consensus, StoredSnapshot } from '../consensus/consensus.ts';
import { type ArchiveMeta, checkRestorable } from '../fsm/archive/meta.ts';
import { packArchive } from '../fsm/archive/pack.ts';
import { readArchive } from '../fsm/archive/read.ts';
import { checkState } from '../fsm/restore.ts';
import {
  SNAPSHOT_RESTORE,
  SNAPSHOT_SAVE,
  type SnapshotRequest,
  SnapshotResponse,
} from '../model/operator.ts';
import { encodePeers } from '../wire/raft/configuration.ts';
import { paced } from '../world/turns.ts';
import type { Clock } from '../world/world.ts';
import { exchangeSnapshot } from './client/one-shot.ts';
import type { Dialer } from './dialer.ts';
import { NO_LEADER, NO_PATH_TO_DATACENTER, NO_REMOTE_SERVER, NO_SERVERS } from './errors.ts';
import { RpcError } from './method.ts';
import type { RouterView, RpcServerEntry } from './router-view.ts';
import type { SnapshotSpool } from './snapshot-spool.ts';
import { readToEnd } from './stream-bytes.ts';

const NS_PER_MS = 1e6;
const SUFFRAGE_NUMBERS = { voter: 0, nonvoter: 1, staging: 2 } as const;

/** An answer without error. */
export interface SnapshotReply {
  readonly response: SnapshotResponse;
  /** For a save: the archive, made while it is read. Whoever does not read it has to leave it. */
  readonly archive: AsyncIterable<Uint8Array>;
}

export interface SnapshotCaller {
  /** `archive` is what is to be restored. Rejects with an error whose text clients know. */
  exchange(request: SnapshotRequest, archive: AsyncIterable<Uint8Array>): Promise<SnapshotReply>;
}

/** What a server has that takes and restores snapshots itself. */
export interface LocalSnapshots {
  readonly consensus: Pick<Consensus, 'snapshot' | 'restore' | 'barrier' | 'view'>;
  /** Where a state waits until it has been verified. */
  readonly spool: SnapshotSpool;
}

export interface SnapshotDeps {
  readonly dialer: Dialer;
  readonly router: () => RouterView;
  readonly clock: Clock;
  /** Absent on client agents, which ask a server. */
  readonly local?: LocalSnapshots;
}

export const NO_ARCHIVE: AsyncIterable<Uint8Array> = (async function* () {})();

export function createSnapshots(deps: SnapshotDeps): SnapshotCaller {
  return {
    async exchange(request, archive) {
      const { local } = deps;
      const view = deps.router();
      const datacenter = request.Datacenter || view.datacenter;
      if (local === undefined) return forward(deps, ownServer(view), request, archive);
      if (datacenter !== view.datacenter) {
        return forward(deps, serverOf(view, datacenter), request, archive);
      }
      if (!request.AllowStale && !view.leading) {
        if (view.leader === null) throw new RpcError(NO_LEADER);
        return forward(deps, view.leader, request, archive);
      }
      return answerHere(local, deps.clock, request, archive);
    },
  };
}

function ownServer(view: RouterView): RpcServerEntry {
  const own = view.datacenters.find(({ name }) => name === view.datacenter);
  const [server] = own?.servers ?? [];
  if (server === undefined) throw new RpcError(NO_SERVERS);
  return server;
}

function serverOf(view: RouterView, name: string): RpcServerEntry {
  const datacenter = view.datacenters.find((known) => known.name === name);
  if (datacenter === undefined) throw new RpcError(NO_PATH_TO_DATACENTER);
  const [server] = datacenter.servers;
  if (server === undefined) throw new RpcError(NO_REMOTE_SERVER);
  return server;
}

async function forward(
  { dialer }: SnapshotDeps,
  server: RpcServerEntry,
  request: SnapshotRequest,
  archive: AsyncIterable<Uint8Array>,
): Promise<SnapshotReply> {
  const handedIn = request.Op === SNAPSHOT_RESTORE ? archive : undefined;
  const answer = await exchangeSnapshot(dialer, server, request, handedIn);
  if (answer.response.Error === '') {
    return { response: answer.response, archive: readToEnd(answer.archive) };
  }
  answer.archive.destroy();
  throw new RpcError(answer.response.Error);
}

async function answerHere(
  local: LocalSnapshots,
  clock: Clock,
  request: SnapshotRequest,
  archive: AsyncIterable<Uint8Array>,
): Promise<SnapshotReply> {
  switch (request.Op) {
    case SNAPSHOT_SAVE:
      return save(local, clock);
    case SNAPSHOT_RESTORE:
      if (request.AllowStale) throw new RpcError('stale not allowed for restore');
      await restore(local, clock, archive);
      return { response: responseAt(local, 0), archive: NO_ARCHIVE };
    default:
      throw new RpcError(`unrecognized snapshot op ${JSON.stringify(request.Op)}`);
  }
}

/** What is known of leader and contact is told as of before: never too good. */
function responseAt({ consensus }: LocalSnapshots, index: number): SnapshotResponse {
  const { leader, lastContactMs } = consensus.view();
  return SnapshotResponse.of({
    Index: index,
    KnownLeader: leader !== undefined,
    LastContact: Math.trunc((lastContactMs ?? 0) * NS_PER_MS),
  });
}

async function save(local: LocalSnapshots, clock: Clock): Promise<SnapshotReply> {
  const response = responseAt(local, 0);
  const snapshot = await local.consensus.snapshot();
  const unixSeconds = Math.trunc(clock.now() / 1e3);
  return {
    response: { ...response, Index: snapshot.index },
    archive: packArchive(metaOf(snapshot), snapshot.chunks(), unixSeconds),
  };
}

function metaOf(snapshot: StoredSnapshot): ArchiveMeta {
  return {
    Version: 1,
    ID: snapshot.id,
    Index: snapshot.index,
    Term: snapshot.term,
    Peers: encodePeers(snapshot.configuration).toString('base64'),
    Configuration: {
      Servers: snapshot.configuration.servers.map(({ suffrage, id, address }) => ({
        Suffrage: SUFFRAGE_NUMBERS[suffrage],
        ID: id,
        Address: address,
      })),
    },
    ConfigurationIndex: snapshot.configurationIndex,
    Size: snapshot.size,
  };
}

/**
 * All of the archive is verified, and its state read once, before anything of it is handed to the
 * cluster: what is damaged, cut off or no state changes nothing.
 */
async function restore(
  { consensus, spool }: LocalSnapshots,
  clock: Clock,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  const state = await spool.create();
  try {
    const meta = await readArchive(archive, (piece) => state.append(piece));
    checkRestorable(meta, state.size);
    await checkState(paced(state.chunks(), clock));
    await consensus.restore({ index: meta.Index, size: state.size, chunks: state.chunks() });
    await consensus.barrier();
  } finally {
    await state.discard();
  }
}
