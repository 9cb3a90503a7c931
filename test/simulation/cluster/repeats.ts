/**
 * A leader that says again what it has said: requests that begin further back than they need to and
 * hold little, on connections of their own. Any leader may send them, and what the network has held
 * back looks like them; ours would hardly ever.
 */

import type { RaftNode } from '../../../machines/raft/node.ts';
import { type AppendEntriesRequest, PROTOCOL_VERSION } from '../../../src/wire/raft/messages.ts';
import { encodeRequest } from '../../../src/wire/raft/transport.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import type { SimulatedServer } from './server.ts';

/** How far behind what is committed it begins, at most. */
const BACK_MAX = 100;
const ENTRIES_MAX = 4;
/** A connection is closed after this time, answered or not. */
const OPEN_MS = 1_000;

export const leaderRepeats: Fault = (cluster, random) => ({
  text: 'whoever leads repeats what it has said',
  end: startRepeating(cluster, random, [5, 60]),
});

/** Begins, each time after a pause in that range; returns the way to end it. */
export function startRepeating(
  cluster: Cluster,
  random: SeededRandom,
  everyMs: readonly [number, number],
): () => void {
  let over = false;
  const speak = (): void => {
    if (over) return;
    const { leader, servers } = cluster;
    for (const to of leader === undefined ? [] : servers) {
      if (leader !== undefined && to !== leader) repeat(leader, to, random);
    }
    cluster.strikeIn(random.between(...everyMs), speak);
  };
  speak();
  return () => {
    over = true;
  };
}

function repeat(from: SimulatedServer, { address }: SimulatedServer, random: SeededRandom): void {
  const body = from.node && requestOf(from.node, random);
  if (body === undefined) return;
  const { network, clock } = from.host.world;
  const [host = '', port] = address.split(':');
  network.connectTcp({ host, port: Number(port), timeoutMs: OPEN_MS }).then(
    (stream) => {
      stream.listen({ data: () => {} });
      stream.write(encodeRequest({ rpc: 'append-entries', body }));
      clock.setTimeout(() => stream.destroy(), OPEN_MS);
    },
    () => {},
  );
}

function requestOf(node: RaftNode, random: SeededRandom): AppendEntriesRequest | undefined {
  const { commitIndex, log, self, term } = node;
  const first = Math.max(log.firstIndex - 1, commitIndex - BACK_MAX, 1);
  const PrevLogEntry = Math.floor(random.between(first, commitIndex));
  const PrevLogTerm = log.termAt(PrevLogEntry);
  if (PrevLogTerm === undefined) return undefined;
  return {
    ProtocolVersion: PROTOCOL_VERSION,
    ID: self.id,
    Addr: self.address,
    Term: term,
    Leader: self.address,
    PrevLogEntry,
    PrevLogTerm,
    Entries: log.slice(PrevLogEntry + 1, Math.floor(random.float() * ENTRIES_MAX), 65_536),
    LeaderCommitIndex: commitIndex,
  };
}
