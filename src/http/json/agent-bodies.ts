/** Request bodies of the agent's own services and checks. */

import { proxyInput, serviceAddressInput, weightsInput } from './bodies.ts';
import { any, bool, duration, int, list, map, object, pointer, str } from './input.ts';

const CHECK_FIELDS = {
  Name: str,
  Notes: str,
  Status: str,
  ScriptArgs: list(str),
  HTTP: str,
  Header: map(list(str)),
  Method: str,
  Body: str,
  TCP: str,
  Interval: duration,
  Timeout: duration,
  TTL: duration,
  DockerContainerID: str,
  Shell: str,
  GRPC: str,
  GRPCUseTLS: bool,
  TLSSkipVerify: bool,
  AliasNode: str,
  AliasService: str,
  SuccessBeforePassing: int,
  FailuresBeforeCritical: int,
  DeregisterCriticalServiceAfter: duration,
  OutputMaxSize: int,
} as const;

const CHECK_ALIAS = { Args: 'ScriptArgs' } as const;

/** A check inside of a service: its id is `CheckID`. */
export const serviceCheckInput = object(
  { CheckID: str, ...CHECK_FIELDS },
  { name: 'CheckType', unknown: 'refuse', alias: CHECK_ALIAS },
);
/** A check of its own: its id is `ID`. */
export const checkRegistrationInput = object(
  { ID: str, ServiceID: str, Token: str, ...CHECK_FIELDS },
  { name: 'CheckDefinition', unknown: 'refuse', alias: CHECK_ALIAS },
);
/** Unknown keys are ignored here. */
const connectInput = object(
  { Native: bool, SidecarService: any },
  { name: 'ServiceConnect', unknown: 'ignore' },
);

export const serviceRegistrationInput = object(
  {
    Kind: str,
    ID: str,
    Name: str,
    Tags: list(str),
    Address: str,
    TaggedAddresses: map(serviceAddressInput),
    Meta: map(str),
    Port: int,
    Check: pointer(serviceCheckInput),
    Checks: list(serviceCheckInput),
    Weights: pointer(weightsInput),
    Token: str,
    EnableTagOverride: bool,
    Proxy: pointer(proxyInput),
    Connect: pointer(connectInput),
  },
  { name: 'ServiceDefinition', unknown: 'refuse' },
);
export const ttlUpdateInput = object(
  { Status: str, Output: str },
  { name: 'checkUpdate', unknown: 'refuse' },
);
