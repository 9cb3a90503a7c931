/** ACL objects: kept and given back whole; nothing here enforces them. */

import {
  bool,
  bytes,
  duration,
  i64,
  pointer,
  slice,
  str,
  struct,
  type TypeOf,
} from '../wire/msgpack/schema.ts';
import { time } from '../wire/msgpack/time.ts';
import { RaftIndex, raftIndex } from './blocks.ts';
import { opaqueMap } from './opaque.ts';

export const ACLLink = struct({ ID: str, Name: str });
export type ACLLink = TypeOf<typeof ACLLink>;

export const ACLServiceIdentity = struct({ ServiceName: str, Datacenters: slice(str) });
export const ACLNodeIdentity = struct({ NodeName: str, Datacenter: str });

export const ACLToken = struct({
  AccessorID: str,
  SecretID: str,
  Description: str,
  Policies: slice(ACLLink),
  Roles: slice(ACLLink),
  ServiceIdentities: slice(ACLServiceIdentity),
  NodeIdentities: slice(ACLNodeIdentity),
  Type: str,
  Rules: str,
  Local: bool,
  AuthMethod: str,
  ExpirationTime: pointer(time),
  ExpirationTTL: duration,
  CreateTime: time,
  Hash: bytes,
  ...RaftIndex.fields,
});
export type ACLToken = TypeOf<typeof ACLToken>;

export const ACLPolicy = struct({
  ID: str,
  Name: str,
  Description: str,
  Rules: str,
  Syntax: i64,
  Datacenters: slice(str),
  Hash: bytes,
  ...RaftIndex.fields,
});
export type ACLPolicy = TypeOf<typeof ACLPolicy>;

export const ACLRole = struct({
  ID: str,
  Name: str,
  Description: str,
  Policies: slice(ACLLink),
  ServiceIdentities: slice(ACLServiceIdentity),
  NodeIdentities: slice(ACLNodeIdentity),
  Hash: bytes,
  ...RaftIndex.fields,
});
export type ACLRole = TypeOf<typeof ACLRole>;

export const ACLBindingRule = struct({
  ID: str,
  Description: str,
  AuthMethod: str,
  Selector: str,
  BindType: str,
  BindName: str,
  ...RaftIndex.fields,
});
export type ACLBindingRule = TypeOf<typeof ACLBindingRule>;

export const ACLAuthMethod = struct({
  Name: str,
  Type: str,
  DisplayName: str,
  Description: str,
  MaxTokenTTL: duration,
  TokenLocality: str,
  Config: opaqueMap,
  ...RaftIndex.fields,
});
export type ACLAuthMethod = TypeOf<typeof ACLAuthMethod>;

export const ACLTokenBatchSetRequest = struct({
  Tokens: slice(ACLToken),
  CAS: bool,
  AllowMissingLinks: bool,
  ProhibitUnprivileged: bool,
  FromReplication: bool,
});
export const ACLTokenBatchDeleteRequest = struct({ TokenIDs: slice(str) });
export const ACLTokenBootstrapRequest = struct({ Token: ACLToken, ResetIndex: raftIndex });
export const ACLPolicyBatchSetRequest = struct({ Policies: slice(ACLPolicy) });
export const ACLPolicyBatchDeleteRequest = struct({ PolicyIDs: slice(str) });
export const ACLRoleBatchSetRequest = struct({ Roles: slice(ACLRole), AllowMissingLinks: bool });
export const ACLRoleBatchDeleteRequest = struct({ RoleIDs: slice(str) });
export const ACLBindingRuleBatchSetRequest = struct({ BindingRules: slice(ACLBindingRule) });
export const ACLBindingRuleBatchDeleteRequest = struct({ BindingRuleIDs: slice(str) });
export const ACLAuthMethodBatchSetRequest = struct({ AuthMethods: slice(ACLAuthMethod) });
export const ACLAuthMethodBatchDeleteRequest = struct({ AuthMethodNames: slice(str) });
