/**
 * Leaving in the order in which it hurts least: raft first (a leader hands over to a successor, so
 * that nobody has to wait for an election), then the WAN, then the LAN pool, then a pause in which
 * requests under way can finish. A server ends when it is out of the raft configuration: one that
 * ends before counts as a voter that does not answer.
 */

import { votersOf } from '../../src/consensus/configuration.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { pause } from '../../src/world/pause.ts';
import type { Foundation } from './foundation.ts';

const POOL_TIMEOUT_MS = 15_000;
/** The leader takes out who has left the LAN pool; as Consul, waited for no longer than this. */
const REMOVAL_LIMIT_MS = 5_000;
const REMOVAL_PAUSE_MS = 50;

export type LeaveConsensus = Pick<Consensus, 'view' | 'removeServer' | 'leadershipTransfer'>;

/** Never rejects: what fails is logged, as the process ends anyway. */
export async function leavePools(
  base: Foundation,
  consensus: LeaveConsensus | undefined,
): Promise<void> {
  const { log, plan, world } = base;
  const post = base.bus.postFor('agent');
  const step = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log.error(`failed to ${what}`, { error });
    }
  };
  const others = consensus !== undefined && hasOtherVoters(consensus, base.nodeId);
  if (others && consensus.view().role === 'leader') {
    await step('remove own raft peer', () => resign(consensus, base));
  }
  const limit = { timeoutMs: POOL_TIMEOUT_MS };
  if (plan.role === 'server' && plan.ports.serfWan !== null) {
    await step('leave the WAN pool', () =>
      post.ask('gossip.wan', { type: 'members.leave' }, limit),
    );
  }
  await step('leave the LAN pool', () => post.ask('gossip.lan', { type: 'members.leave' }, limit));
  if (plan.role === 'server' && plan.leave.drainMs > 0) {
    log.info('Waiting to drain RPC traffic', { drain_time_ms: plan.leave.drainMs });
    await pause(world.clock, plan.leave.drainMs);
  }
  if (others) await untilRemoved(consensus, base);
}

function hasOtherVoters(consensus: LeaveConsensus, id: string): boolean {
  return votersOf(consensus.view().configuration).some((server) => server.id !== id);
}

/** The successor takes this server out. Without a successor it takes itself out, and then ends to lead. */
async function resign(consensus: LeaveConsensus, { log, nodeId }: Foundation): Promise<void> {
  try {
    await consensus.leadershipTransfer();
  } catch (error) {
    log.warn('nobody has taken leadership over', { error });
    await consensus.removeServer(nodeId, { prevIndex: 0 });
  }
}

async function untilRemoved(consensus: LeaveConsensus, base: Foundation): Promise<void> {
  const { clock } = base.world;
  const limitMs = clock.monotonic() + REMOVAL_LIMIT_MS;
  const isMember = (): boolean =>
    consensus.view().configuration.servers.some((server) => server.id === base.nodeId);
  while (isMember()) {
    if (clock.monotonic() >= limitMs) {
      base.log.warn('failed to leave raft configuration gracefully, timeout');
      return;
    }
    await pause(clock, REMOVAL_PAUSE_MS);
  }
}
