/** `ConfigEntry.*`: settings of services that are the same in all datacenters. */

import { EmptyReply } from '../../model/blocks.ts';
import { ConfigEntryRequest } from '../../model/config-entry.ts';
import {
  ConfigEntryListAllRequest,
  ConfigEntryQuery,
  ConfigEntryResponse,
  IndexedConfigEntries,
  IndexedGenericConfigEntries,
  ServiceConfigRequest,
  ServiceConfigResponse,
} from '../../model/config-entry-rpc.ts';
import { bool } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

/** False only for a compare-and-set that did not match. */
export const CONFIG_ENTRY_APPLY: RpcMethod<ConfigEntryRequest, boolean> = {
  name: 'ConfigEntry.Apply',
  request: ConfigEntryRequest,
  reply: bool,
  routing: { to: 'primary', access: 'write' },
};

export const CONFIG_ENTRY_DELETE: RpcMethod<ConfigEntryRequest, EmptyReply> = {
  name: 'ConfigEntry.Delete',
  request: ConfigEntryRequest,
  reply: EmptyReply,
  routing: { to: 'primary', access: 'write' },
};

export const CONFIG_ENTRY_GET: RpcMethod<ConfigEntryQuery, ConfigEntryResponse> = {
  name: 'ConfigEntry.Get',
  request: ConfigEntryQuery,
  reply: ConfigEntryResponse,
};

export const CONFIG_ENTRY_LIST_ALL: RpcMethod<
  ConfigEntryListAllRequest,
  IndexedGenericConfigEntries
> = {
  name: 'ConfigEntry.ListAll',
  request: ConfigEntryListAllRequest,
  reply: IndexedGenericConfigEntries,
};

export const CONFIG_ENTRY_LIST: RpcMethod<ConfigEntryQuery, IndexedConfigEntries> = {
  name: 'ConfigEntry.List',
  request: ConfigEntryQuery,
  reply: IndexedConfigEntries,
};

export const CONFIG_ENTRY_RESOLVE_SERVICE_CONFIG: RpcMethod<
  ServiceConfigRequest,
  ServiceConfigResponse
> = {
  name: 'ConfigEntry.ResolveServiceConfig',
  request: ServiceConfigRequest,
  reply: ServiceConfigResponse,
};
