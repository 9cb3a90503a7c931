/** `KVS.*`: the key/value store. */

import {
  IndexedDirEntries,
  IndexedKeyList,
  KeyListRequest,
  KeyRequest,
  KVSRequest,
} from '../../model/kv.ts';
import { bool } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

/** The answer means something for `cas`, `delete-cas`, `lock` and `unlock`; else it is true. */
export const KVS_APPLY: RpcMethod<KVSRequest, boolean> = {
  name: 'KVS.Apply',
  request: KVSRequest,
  reply: bool,
};

export const KVS_GET: RpcMethod<KeyRequest, IndexedDirEntries> = {
  name: 'KVS.Get',
  request: KeyRequest,
  reply: IndexedDirEntries,
};

export const KVS_LIST: RpcMethod<KeyRequest, IndexedDirEntries> = {
  name: 'KVS.List',
  request: KeyRequest,
  reply: IndexedDirEntries,
};

export const KVS_LIST_KEYS: RpcMethod<KeyListRequest, IndexedKeyList> = {
  name: 'KVS.ListKeys',
  request: KeyListRequest,
  reply: IndexedKeyList,
};
