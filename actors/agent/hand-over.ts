/**
 * A leader that is told to stop hands over first: its successor stands at once, and nobody has to
 * miss heartbeats before. (Consul's servers just end.) It stays a member, as it may come back.
 */

import { votersOf } from '../../src/consensus/configuration.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { pause } from '../../src/world/pause.ts';
import type { Foundation } from './foundation.ts';

/** Whoever stops a server does not wait long: then it ends as it would have done without this. */
const LIMIT_MS = 2_000;
const LOOK_MS = 10;
/** Calls that were held meanwhile go to the successor and are answered. */
const LAST_ANSWERS_MS = 100;

export type HandOverConsensus = Pick<Consensus, 'view' | 'leadershipTransfer'>;

/** Resolves when another server leads, or none can; never rejects. */
export async function handOver(
  base: Pick<Foundation, 'log' | 'world' | 'nodeId'>,
  consensus: HandOverConsensus | undefined,
): Promise<void> {
  if (consensus === undefined || !leadsOthers(consensus, base.nodeId)) return;
  const { log, world } = base;
  const deadlineMs = world.clock.monotonic() + LIMIT_MS;
  const transfer = consensus.leadershipTransfer().then(
    () => 'done' as const,
    (error: unknown) => {
      log.warn('nobody has taken leadership over', { error });
      return 'failed' as const;
    },
  );
  const outcome = await Promise.race([transfer, pause(world.clock, LIMIT_MS)]);
  if (outcome !== 'done') return;
  while (consensus.view().leader === undefined && world.clock.monotonic() < deadlineMs) {
    await pause(world.clock, LOOK_MS);
  }
  await pause(world.clock, LAST_ANSWERS_MS);
}

function leadsOthers(consensus: HandOverConsensus, id: string): boolean {
  const { role, configuration } = consensus.view();
  return role === 'leader' && votersOf(configuration).some((server) => server.id !== id);
}
