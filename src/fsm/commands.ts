/**
 * What each command in the log does. Every command is a type byte and one msgpack value; what it
 * answers is a value, a refusal (`StoreError`) included.
 */

import {
  ACLAuthMethodBatchDeleteRequest,
  ACLAuthMethodBatchSetRequest,
  ACLBindingRuleBatchDeleteRequest,
  ACLBindingRuleBatchSetRequest,
  ACLPolicyBatchDeleteRequest,
  ACLPolicyBatchSetRequest,
  ACLRoleBatchDeleteRequest,
  ACLRoleBatchSetRequest,
  ACLTokenBatchDeleteRequest,
  ACLTokenBatchSetRequest,
  ACLTokenBootstrapRequest,
} from '../model/acl.ts';
import { DeregisterRequest, RegisterRequest } from '../model/catalog.ts';
import { ConfigEntryRequest } from '../model/config-entry.ts';
import { CALeafRequest, CARequest } from '../model/connect-ca.ts';
import { Coordinates } from '../model/coordinate.ts';
import { FederationStateRequest } from '../model/federation-state.ts';
import { IntentionRequest } from '../model/intention.ts';
import { KVSRequest, TombstoneRequest } from '../model/kv.ts';
import { AutopilotSetConfigRequest } from '../model/operator.ts';
import { PreparedQueryRequest } from '../model/prepared-query.ts';
import { SessionRequest } from '../model/session.ts';
import { SystemMetadataRequest } from '../model/system-metadata.ts';
import { TxnRequest, type TxnResponse } from '../model/txn.ts';
import type { StoreError, Transaction } from '../store/transaction.ts';
import * as acl from '../store/write/acl.ts';
import { refuse } from '../store/write/errors.ts';
import { updateCoordinates } from '../store/write/other.ts';
import { deregister, register } from '../store/write/registration.ts';
import { applyTxn } from '../store/write/txn.ts';
import { any, type Codec } from '../wire/msgpack/schema.ts';
import { COMMAND_TYPES, type CommandType } from './command-types.ts';
import * as operations from './operations.ts';

/** What a command answers. */
export type CommandResult = null | boolean | number | string | TxnResponse;

/** The answer of the state machine to one log entry. */
export type FsmResponse = CommandResult | StoreError | ChunkedResponse;

/** The answer to the last piece of a command that came in pieces. */
export class ChunkedResponse {
  readonly response: CommandResult | StoreError;

  constructor(response: CommandResult | StoreError) {
    this.response = response;
  }
}

export interface Command {
  readonly type: CommandType;
  readonly body: Codec<unknown>;
  readonly apply: (tx: Transaction, body: unknown) => CommandResult;
}

function command<T>(
  type: CommandType,
  body: Codec<T>,
  apply: (tx: Transaction, body: T) => CommandResult | undefined,
): Command {
  return {
    type,
    body: body as Codec<unknown>,
    apply: (tx, value) => apply(tx, value as T) ?? null,
  };
}

const LEGACY_ACL_REMOVED = 'legacy ACL command has been removed with the legacy ACL system';

const COMMANDS: readonly Command[] = [
  command(COMMAND_TYPES.Register, RegisterRequest, (tx, body) => {
    register(tx, body);
    return null;
  }),
  command(COMMAND_TYPES.Deregister, DeregisterRequest, (tx, body) => {
    deregister(tx, body);
    return null;
  }),
  command(COMMAND_TYPES.KVS, KVSRequest, operations.applyKVS),
  command(COMMAND_TYPES.Session, SessionRequest, operations.applySession),
  command(COMMAND_TYPES.ACL, any, () => refuse(LEGACY_ACL_REMOVED)),
  command(COMMAND_TYPES.Tombstone, TombstoneRequest, operations.applyTombstone),
  command(COMMAND_TYPES.CoordinateBatchUpdate, Coordinates, (tx, body) => {
    updateCoordinates(tx, body ?? []);
    return null;
  }),
  command(COMMAND_TYPES.PreparedQuery, PreparedQueryRequest, operations.applyPreparedQuery),
  command(COMMAND_TYPES.Txn, TxnRequest, (tx, body) => applyTxn(tx, body.Ops ?? [])),
  command(COMMAND_TYPES.Autopilot, AutopilotSetConfigRequest, operations.applyAutopilot),
  command(COMMAND_TYPES.Intention, IntentionRequest, operations.applyIntention),
  command(COMMAND_TYPES.ConnectCA, CARequest, operations.applyConnectCA),
  command(COMMAND_TYPES.ConnectCALeaf, CALeafRequest, operations.applyConnectCALeaf),
  command(COMMAND_TYPES.ConfigEntry, ConfigEntryRequest, operations.applyConfigEntry),
  command(COMMAND_TYPES.FederationState, FederationStateRequest, operations.applyFederationState),
  command(COMMAND_TYPES.SystemMetadata, SystemMetadataRequest, operations.applySystemMetadata),
  command(COMMAND_TYPES.ACLBootstrap, ACLTokenBootstrapRequest, (tx, body) => {
    acl.bootstrapTokens(tx, body.Token, body.ResetIndex);
    return null;
  }),
  command(COMMAND_TYPES.ACLTokenSet, ACLTokenBatchSetRequest, (tx, body) => {
    acl.setTokens(tx, body.Tokens ?? [], { cas: body.CAS });
    return null;
  }),
  command(COMMAND_TYPES.ACLTokenDelete, ACLTokenBatchDeleteRequest, (tx, body) => {
    acl.deleteTokens(tx, body.TokenIDs ?? []);
    return null;
  }),
  command(COMMAND_TYPES.ACLPolicySet, ACLPolicyBatchSetRequest, (tx, body) => {
    acl.setPolicies(tx, body.Policies ?? []);
    return null;
  }),
  command(COMMAND_TYPES.ACLPolicyDelete, ACLPolicyBatchDeleteRequest, (tx, body) => {
    acl.deletePolicies(tx, body.PolicyIDs ?? []);
    return null;
  }),
  command(COMMAND_TYPES.ACLRoleSet, ACLRoleBatchSetRequest, (tx, body) => {
    acl.setRoles(tx, body.Roles ?? []);
    return null;
  }),
  command(COMMAND_TYPES.ACLRoleDelete, ACLRoleBatchDeleteRequest, (tx, body) => {
    acl.deleteRoles(tx, body.RoleIDs ?? []);
    return null;
  }),
  command(COMMAND_TYPES.ACLBindingRuleSet, ACLBindingRuleBatchSetRequest, (tx, body) => {
    acl.setBindingRules(tx, body.BindingRules ?? []);
    return null;
  }),
  command(COMMAND_TYPES.ACLBindingRuleDelete, ACLBindingRuleBatchDeleteRequest, (tx, body) => {
    acl.deleteBindingRules(tx, body.BindingRuleIDs ?? []);
    return null;
  }),
  command(COMMAND_TYPES.ACLAuthMethodSet, ACLAuthMethodBatchSetRequest, (tx, body) => {
    acl.setAuthMethods(tx, body.AuthMethods ?? []);
    return null;
  }),
  command(COMMAND_TYPES.ACLAuthMethodDelete, ACLAuthMethodBatchDeleteRequest, (tx, body) => {
    acl.deleteAuthMethods(tx, body.AuthMethodNames ?? []);
    return null;
  }),
];

const BY_TYPE: ReadonlyMap<number, Command> = new Map(COMMANDS.map((c) => [c.type, c]));

/** The command of a type, without the flag; undefined when nothing is known of it. */
export function commandOf(type: number): Command | undefined {
  return BY_TYPE.get(type);
}
