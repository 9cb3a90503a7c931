/** `Operator.*`: the Raft configuration and autopilot. */

import { DCSpecificRequest, EmptyReply } from '../../model/blocks.ts';
import {
  AutopilotConfig,
  AutopilotHealthReply,
  AutopilotSetConfigRequest,
  AutopilotState,
  RaftConfigurationResponse,
  RaftRemovePeerRequest,
} from '../../model/operator.ts';
import { bool } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

export const OPERATOR_RAFT_GET_CONFIGURATION: RpcMethod<
  DCSpecificRequest,
  RaftConfigurationResponse
> = {
  name: 'Operator.RaftGetConfiguration',
  request: DCSpecificRequest,
  reply: RaftConfigurationResponse,
};

export const OPERATOR_RAFT_REMOVE_PEER_BY_ADDRESS: RpcMethod<RaftRemovePeerRequest, EmptyReply> = {
  name: 'Operator.RaftRemovePeerByAddress',
  request: RaftRemovePeerRequest,
  reply: EmptyReply,
};

export const OPERATOR_RAFT_REMOVE_PEER_BY_ID: RpcMethod<RaftRemovePeerRequest, EmptyReply> = {
  name: 'Operator.RaftRemovePeerByID',
  request: RaftRemovePeerRequest,
  reply: EmptyReply,
};

export const OPERATOR_AUTOPILOT_GET_CONFIGURATION: RpcMethod<DCSpecificRequest, AutopilotConfig> = {
  name: 'Operator.AutopilotGetConfiguration',
  request: DCSpecificRequest,
  reply: AutopilotConfig,
};

/** The answer means something for compare-and-set alone. */
export const OPERATOR_AUTOPILOT_SET_CONFIGURATION: RpcMethod<AutopilotSetConfigRequest, boolean> = {
  name: 'Operator.AutopilotSetConfiguration',
  request: AutopilotSetConfigRequest,
  reply: bool,
};

/** Only the leader knows: a stale read is one of the leader too. */
export const OPERATOR_SERVER_HEALTH: RpcMethod<DCSpecificRequest, AutopilotHealthReply> = {
  name: 'Operator.ServerHealth',
  request: DCSpecificRequest,
  reply: AutopilotHealthReply,
  routing: { to: 'leader', staleness: 'refused' },
};

export const OPERATOR_AUTOPILOT_STATE: RpcMethod<DCSpecificRequest, AutopilotState> = {
  name: 'Operator.AutopilotState',
  request: DCSpecificRequest,
  reply: AutopilotState,
  routing: { to: 'leader', staleness: 'refused' },
};
