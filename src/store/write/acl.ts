/** Writes of ACL objects: kept whole, with their identity rules; links are not followed. */

import type {
  ACLAuthMethod,
  ACLBindingRule,
  ACLPolicy,
  ACLRole,
  ACLToken,
} from '../../model/acl.ts';
import type { RaftIndex } from '../../model/blocks.ts';
import { ownBytes } from '../same.ts';
import { nameKey, type Table } from '../table.ts';
import {
  aclAuthMethodsTable,
  aclBindingRulesTable,
  aclPoliciesTable,
  aclRolesTable,
  aclTokensTable,
} from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { quoted, refuse } from './errors.ts';

/** The row that remembers the index of the bootstrap. */
export const ACL_BOOTSTRAP_ROW = 'acl-token-bootstrap';
const ANONYMOUS_ACCESSOR = '00000000-0000-0000-0000-000000000002';
const GLOBAL_MANAGEMENT_ID = '00000000-0000-0000-0000-000000000001';

function keep<Row extends RaftIndex & { readonly Hash?: Uint8Array | null }>(
  tx: Transaction,
  table: Table<Row>,
  row: Row,
): void {
  const before = tx.first(table, table.key(row));
  const CreateIndex = before?.CreateIndex ?? tx.index;
  const owned = row.Hash === undefined ? row : { ...row, Hash: ownBytes(row.Hash) };
  tx.put(table, { ...owned, CreateIndex, ModifyIndex: tx.index });
}

export interface TokenSetOptions {
  readonly cas: boolean;
}

export function setTokens(
  tx: Transaction,
  tokens: readonly ACLToken[],
  options: TokenSetOptions,
): void {
  for (const token of tokens) setToken(tx, token, options);
  tx.bump(aclTokensTable.name);
}

function setToken(tx: Transaction, token: ACLToken, options: TokenSetOptions): void {
  if (token.SecretID === '') refuse('Missing ACL Token SecretID');
  if (token.AccessorID === '') refuse('Missing ACL Token AccessorID');
  const before = tx.first(aclTokensTable, token.SecretID);
  if (before !== undefined && before.AccessorID !== token.AccessorID) {
    refuse('The ACL Token AccessorID field is immutable');
  }
  const accessed = tokenByAccessor(tx, token.AccessorID);
  if (accessed !== undefined && accessed.SecretID !== token.SecretID) {
    refuse('The ACL Token SecretID field is immutable');
  }
  // A compare-and-set that does not match is left out in silence.
  if (options.cas && (before?.ModifyIndex ?? 0) !== token.ModifyIndex) return;
  keep(tx, aclTokensTable, {
    ...token,
    Policies: unnamed(token.Policies),
    Roles: unnamed(token.Roles),
  });
}

/** Links are kept by ID only: names may change. */
function unnamed(links: ACLToken['Policies']): ACLToken['Policies'] {
  return links?.map((link) => (link.ID === '' ? link : { ...link, Name: '' })) ?? links;
}

function tokenByAccessor(tx: Transaction, accessor: string): ACLToken | undefined {
  return tx.lookup(aclTokensTable.by.accessor, nameKey(accessor))[0];
}

export function deleteTokens(tx: Transaction, accessors: readonly string[]): void {
  for (const accessor of accessors) {
    if (accessor === ANONYMOUS_ACCESSOR) {
      refuse('Deletion of the builtin anonymous token is not permitted');
    }
    const token = tokenByAccessor(tx, accessor);
    if (token === undefined) continue;
    tx.remove(aclTokensTable, token.SecretID);
    tx.bump(aclTokensTable.name);
  }
}

/** A second bootstrap needs the index of the first one. */
export function bootstrapTokens(tx: Transaction, token: ACLToken, resetIndex: number): void {
  const bootstrapped = tx.indexRow(ACL_BOOTSTRAP_ROW);
  if (bootstrapped !== undefined) {
    if (resetIndex === 0) refuse('ACL bootstrap no longer allowed');
    if (resetIndex !== bootstrapped) refuse('Invalid ACL bootstrap reset index');
  }
  setTokens(tx, [token], { cas: false });
  tx.bump(ACL_BOOTSTRAP_ROW);
}

export function setPolicies(tx: Transaction, policies: readonly ACLPolicy[]): void {
  for (const policy of policies) {
    if (policy.ID === '') refuse('Missing ACL Policy ID');
    if (policy.Name === '') refuse('Missing ACL Policy Name');
    const twins = tx.lookup(aclPoliciesTable.by.name, nameKey(policy.Name));
    if (twins.some((twin) => nameKey(twin.ID) !== nameKey(policy.ID))) {
      refuse(`A policy with name ${quoted(policy.Name)} already exists`);
    }
    keep(tx, aclPoliciesTable, policy);
  }
  tx.bump(aclPoliciesTable.name);
}

export function deletePolicies(tx: Transaction, ids: readonly string[]): void {
  if (ids.includes(GLOBAL_MANAGEMENT_ID)) {
    refuse('Deletion of the builtin global-management policy is not permitted');
  }
  deleteAll(tx, aclPoliciesTable, ids);
}

export function setRoles(tx: Transaction, roles: readonly ACLRole[]): void {
  for (const role of roles) {
    if (role.ID === '') refuse('Missing ACL Role ID');
    if (role.Name === '') refuse('Missing ACL Role Name');
    const twins = tx.lookup(aclRolesTable.by.name, nameKey(role.Name));
    if (twins.some((twin) => nameKey(twin.ID) !== nameKey(role.ID))) {
      refuse(`A role with name ${quoted(role.Name)} already exists`);
    }
    keep(tx, aclRolesTable, { ...role, Policies: unnamed(role.Policies) });
  }
  tx.bump(aclRolesTable.name);
}

export function deleteRoles(tx: Transaction, ids: readonly string[]): void {
  deleteAll(tx, aclRolesTable, ids);
}

export function setBindingRules(tx: Transaction, rules: readonly ACLBindingRule[]): void {
  for (const rule of rules) {
    if (rule.ID === '') refuse('Missing ACL Binding Rule ID');
    if (rule.AuthMethod === '') refuse('Missing ACL Binding Rule Auth Method');
    if (tx.first(aclAuthMethodsTable, nameKey(rule.AuthMethod)) === undefined) {
      refuse('failed inserting acl binding rule: auth method not found');
    }
    keep(tx, aclBindingRulesTable, rule);
  }
  tx.bump(aclBindingRulesTable.name);
}

export function deleteBindingRules(tx: Transaction, ids: readonly string[]): void {
  deleteAll(tx, aclBindingRulesTable, ids);
}

export function setAuthMethods(tx: Transaction, methods: readonly ACLAuthMethod[]): void {
  for (const method of methods) {
    if (method.Name === '') refuse('Missing ACL Auth Method Name');
    if (method.Type === '') refuse('Missing ACL Auth Method Type');
    keep(tx, aclAuthMethodsTable, method);
  }
  tx.bump(aclAuthMethodsTable.name);
}

/** Deletes methods with the rules and tokens that came from them. */
export function deleteAuthMethods(tx: Transaction, names: readonly string[]): void {
  deleteAll(tx, aclAuthMethodsTable, names);
  const gone = new Set(names.map(nameKey));
  const rules = tx.scan(aclBindingRulesTable, '').filter((r) => gone.has(nameKey(r.AuthMethod)));
  deleteAll(
    tx,
    aclBindingRulesTable,
    rules.map((rule) => rule.ID),
  );
  for (const token of tx.scan(aclTokensTable, '')) {
    if (token.AuthMethod === '' || !gone.has(nameKey(token.AuthMethod))) continue;
    tx.remove(aclTokensTable, token.SecretID);
    tx.bump(aclTokensTable.name);
  }
}

function deleteAll<Row>(tx: Transaction, table: Table<Row>, ids: readonly string[]): void {
  let deleted = 0;
  for (const id of ids) if (tx.remove(table, nameKey(id))) deleted += 1;
  if (deleted > 0) tx.bump(table.name);
}
