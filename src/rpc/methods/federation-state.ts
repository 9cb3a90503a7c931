/** `FederationState.*`: the mesh gateways of every datacenter. */

import { DCSpecificRequest } from '../../model/blocks.ts';
import {
  DatacenterIndexedCheckServiceNodes,
  FederationStateQuery,
  FederationStateRequest,
  FederationStateResponse,
  IndexedFederationStates,
} from '../../model/federation-state.ts';
import { bool } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

/** True after an upsert, false after a delete, also of what was not there. */
export const FEDERATION_STATE_APPLY: RpcMethod<FederationStateRequest, boolean> = {
  name: 'FederationState.Apply',
  request: FederationStateRequest,
  reply: bool,
  routing: { to: 'primary', access: 'write' },
};

/** `TargetDatacenter` says who answers; `Datacenter` is the record that is looked up. */
export const FEDERATION_STATE_GET: RpcMethod<FederationStateQuery, FederationStateResponse> = {
  name: 'FederationState.Get',
  request: FederationStateQuery,
  reply: FederationStateResponse,
  routing: { to: 'leader', datacenter: (request) => request.TargetDatacenter },
};

export const FEDERATION_STATE_LIST: RpcMethod<DCSpecificRequest, IndexedFederationStates> = {
  name: 'FederationState.List',
  request: DCSpecificRequest,
  reply: IndexedFederationStates,
};

export const FEDERATION_STATE_LIST_MESH_GATEWAYS: RpcMethod<
  DCSpecificRequest,
  DatacenterIndexedCheckServiceNodes
> = {
  name: 'FederationState.ListMeshGateways',
  request: DCSpecificRequest,
  reply: DatacenterIndexedCheckServiceNodes,
};
