/**
 * Snapshots of a datacenter's state: taken and restored here when this server may, else by its
 * leader or by a server of the datacenter that is meant. The rules are Consul's.
 */

import type { Consensus, StoredSnapshot } from '../consensus/consensus.ts';
import { type ArchiveMeta, packArchive, unpackArchive } from '../fsm/archive.ts';
import { restoreState } from '../fsm/restore.ts';
import {
  SNAPSHOT_RESTORE,
  SNAPSHOT_SAVE,
  type SnapshotRequest,
  SnapshotResponse,
} from '../model/operator.ts';
import { encodePeers } from '../wire/raft/configuration.ts';
import type { Clock } from '../world/world.ts';
import { exchangeSnapshot } from './client/one-shot.ts';
import type { Dialer } from './dialer.ts';
import { NO_LEADER, NO_PATH_TO_DATACENTER, NO_REMOTE_SERVER, NO_SERVERS } from './errors.ts';
import { RpcError } from './method.ts';
import type { RouterView, RpcServerEntry } from './router-view.ts';
import { joined, StreamBytes } from './stream-bytes.ts';

/** Bytes of a packed archive that is handed in. */
export const ARCHIVE_IN_BYTES_MAX = 536_870_912;

const NS_PER_MS = 1e6;
const SUFFRAGE_NUMBERS = { voter: 0, nonvoter: 1, staging: 2 } as const;

/** An answer without error. */
export interface SnapshotReply {
  readonly response: SnapshotResponse;
  /** For a save: the archive. */
  readonly archive: AsyncIterable<Uint8Array>;
}

export interface SnapshotCaller {
  /** `archive` is what is to be restored. Rejects with an error whose text clients know. */
  exchange(request: SnapshotRequest, archive: AsyncIterable<Uint8Array>): Promise<SnapshotReply>;
}

export interface SnapshotDeps {
  readonly dialer: Dialer;
  readonly router: () => RouterView;
  readonly clock: Clock;
  /** Absent on client agents, which ask a server. */
  readonly consensus?: Pick<Consensus, 'snapshot' | 'restore' | 'barrier' | 'view'>;
}

export const NO_ARCHIVE: AsyncIterable<Uint8Array> = (async function* () {})();

export function createSnapshots(deps: SnapshotDeps): SnapshotCaller {
  return {
    async exchange(request, archive) {
      const { consensus } = deps;
      const view = deps.router();
      const datacenter = request.Datacenter || view.datacenter;
      if (consensus === undefined) return forward(deps, ownServer(view), request, archive);
      if (datacenter !== view.datacenter) {
        return forward(deps, serverOf(view, datacenter), request, archive);
      }
      if (!request.AllowStale && !view.leading) {
        if (view.leader === null) throw new RpcError(NO_LEADER);
        return forward(deps, view.leader, request, archive);
      }
      return answerHere(consensus, deps.clock, request, archive);
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
    return { response: answer.response, archive: new StreamBytes(answer.archive) };
  }
  answer.archive.destroy();
  throw new RpcError(answer.response.Error);
}

type LocalConsensus = NonNullable<SnapshotDeps['consensus']>;

async function answerHere(
  consensus: LocalConsensus,
  clock: Clock,
  request: SnapshotRequest,
  archive: AsyncIterable<Uint8Array>,
): Promise<SnapshotReply> {
  switch (request.Op) {
    case SNAPSHOT_SAVE:
      return save(consensus, clock);
    case SNAPSHOT_RESTORE:
      if (request.AllowStale) throw new RpcError('stale not allowed for restore');
      await restore(consensus, archive);
      return { response: responseAt(consensus, 0), archive: NO_ARCHIVE };
    default:
      throw new RpcError(`unrecognized snapshot op ${JSON.stringify(request.Op)}`);
  }
}

/** What is known of leader and contact is told as of before: never too good. */
function responseAt(consensus: LocalConsensus, index: number): SnapshotResponse {
  const { leader, lastContactMs } = consensus.view();
  return SnapshotResponse.of({
    Index: index,
    KnownLeader: leader !== undefined,
    LastContact: Math.trunc((lastContactMs ?? 0) * NS_PER_MS),
  });
}

async function save(consensus: LocalConsensus, clock: Clock): Promise<SnapshotReply> {
  const response = responseAt(consensus, 0);
  const snapshot = await consensus.snapshot();
  const state = await joined(snapshot.chunks(), snapshot.size, 'the snapshot has grown');
  const packed = await packArchive(
    { meta: metaOf(snapshot), state },
    Math.trunc(clock.now() / 1e3),
  );
  return { response: { ...response, Index: snapshot.index }, archive: once(packed) };
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

/** The state is read once before it is handed to the cluster: what is no state changes nothing. */
async function restore(
  consensus: LocalConsensus,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  const packed = await joined(archive, ARCHIVE_IN_BYTES_MAX, 'snapshot is too large');
  const { meta, state } = await unpackArchive(packed);
  await restoreState([state]);
  await consensus.restore({ index: meta.Index, size: state.length, chunks: once(state) });
  await consensus.barrier();
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
