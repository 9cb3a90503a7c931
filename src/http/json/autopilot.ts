/** Autopilot's configuration, and what it says of the servers. */

import type {
  AutopilotConfig,
  AutopilotHealthReply,
  AutopilotServerHealth,
  AutopilotServerState,
  AutopilotState,
} from '../../model/operator.ts';
import type { GoTime } from '../../wire/msgpack/time.ts';
import * as input from './input.ts';
import { bool, durationText, int, list, map, object, str, time, via } from './output.ts';

const NANOSECONDS = 1e9;

/** What is missing becomes zero: the whole configuration is replaced. */
export const autopilotConfigInput: input.JsonInput<AutopilotConfig> = input.object(
  {
    CleanupDeadServers: input.bool,
    LastContactThreshold: input.duration,
    MaxTrailingLogs: input.uint,
    MinQuorum: input.uint,
    ServerStabilizationTime: input.duration,
    RedundancyZoneTag: input.str,
    DisableUpgradeMigration: input.bool,
    UpgradeVersionTag: input.str,
    CreateIndex: input.uint,
    ModifyIndex: input.uint,
  },
  { name: 'AutopilotConfiguration', unknown: 'refuse' },
);

export const autopilotConfigJson = object<AutopilotConfig>({
  CleanupDeadServers: bool,
  LastContactThreshold: durationText,
  MaxTrailingLogs: int,
  MinQuorum: int,
  ServerStabilizationTime: durationText,
  RedundancyZoneTag: str,
  DisableUpgradeMigration: bool,
  UpgradeVersionTag: str,
  CreateIndex: int,
  ModifyIndex: int,
});

const SERF_STATUS_NAMES = ['none', 'alive', 'leaving', 'left', 'failed'];

export const serverHealthJson = object<AutopilotHealthReply>({
  Healthy: bool,
  FailureTolerance: int,
  Servers: list(
    object<AutopilotServerHealth>({
      ID: str,
      Name: str,
      Address: str,
      SerfStatus: via((status: number) => SERF_STATUS_NAMES[status] ?? 'none', str),
      Version: str,
      Leader: bool,
      LastContact: durationText,
      LastTerm: int,
      LastIndex: int,
      Healthy: bool,
      Voter: bool,
      StableSince: via(wholeSeconds, time),
    }),
    'null',
  ),
});

function wholeSeconds(moment: GoTime): GoTime {
  const up = moment.nanoseconds * 2 >= NANOSECONDS ? 1 : 0;
  return { ...moment, unixSeconds: moment.unixSeconds + up, nanoseconds: 0 };
}

/** One server as it is shown: flat. */
function shownServer({ Server, State, Stats, Health }: AutopilotServerState) {
  const { ID, Name, Address, NodeStatus, Version, Meta, NodeType } = Server;
  const facts = { ID, Name, Address, NodeStatus, Version, ...Stats, ...Health };
  return { ...facts, ReadReplica: NodeType === 'read-replica', Status: State, Meta, NodeType };
}

const serverJson = object<ReturnType<typeof shownServer>>({
  ID: str,
  Name: str,
  Address: str,
  NodeStatus: str,
  Version: str,
  LastContact: durationText,
  LastTerm: int,
  LastIndex: int,
  Healthy: bool,
  StableSince: time,
  ReadReplica: bool,
  Status: str,
  Meta: map(str),
  NodeType: str,
});

/** Without redundancy zones hope is no better than what is certain. */
function shownState(state: AutopilotState) {
  return { ...state, OptimisticFailureTolerance: state.FailureTolerance };
}

export const autopilotStateJson = via(
  shownState,
  object<ReturnType<typeof shownState>>({
    Healthy: bool,
    FailureTolerance: int,
    OptimisticFailureTolerance: int,
    Servers: map(via(shownServer, serverJson)),
    Leader: str,
    Voters: list(str, 'null'),
  }),
);
