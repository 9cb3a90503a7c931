/** `Status.*` on a server: who leads, who votes, how far the log is. */

import { goDurationText } from '../../go-duration.ts';
import { type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/status.ts';
import type { EndpointDeps } from './deps.ts';

const NS_PER_MS = 1e6;

export function statusEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.STATUS_PING, async () => ({})),

    serve(method.STATUS_LEADER, async () => deps.consensus.view().leaderAddress ?? ''),

    serve(method.STATUS_PEERS, async () => deps.consensus.view().peers.map((peer) => peer.address)),

    serve(method.STATUS_RAFT_STATS, async () => {
      const view = deps.consensus.view();
      return {
        LastContact: lastContact(view.leading ? 0 : view.lastContactMs),
        LastTerm: view.lastLogTerm,
        LastIndex: view.lastLogIndex,
      };
    }),
  ];
}

function lastContact(ms: number | null): string {
  if (ms === null) return 'never';
  return ms === 0 ? '0' : goDurationText(Math.round(ms * NS_PER_MS));
}
