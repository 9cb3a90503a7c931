/** Connect's certificate authority: roots, configuration, the built-in provider's state. */

import {
  bigU64,
  bool,
  i64,
  map,
  pointer,
  slice,
  str,
  struct,
  type TypeOf,
} from '../wire/msgpack/schema.ts';
import { time } from '../wire/msgpack/time.ts';
import { QueryMeta, RaftIndex, raftIndex, WriteRequest } from './blocks.ts';
import { opaqueMap } from './opaque.ts';

export const CARoot = struct({
  ID: str,
  Name: str,
  SerialNumber: bigU64,
  SigningKeyID: str,
  ExternalTrustDomain: str,
  NotBefore: time,
  NotAfter: time,
  RootCert: str,
  IntermediateCerts: slice(str),
  SigningCert: str,
  SigningKey: str,
  Active: bool,
  RotatedOutAt: time,
  PrivateKeyType: str,
  PrivateKeyBits: i64,
  ...RaftIndex.fields,
});
export type CARoot = TypeOf<typeof CARoot>;

/** In this reply 1.9 leaves `LastContact` 0 and `KnownLeader` false. */
export const IndexedCARoots = struct({
  ActiveRootID: str,
  TrustDomain: str,
  Roots: slice(CARoot),
  ...QueryMeta.fields,
});
export type IndexedCARoots = TypeOf<typeof IndexedCARoots>;

export const CASignRequest = struct({ Datacenter: str, CSR: str, ...WriteRequest.fields });
export type CASignRequest = TypeOf<typeof CASignRequest>;

export const IssuedCert = struct({
  SerialNumber: str,
  CertPEM: str,
  PrivateKeyPEM: str,
  Service: str,
  ServiceURI: str,
  Agent: str,
  AgentURI: str,
  ValidAfter: time,
  ValidBefore: time,
  ...RaftIndex.fields,
});
export type IssuedCert = TypeOf<typeof IssuedCert>;

/** What an agent gets that asks for its certificate (`AutoEncrypt.Sign`). */
export const SignedResponse = struct({
  IssuedCert,
  ConnectCARoots: IndexedCARoots,
  /** PEM texts of the CAs that the server was configured with. */
  ManualCARoots: slice(str),
  /** Base64 of the LAN pool's key; Consul 1.9 leaves it empty. */
  GossipKey: str,
  VerifyServerHostname: bool,
});
export type SignedResponse = TypeOf<typeof SignedResponse>;

export const CAConfiguration = struct({
  ClusterID: str,
  Provider: str,
  Config: opaqueMap,
  State: map(str),
  ForceWithoutCrossSigning: bool,
  ...RaftIndex.fields,
});
export type CAConfiguration = TypeOf<typeof CAConfiguration>;

export const CAConsulProviderState = struct({
  ID: str,
  PrivateKey: str,
  RootCert: str,
  IntermediateCert: str,
  ...RaftIndex.fields,
});
export type CAConsulProviderState = TypeOf<typeof CAConsulProviderState>;

/**
 * `Op`: `set-roots`, `set-config`, `set-provider-state`, `delete-provider-state`,
 * `set-roots-config`, `increment-provider-serial`.
 */
export const CARequest = struct({
  Op: str,
  Datacenter: str,
  Index: raftIndex,
  Roots: slice(CARoot),
  Config: pointer(CAConfiguration),
  ProviderState: pointer(CAConsulProviderState),
  ...WriteRequest.fields,
});
export type CARequest = TypeOf<typeof CARequest>;

/** `Op`: `increment-index`. */
export const CALeafRequest = struct({ Op: str, Datacenter: str, ...WriteRequest.fields });
export type CALeafRequest = TypeOf<typeof CALeafRequest>;
