/** Sessions: what locks are held by, ended by time, by checks or by their node. */

import { duration, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { QueryMeta, QueryOptions, RaftIndex, WriteRequest } from './blocks.ts';

export const ServiceCheck = struct({ ID: str, Namespace: str });
export type ServiceCheck = TypeOf<typeof ServiceCheck>;

/** `Behavior`: `release` or `delete`; `TTL` is Go duration text or `''`; `Checks` is the old form. */
export const Session = struct({
  ID: str,
  Name: str,
  Node: str,
  LockDelay: duration,
  Behavior: str,
  TTL: str,
  NodeChecks: slice(str),
  ServiceChecks: slice(ServiceCheck),
  Checks: slice(str),
  ...RaftIndex.fields,
});
export type Session = TypeOf<typeof Session>;

/** `Op`: `create` or `destroy`. */
export const SessionRequest = struct({
  Datacenter: str,
  Op: str,
  Session,
  ...WriteRequest.fields,
});
export type SessionRequest = TypeOf<typeof SessionRequest>;

/** `Session` is the old name of `SessionID`, used when that is empty. */
export const SessionSpecificRequest = struct({
  Datacenter: str,
  SessionID: str,
  Session: str,
  ...QueryOptions.fields,
});
export type SessionSpecificRequest = TypeOf<typeof SessionSpecificRequest>;

export const IndexedSessions = struct({ Sessions: slice(Session), ...QueryMeta.fields });
export type IndexedSessions = TypeOf<typeof IndexedSessions>;
