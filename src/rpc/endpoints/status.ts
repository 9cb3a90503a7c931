/** `Status.*` and `Operator.*` on a server: who leads, who votes. */

import { goDurationText } from '../../go-duration.ts';
import { type ServedMethod, serve } from '../method.ts';
import { OPERATOR_RAFT_GET_CONFIGURATION } from '../methods/operator.ts';
import * as method from '../methods/status.ts';
import type { EndpointDeps } from './deps.ts';

const NS_PER_MS = 1e6;
const UNKNOWN_NODE = '(unknown)';
/** Version of Raft's protocol that all servers speak. */
const RAFT_PROTOCOL = '3';

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

    serve(OPERATOR_RAFT_GET_CONFIGURATION, async () => {
      const view = deps.consensus.view();
      return {
        Servers: view.peers.map((peer) => ({
          ID: peer.id,
          Node: deps.serverName(peer.address) ?? UNKNOWN_NODE,
          Address: peer.address,
          Leader: peer.address === view.leaderAddress,
          ProtocolVersion: RAFT_PROTOCOL,
          Voter: peer.voter,
        })),
        Index: 0,
      };
    }),
  ];
}

function lastContact(ms: number | null): string {
  if (ms === null) return 'never';
  return ms === 0 ? '0' : goDurationText(Math.round(ms * NS_PER_MS));
}
