/** Request bodies that write to the catalog and to sessions. */

import type { DeregisterRequest, RegisterRequest } from '../../model/catalog.ts';
import {
  any,
  bool,
  duration,
  type InputOf,
  int,
  into,
  type JsonInput,
  list,
  map,
  object,
  pointer,
  str,
  uint,
} from './input.ts';
import { JsonNumber } from './parse.ts';

const INDEXES = { CreateIndex: uint, ModifyIndex: uint } as const;

export const serviceAddressInput = object(
  { Address: str, Port: int },
  { name: 'ServiceAddress', unknown: 'refuse' },
);

export const weightsInput = object(
  { Passing: int, Warning: int },
  { name: 'Weights', unknown: 'refuse' },
);

export const meshGatewayInput = object(
  { Mode: str },
  { name: 'MeshGatewayConfig', unknown: 'refuse' },
);

export const exposeInput = object(
  {
    Checks: bool,
    Paths: list(
      object(
        {
          ListenerPort: int,
          Path: str,
          LocalPathPort: int,
          Protocol: str,
          ParsedFromCheck: bool,
        },
        { name: 'ExposePath', unknown: 'refuse' },
      ),
    ),
  },
  { name: 'ExposeConfig', unknown: 'refuse' },
);

const upstreamInput = into(
  object(
    {
      DestinationType: str,
      DestinationNamespace: str,
      DestinationName: str,
      Datacenter: str,
      LocalBindAddress: str,
      LocalBindPort: int,
      Config: map(any),
      MeshGateway: meshGatewayInput,
    },
    { name: 'Upstream', unknown: 'refuse' },
  ),
  (read) => ({ ...read, IngressHosts: null }),
);

export const proxyInput = object(
  {
    DestinationServiceName: str,
    DestinationServiceID: str,
    LocalServiceAddress: str,
    LocalServicePort: int,
    Config: map(any),
    Upstreams: list(upstreamInput),
    MeshGateway: meshGatewayInput,
    Expose: exposeInput,
  },
  { name: 'ConnectProxyConfig', unknown: 'refuse' },
);

/** Unknown keys are ignored here, and a nested sidecar means nothing to the catalog. */
const connectInput = into(
  object({ Native: bool }, { name: 'ServiceConnect', unknown: 'ignore' }),
  (read) => ({ Native: read.Native, SidecarService: null }),
);

export const NODE_SERVICE_FIELDS = {
  Kind: str,
  ID: str,
  Service: str,
  Tags: list(str),
  Address: str,
  TaggedAddresses: map(serviceAddressInput),
  Meta: map(str),
  Port: int,
  Weights: pointer(weightsInput),
  EnableTagOverride: bool,
  Proxy: proxyInput,
  Connect: connectInput,
  ...INDEXES,
} as const;

const nodeServiceInput = into(
  object(NODE_SERVICE_FIELDS, { name: 'NodeService', unknown: 'refuse' }),
  (read) => ({ ...read, LocallyRegisteredAsSidecar: false }),
);

/** Unknown keys are ignored; durations are texts or nanoseconds. */
const definitionInput = object(
  {
    HTTP: str,
    TLSSkipVerify: bool,
    Header: map(list(str)),
    Method: str,
    Body: str,
    TCP: str,
    Interval: duration,
    OutputMaxSize: uint,
    Timeout: duration,
    DeregisterCriticalServiceAfter: duration,
    ScriptArgs: list(str),
    DockerContainerID: str,
    Shell: str,
    GRPC: str,
    GRPCUseTLS: bool,
    AliasNode: str,
    AliasService: str,
    TTL: duration,
  },
  { name: 'HealthCheckDefinition', unknown: 'ignore' },
);

export const healthCheckInput = object(
  {
    Node: str,
    CheckID: str,
    Name: str,
    Status: str,
    Notes: str,
    Output: str,
    ServiceID: str,
    ServiceName: str,
    ServiceTags: list(str),
    Type: str,
    Definition: definitionInput,
    ...INDEXES,
  },
  { name: 'HealthCheck', unknown: 'refuse' },
);

const WRITE_REQUEST = object({ Token: str }, { name: 'WriteRequest', unknown: 'refuse' });

function withToken<R extends { readonly Token: string; readonly WriteRequest: { Token: string } }>(
  read: R,
): Omit<R, 'WriteRequest'> {
  const { WriteRequest, ...rest } = read;
  return { ...rest, Token: rest.Token || WriteRequest.Token };
}

export const registerInput = into(
  object(
    {
      Datacenter: str,
      ID: str,
      Node: str,
      Address: str,
      TaggedAddresses: map(str),
      NodeMeta: map(str),
      Service: pointer(nodeServiceInput),
      Check: pointer(healthCheckInput),
      Checks: list(healthCheckInput),
      SkipNodeUpdate: bool,
      Token: str,
      WriteRequest: WRITE_REQUEST,
      ...INDEXES,
    },
    { name: 'RegisterRequest', unknown: 'refuse' },
  ),
  (read): RegisterRequest => withToken(read),
);

/** `Address` is an obsolete key that old clients still send. */
export const deregisterInput = into(
  object(
    {
      Datacenter: str,
      Node: str,
      Address: str,
      ServiceID: str,
      CheckID: str,
      Token: str,
      WriteRequest: WRITE_REQUEST,
    },
    { name: 'DeregisterRequest', unknown: 'refuse' },
  ),
  (read): DeregisterRequest => {
    const { Address: _obsolete, ...rest } = withToken(read);
    return rest;
  },
);

const LOCK_DELAY_DEFAULT_NS = 15e9;
/** Numbers below this are seconds, others nanoseconds. */
const LOCK_DELAY_SECONDS_BELOW = 1000;

const lockDelayInput: JsonInput<number> = {
  zero: () => LOCK_DELAY_DEFAULT_NS,
  read(value, path) {
    if (value instanceof JsonNumber) {
      const number = Number(value.text);
      return number < LOCK_DELAY_SECONDS_BELOW ? number * 1e9 : number;
    }
    return duration.read(value, path);
  },
};

/** `undefined` = the key was missing; `null` stays `null`. */
function optional<T>(input: JsonInput<T>): JsonInput<T | undefined> {
  return { zero: () => undefined, read: (value, path) => input.read(value, path) };
}

export const sessionCreateInput = object(
  {
    Name: str,
    Node: optional(str),
    LockDelay: lockDelayInput,
    Behavior: str,
    TTL: str,
    NodeChecks: optional(list(str)),
    ServiceChecks: list(
      object({ ID: str, Namespace: str }, { name: 'ServiceCheck', unknown: 'ignore' }),
    ),
    Checks: optional(list(str)),
  },
  { name: 'Session', unknown: 'ignore' },
);
export type SessionCreate = InputOf<typeof sessionCreateInput>;
