/**
 * Leaving in the order in which it hurts least: raft first (a leader must not count on itself any
 * more), then the WAN, then the LAN pool, then a pause in which requests under way can finish.
 */

import { votersOf } from '../../src/consensus/configuration.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import type { Foundation } from './foundation.ts';

const POOL_TIMEOUT_MS = 15_000;

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
  if (consensus !== undefined && leadsOthers(consensus)) {
    await step('remove own raft peer', () => consensus.removeServer(base.nodeId, { prevIndex: 0 }));
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
    await new Promise<void>((resolve) => {
      world.clock.setTimeout(() => resolve(), plan.leave.drainMs);
    });
  }
}

function leadsOthers(consensus: LeaveConsensus): boolean {
  const view = consensus.view();
  return view.role === 'leader' && votersOf(view.configuration).length > 1;
}
