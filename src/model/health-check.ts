/** Health checks as the catalog holds them. */

import {
  bool,
  duration,
  i64,
  map,
  slice,
  str,
  struct,
  type TypeOf,
} from '../wire/msgpack/schema.ts';
import { RaftIndex } from './blocks.ts';

/** What a check runs. Durations are nanoseconds on the wire, whatever their JSON looks like. */
export const HealthCheckDefinition = struct({
  HTTP: str,
  TLSSkipVerify: bool,
  Header: map(slice(str)),
  Method: str,
  Body: str,
  TCP: str,
  Interval: duration,
  OutputMaxSize: i64,
  Timeout: duration,
  DeregisterCriticalServiceAfter: duration,
  ScriptArgs: slice(str),
  DockerContainerID: str,
  Shell: str,
  GRPC: str,
  GRPCUseTLS: bool,
  AliasNode: str,
  AliasService: str,
  TTL: duration,
});
export type HealthCheckDefinition = TypeOf<typeof HealthCheckDefinition>;

/** `Status` is free text to the catalog; `passing`, `warning` and `critical` have a meaning. */
export const HealthCheck = struct({
  Node: str,
  CheckID: str,
  Name: str,
  Status: str,
  Notes: str,
  Output: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: slice(str),
  Type: str,
  Definition: HealthCheckDefinition,
  ...RaftIndex.fields,
});
export type HealthCheck = TypeOf<typeof HealthCheck>;

export const HEALTH_PASSING = 'passing';
export const HEALTH_WARNING = 'warning';
export const HEALTH_CRITICAL = 'critical';
/** Any status, in queries by state. */
export const HEALTH_ANY = 'any';
/** The check that the leader keeps for each member of the LAN pool. */
export const SERF_HEALTH_CHECK_ID = 'serfHealth';
