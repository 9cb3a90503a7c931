/** `Internal.*`: what servers and agents ask each other for their own purposes. */

import { DCSpecificRequest, NodeSpecificRequest } from '../../model/blocks.ts';
import {
  IndexedNodeDump,
  IndexedNodesWithGateways,
  ServiceDumpRequest,
  ServiceSpecificRequest,
} from '../../model/catalog.ts';
import {
  EventFireRequest,
  EventFireResponse,
  KeyringRequest,
  KeyringResponses,
} from '../../model/event.ts';
import { IndexedIntentions, IntentionQueryRequest } from '../../model/intention.ts';
import { IndexedServiceDump, IndexedServiceTopology } from '../../model/topology.ts';
import type { RpcMethod } from '../method.ts';

export const INTERNAL_NODE_INFO: RpcMethod<NodeSpecificRequest, IndexedNodeDump> = {
  name: 'Internal.NodeInfo',
  request: NodeSpecificRequest,
  reply: IndexedNodeDump,
};

export const INTERNAL_NODE_DUMP: RpcMethod<DCSpecificRequest, IndexedNodeDump> = {
  name: 'Internal.NodeDump',
  request: DCSpecificRequest,
  reply: IndexedNodeDump,
};

export const INTERNAL_SERVICE_DUMP: RpcMethod<ServiceDumpRequest, IndexedNodesWithGateways> = {
  name: 'Internal.ServiceDump',
  request: ServiceDumpRequest,
  reply: IndexedNodesWithGateways,
};

export const INTERNAL_SERVICE_TOPOLOGY: RpcMethod<ServiceSpecificRequest, IndexedServiceTopology> =
  {
    name: 'Internal.ServiceTopology',
    request: ServiceSpecificRequest,
    reply: IndexedServiceTopology,
  };

export const INTERNAL_GATEWAY_SERVICE_DUMP: RpcMethod<ServiceSpecificRequest, IndexedServiceDump> =
  {
    name: 'Internal.GatewayServiceDump',
    request: ServiceSpecificRequest,
    reply: IndexedServiceDump,
  };

/** The gateway is named as the one entry of `Match`. */
export const INTERNAL_GATEWAY_INTENTIONS: RpcMethod<IntentionQueryRequest, IndexedIntentions> = {
  name: 'Internal.GatewayIntentions',
  request: IntentionQueryRequest,
  reply: IndexedIntentions,
};

export const INTERNAL_EVENT_FIRE: RpcMethod<EventFireRequest, EventFireResponse> = {
  name: 'Internal.EventFire',
  request: EventFireRequest,
  reply: EventFireResponse,
};

/** Answered by the server that is asked, which asks the other datacenters itself. */
export const INTERNAL_KEYRING_OPERATION: RpcMethod<KeyringRequest, KeyringResponses> = {
  name: 'Internal.KeyringOperation',
  request: KeyringRequest,
  reply: KeyringResponses,
  routing: { to: 'here', access: 'write' },
};

/** The same, asked of any server of the datacenter that the request names. */
export const KEYRING_OPERATION_THERE: RpcMethod<KeyringRequest, KeyringResponses> = {
  ...INTERNAL_KEYRING_OPERATION,
  routing: { to: 'datacenter', access: 'write' },
};
