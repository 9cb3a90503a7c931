/** What a leader keeps of each other server. */

import type { RaftServer } from '../../src/consensus/configuration.ts';
import type { Leadership, Progress, RaftNode } from './node.ts';
import { othersOf, type Step } from './step-base.ts';

/** Brings the list of followed servers in line with the newest configuration. */
export function followProgress(step: Step): void {
  const { node } = step;
  const { progress } = node.leadership as Leadership;
  const others = othersOf(node);
  const ids = new Set(others.map((server) => server.id));
  for (const id of [...progress.keys()]) if (!ids.has(id)) progress.delete(id);
  for (const server of others) {
    const known = progress.get(server.id);
    if (known === undefined) progress.set(server.id, newProgress(node, server));
    else known.server = server;
  }
}

function newProgress(node: RaftNode, server: RaftServer): Progress {
  return {
    server,
    match: 0,
    next: node.log.lastIndex + 1,
    mode: 'probe',
    inFlight: 0,
    epoch: 0,
    contactAtMs: node.nowMs,
    leaseFromMs: Number.NEGATIVE_INFINITY,
    failures: 0,
    retryAtMs: 0,
    appendAtMs: 0,
    commitSent: 0,
    heartbeatAtMs: node.nowMs,
    heartbeatInFlight: false,
    heartbeatFailures: 0,
    roundSent: 0,
    roundAnswered: 0,
  };
}
