/** `Catalog.*`: writes to and reads of the catalog. */

import {
  DatacentersRequest,
  DCSpecificRequest,
  EmptyReply,
  NodeSpecificRequest,
} from '../../model/blocks.ts';
import {
  DeregisterRequest,
  IndexedGatewayServices,
  IndexedNodeServiceList,
  IndexedNodeServices,
  IndexedNodes,
  IndexedServiceList,
  IndexedServiceNodes,
  IndexedServices,
  RegisterRequest,
  ServiceSpecificRequest,
} from '../../model/catalog.ts';
import { list, str } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

export const CATALOG_REGISTER: RpcMethod<RegisterRequest, EmptyReply> = {
  name: 'Catalog.Register',
  request: RegisterRequest,
  reply: EmptyReply,
};

export const CATALOG_DEREGISTER: RpcMethod<DeregisterRequest, EmptyReply> = {
  name: 'Catalog.Deregister',
  request: DeregisterRequest,
  reply: EmptyReply,
};

export const CATALOG_LIST_DATACENTERS: RpcMethod<DatacentersRequest, readonly string[]> = {
  name: 'Catalog.ListDatacenters',
  request: DatacentersRequest,
  reply: list(str),
  routing: { to: 'here' },
};

export const CATALOG_LIST_NODES: RpcMethod<DCSpecificRequest, IndexedNodes> = {
  name: 'Catalog.ListNodes',
  request: DCSpecificRequest,
  reply: IndexedNodes,
};

export const CATALOG_LIST_SERVICES: RpcMethod<DCSpecificRequest, IndexedServices> = {
  name: 'Catalog.ListServices',
  request: DCSpecificRequest,
  reply: IndexedServices,
};

export const CATALOG_SERVICE_LIST: RpcMethod<DCSpecificRequest, IndexedServiceList> = {
  name: 'Catalog.ServiceList',
  request: DCSpecificRequest,
  reply: IndexedServiceList,
};

export const CATALOG_SERVICE_NODES: RpcMethod<ServiceSpecificRequest, IndexedServiceNodes> = {
  name: 'Catalog.ServiceNodes',
  request: ServiceSpecificRequest,
  reply: IndexedServiceNodes,
};

export const CATALOG_NODE_SERVICES: RpcMethod<NodeSpecificRequest, IndexedNodeServices> = {
  name: 'Catalog.NodeServices',
  request: NodeSpecificRequest,
  reply: IndexedNodeServices,
};

export const CATALOG_NODE_SERVICE_LIST: RpcMethod<NodeSpecificRequest, IndexedNodeServiceList> = {
  name: 'Catalog.NodeServiceList',
  request: NodeSpecificRequest,
  reply: IndexedNodeServiceList,
};

export const CATALOG_GATEWAY_SERVICES: RpcMethod<ServiceSpecificRequest, IndexedGatewayServices> = {
  name: 'Catalog.GatewayServices',
  request: ServiceSpecificRequest,
  reply: IndexedGatewayServices,
};
