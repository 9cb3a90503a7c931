/** `Operator.*` on a server: the raft configuration, and what autopilot knows and follows. */

import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import {
  AutopilotHealthReply,
  type AutopilotServerHealth,
  type AutopilotServerState,
  AutopilotSetConfigRequest,
} from '../../model/operator.ts';
import { autopilotConfiguration } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/operator.ts';
import type { EndpointDeps, RaftPeer } from './deps.ts';

const UNKNOWN_NODE = '(unknown)';
/** Version of Raft's protocol that all servers speak. */
const RAFT_PROTOCOL = '3';
/** Serf's numbers. */
const SERF_STATUS: Readonly<Record<string, number>> = { alive: 1, left: 3, failed: 4 };

export function operatorEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [...raftEndpoints(deps), ...autopilotEndpoints(deps)];
}

function raftEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.OPERATOR_RAFT_GET_CONFIGURATION, async () => {
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

    serve(method.OPERATOR_RAFT_REMOVE_PEER_BY_ADDRESS, async ({ Address }) => {
      await removePeer(deps, (peer) => peer.address === Address, 'address', Address);
      return {};
    }),

    serve(method.OPERATOR_RAFT_REMOVE_PEER_BY_ID, async ({ ID }) => {
      await removePeer(deps, (peer) => peer.id === ID, 'id', ID);
      return {};
    }),
  ];
}

/** For humans: a server that is not in the configuration is probably a slip. */
async function removePeer(
  deps: EndpointDeps,
  isMeant: (peer: RaftPeer) => boolean,
  by: 'address' | 'id',
  name: string,
): Promise<void> {
  const peer = deps.consensus.view().peers.find(isMeant);
  if (peer === undefined) {
    throw new RpcError(`${by} ${JSON.stringify(name)} was not found in the Raft configuration`);
  }
  await deps.consensus.removeServer(peer.id);
  deps.log.warn('removed a raft server as it was asked for', {
    id: peer.id,
    address: peer.address,
  });
}

function autopilotEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.OPERATOR_AUTOPILOT_GET_CONFIGURATION, async () => {
      const { result } = autopilotConfiguration(deps.store.view());
      if (result === null) throw new RpcError('autopilot config not initialized yet');
      return result;
    }),

    serve(method.OPERATOR_AUTOPILOT_SET_CONFIGURATION, async (request) => {
      const answer = await deps.raftApply(
        COMMAND_TYPES.Autopilot,
        AutopilotSetConfigRequest,
        request,
      );
      return answer === true;
    }),

    serve(method.OPERATOR_SERVER_HEALTH, async () => {
      const state = deps.autopilot();
      // Before the first look at the servers nobody is said to be well.
      if (state === null) return AutopilotHealthReply.of({});
      return {
        Healthy: state.Healthy,
        FailureTolerance: state.FailureTolerance,
        Servers: Object.values(state.Servers ?? {}).map(healthOf),
      };
    }),

    serve(method.OPERATOR_AUTOPILOT_STATE, async () => {
      const state = deps.autopilot();
      if (state === null) throw new RpcError('Failed to get autopilot state: no state found');
      return state;
    }),
  ];
}

function healthOf({ Server, State, Stats, Health }: AutopilotServerState): AutopilotServerHealth {
  return {
    ID: Server.ID,
    Name: Server.Name,
    Address: Server.Address,
    SerfStatus: SERF_STATUS[Server.NodeStatus] ?? 0,
    Version: Server.Version,
    Leader: State === 'leader',
    ...Stats,
    Healthy: Health.Healthy,
    Voter: State !== 'non-voter',
    StableSince: Health.StableSince,
  };
}
