/**
 * `/v1/acl/…`, `/v1/agent/token/…` and profiling: answered as by an agent with ACLs disabled, which
 * this one is.
 */

import type { HttpContext } from '../context.ts';
import { HttpError } from '../message.ts';
import type { Method, Route } from '../router.ts';

const PATHS: readonly (readonly [path: string, ...methods: Method[]])[] = [
  ['/v1/acl/bootstrap', 'PUT'],
  ['/v1/acl/create', 'PUT'],
  ['/v1/acl/update', 'PUT'],
  ['/v1/acl/destroy/', 'PUT'],
  ['/v1/acl/info/', 'GET'],
  ['/v1/acl/clone/', 'PUT'],
  ['/v1/acl/list', 'GET'],
  ['/v1/acl/login', 'POST'],
  ['/v1/acl/logout', 'POST'],
  ['/v1/acl/replication', 'GET'],
  ['/v1/acl/policies', 'GET'],
  ['/v1/acl/policy', 'PUT'],
  ['/v1/acl/policy/', 'GET', 'PUT', 'DELETE'],
  ['/v1/acl/policy/name/', 'GET'],
  ['/v1/acl/roles', 'GET'],
  ['/v1/acl/role', 'PUT'],
  ['/v1/acl/role/name/', 'GET'],
  ['/v1/acl/role/', 'GET', 'PUT', 'DELETE'],
  ['/v1/acl/binding-rules', 'GET'],
  ['/v1/acl/binding-rule', 'PUT'],
  ['/v1/acl/binding-rule/', 'GET', 'PUT', 'DELETE'],
  ['/v1/acl/auth-methods', 'GET'],
  ['/v1/acl/auth-method', 'PUT'],
  ['/v1/acl/auth-method/', 'GET', 'PUT', 'DELETE'],
  ['/v1/acl/rules/translate', 'POST'],
  ['/v1/acl/rules/translate/', 'GET'],
  ['/v1/acl/tokens', 'GET'],
  ['/v1/acl/token', 'PUT'],
  ['/v1/acl/token/self', 'GET'],
  ['/v1/acl/token/', 'GET', 'PUT', 'DELETE'],
  ['/v1/agent/token/', 'PUT'],
  ['/v1/internal/acl/authorize', 'POST'],
  ['/debug/pprof/', 'GET', 'POST'],
];

async function disabled(): Promise<never> {
  throw new HttpError(401, 'ACL support disabled');
}

export const ACL_ROUTES: readonly Route<HttpContext>[] = PATHS.map(([path, ...methods]) => ({
  path,
  methods,
  handler: disabled,
}));
