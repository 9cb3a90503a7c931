/** Federation states: the mesh gateways of every datacenter, known everywhere. */

import { map, pointer, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { time } from '../wire/msgpack/time.ts';
import { QueryMeta, QueryOptions, RaftIndex, raftIndex, WriteRequest } from './blocks.ts';
import { CheckServiceNode } from './catalog.ts';

export const FederationState = struct({
  Datacenter: str,
  MeshGateways: slice(CheckServiceNode),
  UpdatedAt: time,
  PrimaryModifyIndex: raftIndex,
  ...RaftIndex.fields,
});
export type FederationState = TypeOf<typeof FederationState>;

/** `Op`: `upsert` or `delete`. */
export const FederationStateRequest = struct({
  Datacenter: str,
  Op: str,
  State: pointer(FederationState),
  ...WriteRequest.fields,
});
export type FederationStateRequest = TypeOf<typeof FederationStateRequest>;

/** `TargetDatacenter` answers; `Datacenter` is the record that is looked up. */
export const FederationStateQuery = struct({
  Datacenter: str,
  TargetDatacenter: str,
  ...QueryOptions.fields,
});
export type FederationStateQuery = TypeOf<typeof FederationStateQuery>;

export const FederationStateResponse = struct({
  State: pointer(FederationState),
  ...QueryMeta.fields,
});
export type FederationStateResponse = TypeOf<typeof FederationStateResponse>;

export const IndexedFederationStates = struct({
  States: slice(FederationState),
  ...QueryMeta.fields,
});
export type IndexedFederationStates = TypeOf<typeof IndexedFederationStates>;

/** Datacenter → its mesh gateways. */
export const DatacenterIndexedCheckServiceNodes = struct({
  DatacenterNodes: map(slice(CheckServiceNode)),
  ...QueryMeta.fields,
});
export type DatacenterIndexedCheckServiceNodes = TypeOf<typeof DatacenterIndexedCheckServiceNodes>;
