/** Intentions: the older table and the requests that carry them. */

import {
  bool,
  bytes,
  i64,
  map,
  pointer,
  slice,
  str,
  struct,
  type TypeOf,
} from '../wire/msgpack/schema.ts';
import { time } from '../wire/msgpack/time.ts';
import { QueryMeta, QueryOptions, RaftIndex, WriteRequest } from './blocks.ts';
import { ServiceName } from './catalog.ts';

export const IntentionHTTPHeaderPermission = struct({
  Name: str,
  Present: bool,
  Exact: str,
  Prefix: str,
  Suffix: str,
  Regex: str,
  Invert: bool,
});

export const IntentionHTTPPermission = struct({
  PathExact: str,
  PathPrefix: str,
  PathRegex: str,
  Header: slice(IntentionHTTPHeaderPermission),
  Methods: slice(str),
});

export const IntentionPermission = struct({
  Action: str,
  HTTP: pointer(IntentionHTTPPermission),
});
export type IntentionPermission = TypeOf<typeof IntentionPermission>;

/** `DefaultAddr` and `DefaultPort` are the only fields of the protocol left out when zero. */
export const Intention = struct(
  {
    ID: str,
    Description: str,
    SourceNS: str,
    SourceName: str,
    DestinationNS: str,
    DestinationName: str,
    SourceType: str,
    Action: str,
    Permissions: slice(IntentionPermission),
    DefaultAddr: str,
    DefaultPort: i64,
    Meta: map(str),
    Precedence: i64,
    CreatedAt: time,
    UpdatedAt: time,
    Hash: bytes,
    ...RaftIndex.fields,
  },
  { omitEmpty: ['DefaultAddr', 'DefaultPort'] },
);
export type Intention = TypeOf<typeof Intention>;

/** One source of a `service-intentions` config entry. */
export const SourceIntention = struct({
  Name: str,
  Action: str,
  Permissions: slice(IntentionPermission),
  Precedence: i64,
  LegacyID: str,
  Type: str,
  Description: str,
  LegacyMeta: map(str),
  LegacyCreateTime: pointer(time),
  LegacyUpdateTime: pointer(time),
});
export type SourceIntention = TypeOf<typeof SourceIntention>;

/** The config entry that holds all intentions to one destination, its `Name`. */
export const ServiceIntentions = struct({
  Kind: str,
  Name: str,
  Sources: slice(SourceIntention),
  Meta: map(str),
  ...RaftIndex.fields,
});
export type ServiceIntentions = TypeOf<typeof ServiceIntentions>;

export const IntentionMutation = struct({
  ID: str,
  Destination: ServiceName,
  Source: ServiceName,
  Value: pointer(SourceIntention),
});
export type IntentionMutation = TypeOf<typeof IntentionMutation>;

/** `Op`: `create`, `update`, `upsert`, `delete`, `delete-all`. */
export const IntentionRequest = struct({
  Datacenter: str,
  Op: str,
  Intention: pointer(Intention),
  Mutation: pointer(IntentionMutation),
  ...WriteRequest.fields,
});
export type IntentionRequest = TypeOf<typeof IntentionRequest>;

export const IntentionListRequest = struct({
  Datacenter: str,
  Legacy: bool,
  ...QueryOptions.fields,
});
export type IntentionListRequest = TypeOf<typeof IntentionListRequest>;

export const IntentionMatchEntry = struct({ Namespace: str, Name: str });
export const IntentionQueryMatch = struct({ Type: str, Entries: slice(IntentionMatchEntry) });
export const IntentionQueryExact = struct({
  SourceNS: str,
  SourceName: str,
  DestinationNS: str,
  DestinationName: str,
});
export const IntentionQueryCheck = struct({
  ...IntentionQueryExact.fields,
  SourceType: str,
});

export const IntentionQueryRequest = struct({
  Datacenter: str,
  IntentionID: str,
  Match: pointer(IntentionQueryMatch),
  Check: pointer(IntentionQueryCheck),
  Exact: pointer(IntentionQueryExact),
  ...QueryOptions.fields,
});
export type IntentionQueryRequest = TypeOf<typeof IntentionQueryRequest>;

export const IndexedIntentions = struct({
  Intentions: slice(Intention),
  DataOrigin: str,
  ...QueryMeta.fields,
});
export type IndexedIntentions = TypeOf<typeof IndexedIntentions>;

export const IndexedIntentionMatches = struct({
  Matches: slice(slice(Intention)),
  ...QueryMeta.fields,
});
export type IndexedIntentionMatches = TypeOf<typeof IndexedIntentionMatches>;

export const IntentionQueryCheckResponse = struct({ Allowed: bool });
export type IntentionQueryCheckResponse = TypeOf<typeof IntentionQueryCheckResponse>;
