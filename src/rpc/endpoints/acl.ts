/** `ACL.*` on a server whose ACLs are disabled: every method is there, and says so. */

import { any } from '../../wire/msgpack/schema.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';

/** Callers compare it by substring. */
const DISABLED = 'ACL support disabled';

const METHODS = [
  'Apply',
  'AuthMethodDelete',
  'AuthMethodList',
  'AuthMethodRead',
  'AuthMethodSet',
  'Authorize',
  'BindingRuleDelete',
  'BindingRuleList',
  'BindingRuleRead',
  'BindingRuleSet',
  'Bootstrap',
  'BootstrapTokens',
  'Get',
  'GetPolicy',
  'List',
  'Login',
  'Logout',
  'PolicyBatchRead',
  'PolicyDelete',
  'PolicyList',
  'PolicyRead',
  'PolicyResolve',
  'PolicySet',
  'ReplicationStatus',
  'RoleBatchRead',
  'RoleDelete',
  'RoleList',
  'RoleRead',
  'RoleResolve',
  'RoleSet',
  'TokenBatchRead',
  'TokenClone',
  'TokenDelete',
  'TokenList',
  'TokenRead',
  'TokenSet',
] as const;

export function aclEndpoints(): readonly ServedMethod[] {
  return METHODS.map((name) =>
    serve({ name: `ACL.${name}`, request: any, reply: any, routing: { to: 'here' } }, async () => {
      throw new RpcError(DISABLED);
    }),
  );
}
