/**
 * Leaders that have been replaced and do not know it. Others have written since, and somebody who
 * reaches the old leader asks it at once: it must prove that it leads, or say nothing. (Raft thesis
 * 6.4)
 */

import type { RaftNode } from '../../../machines/raft/node.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import type { SimulatedServer } from './server.ts';

/** A process is stopped for so long at a time, until it has slept through an election. */
const NAP_MS = 100;
const SLEEP_MS_MAX = 4_000;
/** Until it is alone: what it was on the way to hear is there by then, or never. */
const ALONE_AFTER_MS_MAX = 100;
/** How long it goes on to be asked, and how often. It steps down after 500 ms without an answer. */
const ASKED_MS_MAX = 500;
const ASKED_TIMES = 4;
/** So long it stays alone, at least that it is asked all the questions. */
const ALONE_MS_MAX = 900;

/**
 * Stopped while answers to its heartbeats are on their way. They wait for it in its host: when it
 * goes on, long after another was elected, it reads them as if they had just been given.
 */
export const leaderOversleeps: Fault = (cluster, random) => {
  const cancel = cluster.lieInWait((server, before, after) => {
    if (!asksMajority(before, after)) return false;
    cluster.strikeIn(0, () => oversleep(cluster, server, random));
    return true;
  });
  return { text: 'a leader will be stopped while it asks whether it leads', end: cancel };
};

/** Hears nothing any more from the moment on in which it tells another to stand for election. */
export const leaderDeafened: Fault = (cluster, random) => {
  const cancel = cluster.lieInWait((server, before, after) => {
    if (!handsOver(before, after)) return false;
    cluster.strikeIn(0, () => deafen(cluster, server, random));
    return true;
  });
  cluster.leader?.consensus?.leadershipTransfer().catch(() => {});
  return { text: 'a leader hands over, and will not hear what comes of it', end: cancel };
};

function asksMajority(before: RaftNode, after: RaftNode): boolean {
  const peers = [...(after.leadership?.progress ?? [])];
  const asked = peers.filter(
    ([id, peer]) =>
      peer.heartbeatInFlight && !before.leadership?.progress.get(id)?.heartbeatInFlight,
  );
  return asked.length > 0 && asked.length >= Math.floor((peers.length + 1) / 2);
}

function handsOver(before: RaftNode, after: RaftNode): boolean {
  return after.leadership?.transfer?.sent === true && !before.leadership?.transfer?.sent;
}

function oversleep(cluster: Cluster, server: SimulatedServer, random: SeededRandom): void {
  const { host } = server;
  const { network, nowMs } = cluster.simulation;
  cluster.note(`${host.name} is stopped until others have done without it`);
  let asleep = true;
  const nap = (): void => {
    if (asleep) host.freeze(2 * NAP_MS);
    if (cluster.simulation.nowMs - nowMs < SLEEP_MS_MAX) cluster.strikeIn(NAP_MS, nap);
  };
  nap();
  if (random.chance(0.7)) {
    cluster.strikeIn(random.between(0, ALONE_AFTER_MS_MAX), () => network.isolate(host.name));
  }
  replaced(cluster, server, () => {
    asleep = false;
    question(cluster, server, random, 2 * NAP_MS);
  });
}

function deafen(cluster: Cluster, server: SimulatedServer, random: SeededRandom): void {
  const { name } = server.host;
  cluster.note(`${name} hands over, and nothing gets to it any more`);
  cluster.simulation.network.partition('*', name, 'there');
  cluster.clock.setTimeout(() => cluster.simulation.network.heal(), ALONE_MS_MAX);
  replaced(cluster, server, () => question(cluster, server, random, 0));
}

/** Waits until another leads and has acknowledged a write of every place. */
function replaced(cluster: Cluster, former: SimulatedServer, then: () => void): void {
  cluster.lieInWait((next, before, after) => {
    if (next === former || after.role !== 'leader' || before.role === 'leader') return false;
    cluster.strikeIn(0, async () => {
      if ((await cluster.questioner?.tellAll(next)) === true) then();
    });
    return true;
  });
}

/** At once, and some more within `wakesMs` and the time for which it may go on to believe. */
function question(
  cluster: Cluster,
  server: SimulatedServer,
  random: SeededRandom,
  wakesMs: number,
): void {
  const ask = (): void => cluster.questioner?.askAll(server);
  ask();
  for (let left = ASKED_TIMES; left > 0; left--) {
    cluster.strikeIn(random.between(0, wakesMs + ASKED_MS_MAX), ask);
  }
  const { network } = cluster.simulation;
  cluster.clock.setTimeout(() => network.heal(), wakesMs + ALONE_MS_MAX);
}
