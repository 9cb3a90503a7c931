/** User events and keyring operations over RPC. */

import {
  bool,
  bytes,
  i64,
  map,
  slice,
  str,
  struct,
  type TypeOf,
  u8,
} from '../wire/msgpack/schema.ts';
import { QueryMeta, QueryOptions } from './blocks.ts';

/** `Payload` is the msgpack of the user event. */
export const EventFireRequest = struct({
  Datacenter: str,
  Name: str,
  Payload: bytes,
  ...QueryOptions.fields,
});
export type EventFireRequest = TypeOf<typeof EventFireRequest>;

export const EventFireResponse = struct({ ...QueryMeta.fields });
export type EventFireResponse = TypeOf<typeof EventFireResponse>;

/** `Operation`: `list`, `install`, `use` or `remove`. */
export const KeyringRequest = struct({
  Operation: str,
  Key: str,
  Datacenter: str,
  Forwarded: bool,
  RelayFactor: u8,
  LocalOnly: bool,
  ...QueryOptions.fields,
});
export type KeyringRequest = TypeOf<typeof KeyringRequest>;

export const KeyringResponse = struct({
  WAN: bool,
  Datacenter: str,
  Segment: str,
  Messages: map(str),
  Keys: map(i64),
  PrimaryKeys: map(i64),
  NumNodes: i64,
  Error: str,
});
export type KeyringResponse = TypeOf<typeof KeyringResponse>;

export const KeyringResponses = struct({
  Responses: slice(KeyringResponse),
  ...QueryMeta.fields,
});
export type KeyringResponses = TypeOf<typeof KeyringResponses>;
