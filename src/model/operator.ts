/** Raft configuration, autopilot, snapshots over the wire. */

import {
  any,
  bool,
  duration,
  i64,
  map,
  slice,
  str,
  struct,
  type TypeOf,
  u64,
} from '../wire/msgpack/schema.ts';
import { time } from '../wire/msgpack/time.ts';
import { QueryMeta, RaftIndex, raftIndex, WriteRequest } from './blocks.ts';

export const RaftStats = struct({ LastContact: str, LastTerm: u64, LastIndex: u64 });
export type RaftStats = TypeOf<typeof RaftStats>;

export const RaftServer = struct({
  ID: str,
  Node: str,
  Address: str,
  Leader: bool,
  ProtocolVersion: str,
  Voter: bool,
});
export type RaftServer = TypeOf<typeof RaftServer>;

export const RaftConfigurationResponse = struct({ Servers: slice(RaftServer), Index: raftIndex });
export type RaftConfigurationResponse = TypeOf<typeof RaftConfigurationResponse>;

export const RaftRemovePeerRequest = struct({
  Datacenter: str,
  Address: str,
  ID: str,
  ...WriteRequest.fields,
});
export type RaftRemovePeerRequest = TypeOf<typeof RaftRemovePeerRequest>;

export const AutopilotConfig = struct({
  CleanupDeadServers: bool,
  LastContactThreshold: duration,
  MaxTrailingLogs: u64,
  MinQuorum: u64,
  ServerStabilizationTime: duration,
  RedundancyZoneTag: str,
  DisableUpgradeMigration: bool,
  UpgradeVersionTag: str,
  ...RaftIndex.fields,
});
export type AutopilotConfig = TypeOf<typeof AutopilotConfig>;

export const AutopilotSetConfigRequest = struct({
  Datacenter: str,
  Config: AutopilotConfig,
  CAS: bool,
  ...WriteRequest.fields,
});
export type AutopilotSetConfigRequest = TypeOf<typeof AutopilotSetConfigRequest>;

export const AutopilotServerHealth = struct({
  ID: str,
  Name: str,
  Address: str,
  SerfStatus: i64,
  Version: str,
  Leader: bool,
  LastContact: duration,
  LastTerm: u64,
  LastIndex: u64,
  Healthy: bool,
  Voter: bool,
  StableSince: time,
});
export type AutopilotServerHealth = TypeOf<typeof AutopilotServerHealth>;

export const AutopilotHealthReply = struct({
  Healthy: bool,
  FailureTolerance: i64,
  Servers: slice(AutopilotServerHealth),
});
export type AutopilotHealthReply = TypeOf<typeof AutopilotHealthReply>;

/** `State`: `leader`, `voter`, `non-voter`; `NodeStatus`: `alive`, `left`, `failed`, `unknown`. */
export const AutopilotServerState = struct({
  Server: struct({
    ID: str,
    Name: str,
    Address: str,
    NodeStatus: str,
    Version: str,
    Meta: map(str),
    RaftVersion: i64,
    NodeType: str,
    Ext: any,
  }),
  State: str,
  Stats: struct({ LastContact: duration, LastTerm: u64, LastIndex: u64 }),
  Health: struct({ Healthy: bool, StableSince: time }),
});
export type AutopilotServerState = TypeOf<typeof AutopilotServerState>;

/** Servers by their IDs. */
export const AutopilotState = struct({
  Healthy: bool,
  FailureTolerance: i64,
  Servers: map(AutopilotServerState),
  Leader: str,
  Voters: slice(str),
  Ext: any,
});
export type AutopilotState = TypeOf<typeof AutopilotState>;

/** `Op`: 0 save, 1 restore. */
export const SnapshotRequest = struct({
  Datacenter: str,
  Token: str,
  AllowStale: bool,
  Op: i64,
});
export type SnapshotRequest = TypeOf<typeof SnapshotRequest>;
export const SNAPSHOT_SAVE = 0;
export const SNAPSHOT_RESTORE = 1;

/** A non-empty `Error` means failure and that no data follows. */
export const SnapshotResponse = struct({ Error: str, ...QueryMeta.fields });
export type SnapshotResponse = TypeOf<typeof SnapshotResponse>;
