/** What autopilot does about the servers: who gets a vote, and whom nobody has to wait for any more. */

import type { AutopilotConfig, AutopilotState } from '../model/operator.ts';
import type { GoTime } from '../wire/msgpack/time.ts';
import type { KnownServer, RaftPeerFacts } from './state.ts';

const NS_PER_MS = 1e6;
const MS_PER_S = 1000;
/** After it began, autopilot has seen no server for long: so long it takes health for stability. */
const GRACE_FACTOR = 1.1;

/** Non-voters that are healthy and have been for long enough. Times are Unix times in ms. */
export function promotions(
  config: AutopilotConfig,
  state: AutopilotState,
  known: ReadonlyMap<string, KnownServer>,
  times: { readonly startedMs: number; readonly nowMs: number },
): readonly { readonly id: string; readonly address: string }[] {
  const stableMs = config.ServerStabilizationTime / NS_PER_MS;
  const graceOver = times.nowMs - times.startedMs >= stableMs * GRACE_FACTOR;
  return Object.values(state.Servers ?? {})
    .filter(({ State, Health, Server }) => {
      if (State !== 'non-voter' || known.get(Server.ID)?.readReplica !== false) return false;
      if (!Health.Healthy || !graceOver) return Health.Healthy;
      return times.nowMs - unixMs(Health.StableSince) >= stableMs;
    })
    .map(({ Server }) => ({ id: Server.ID, address: Server.Address }));
}

function unixMs(time: GoTime): number {
  return time.unixSeconds * MS_PER_S + time.nanoseconds / NS_PER_MS;
}

/** A failed member is made to leave its pools; who is in raft alone is taken out of it. */
export type Removal =
  | { readonly kind: 'force-leave'; readonly name: string }
  | { readonly kind: 'remove-peer'; readonly id: string };

export interface Cleanup {
  readonly removals: readonly Removal[];
  /** Voters that stay although they are dead, with the reason. */
  readonly kept: readonly { readonly server: string; readonly why: string }[];
}

/**
 * Dead servers: those without a vote first, then stale voters (in raft, unknown to gossip), then
 * failed ones. Of voters less than half go in one pass, and never below the wished quorum.
 */
export function deadServerCleanup(
  config: AutopilotConfig,
  peers: readonly RaftPeerFacts[],
  known: ReadonlyMap<string, KnownServer>,
): Cleanup {
  if (!config.CleanupDeadServers) return { removals: [], kept: [] };
  const voterIds = new Set(peers.filter(({ voter }) => voter).map(({ id }) => id));
  const failed = [...known.values()].filter(({ status }) => status === 'failed');
  const stale = peers.filter(({ id }) => !known.has(id));
  const removals: Removal[] = [
    ...failed.filter(({ id }) => !voterIds.has(id)).map(forceLeave),
    ...stale.filter(({ voter }) => !voter).map(removePeer),
  ];
  const dead: readonly Removal[] = [
    ...stale.filter(({ voter }) => voter).map(removePeer),
    ...failed.filter(({ id }) => voterIds.has(id)).map(forceLeave),
  ];
  const kept: { readonly server: string; readonly why: string }[] = [];
  let voters = voterIds.size;
  let left = Math.floor((voters - 1) / 2);
  for (const removal of dead) {
    const why = reasonToKeep(config, voters, left);
    if (why !== null) {
      kept.push({ server: removal.kind === 'force-leave' ? removal.name : removal.id, why });
      continue;
    }
    removals.push(removal);
    voters -= 1;
    left -= 1;
  }
  return { removals, kept };
}

function reasonToKeep({ MinQuorum }: AutopilotConfig, voters: number, left: number): string | null {
  if (voters - 1 < MinQuorum) return `fewer than ${MinQuorum} voters would be left (min_quorum)`;
  return left < 1 ? 'a majority of the voters may not go at once' : null;
}

function forceLeave({ name }: KnownServer): Removal {
  return { kind: 'force-leave', name };
}

function removePeer({ id }: RaftPeerFacts): Removal {
  return { kind: 'remove-peer', id };
}
