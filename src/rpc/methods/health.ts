/** `Health.*`: checks, and instances with their checks. */

import { NodeSpecificRequest } from '../../model/blocks.ts';
import {
  ChecksInStateRequest,
  IndexedCheckServiceNodes,
  IndexedHealthChecks,
  ServiceSpecificRequest,
} from '../../model/catalog.ts';
import type { RpcMethod } from '../method.ts';

export const HEALTH_CHECKS_IN_STATE: RpcMethod<ChecksInStateRequest, IndexedHealthChecks> = {
  name: 'Health.ChecksInState',
  request: ChecksInStateRequest,
  reply: IndexedHealthChecks,
};

export const HEALTH_NODE_CHECKS: RpcMethod<NodeSpecificRequest, IndexedHealthChecks> = {
  name: 'Health.NodeChecks',
  request: NodeSpecificRequest,
  reply: IndexedHealthChecks,
};

export const HEALTH_SERVICE_CHECKS: RpcMethod<ServiceSpecificRequest, IndexedHealthChecks> = {
  name: 'Health.ServiceChecks',
  request: ServiceSpecificRequest,
  reply: IndexedHealthChecks,
};

export const HEALTH_SERVICE_NODES: RpcMethod<ServiceSpecificRequest, IndexedCheckServiceNodes> = {
  name: 'Health.ServiceNodes',
  request: ServiceSpecificRequest,
  reply: IndexedCheckServiceNodes,
};
