/**
 * The messages of serf, which travel as user messages of memberlist: one type byte, then a msgpack
 * struct. Field names and order are those of serf 0.8 to 0.10.
 */

import { IncompleteError, MalformedError, MsgpackReader } from '../msgpack/reader.ts';
import {
  bigU64,
  bool,
  bytes,
  type Codec,
  f64,
  i64,
  list,
  map,
  pointer,
  slice,
  str,
  struct,
  type TypeOf,
  u8,
  u16,
  u32,
} from '../msgpack/schema.ts';
import { harmOfQuery } from './harmless.ts';
import { encodeTyped, type Read, readStruct, refused } from './messages.ts';

export const SERF_TYPE = {
  leave: 0,
  join: 1,
  pushPull: 2,
  userEvent: 3,
  query: 4,
  queryResponse: 5,
  conflictResponse: 6,
  keyRequest: 7,
  keyResponse: 8,
  relay: 9,
} as const;

export const LeaveIntent = struct({ LTime: bigU64, Node: str, Prune: bool });
export type LeaveIntent = TypeOf<typeof LeaveIntent>;

export const JoinIntent = struct({ LTime: bigU64, Node: str });
export type JoinIntent = TypeOf<typeof JoinIntent>;

export const UserEventMessage = struct({ LTime: bigU64, Name: str, Payload: bytes, CC: bool });
export type UserEventMessage = TypeOf<typeof UserEventMessage>;

export const QUERY_FLAG = { ack: 1, noBroadcast: 2 } as const;
export const RESPONSE_FLAG = { ack: 1 } as const;

export const Query = struct({
  LTime: bigU64,
  ID: u32,
  Addr: bytes,
  Port: u16,
  SourceNode: str,
  Filters: slice(bytes),
  Flags: u32,
  RelayFactor: u8,
  /** Nanoseconds. */
  Timeout: i64,
  Name: str,
  Payload: bytes,
});
export type Query = TypeOf<typeof Query>;

export const QueryResponse = struct({
  LTime: bigU64,
  ID: u32,
  From: str,
  Flags: u32,
  Payload: bytes,
});
export type QueryResponse = TypeOf<typeof QueryResponse>;

const OldUserEvent = struct({ Name: str, Payload: bytes });
const UserEvents = struct({ LTime: bigU64, Events: slice(OldUserEvent) });
export type UserEvents = TypeOf<typeof UserEvents>;

/** The state that serf adds to a push/pull. Real members send 512 slots, mostly nil. */
export const PushPullState = struct({
  LTime: bigU64,
  StatusLTimes: map(bigU64),
  LeftMembers: slice(str),
  EventLTime: bigU64,
  Events: slice(pointer(UserEvents)),
  QueryLTime: bigU64,
});
export type PushPullState = TypeOf<typeof PushPullState>;

export const KeyRequest = struct({ Key: bytes });
export const KeyResponse = struct({
  Result: bool,
  Message: str,
  Keys: slice(str),
  PrimaryKey: str,
});
export type KeyResponse = TypeOf<typeof KeyResponse>;

/** Answer to a conflict query: the member as the answerer knows it, nil when it does not. */
export const ConflictMember = struct({
  Name: str,
  Addr: bytes,
  Port: u16,
  Tags: map(str),
  Status: i64,
  ProtocolMin: u8,
  ProtocolMax: u8,
  ProtocolCur: u8,
  DelegateMin: u8,
  DelegateMax: u8,
  DelegateCur: u8,
});
export type ConflictMember = TypeOf<typeof ConflictMember>;
export const ConflictResponse = pointer(ConflictMember);

const RelayHeader = struct({
  DestAddr: struct({ IP: bytes, Port: i64, Zone: str }),
  DestName: str,
});
export type RelayHeader = TypeOf<typeof RelayHeader>;

/** A serf message. `inner` of a relay is a complete serf message, its type byte first. */
export type SerfMessage =
  | { readonly kind: 'leave'; readonly body: LeaveIntent }
  | { readonly kind: 'join'; readonly body: JoinIntent }
  | { readonly kind: 'pushPull'; readonly body: PushPullState }
  | { readonly kind: 'userEvent'; readonly body: UserEventMessage }
  | { readonly kind: 'query'; readonly body: Query }
  | { readonly kind: 'queryResponse'; readonly body: QueryResponse }
  | { readonly kind: 'conflictResponse'; readonly body: ConflictMember | null }
  | { readonly kind: 'keyRequest'; readonly body: TypeOf<typeof KeyRequest> }
  | { readonly kind: 'keyResponse'; readonly body: KeyResponse }
  | { readonly kind: 'relay'; readonly header: RelayHeader; readonly inner: Uint8Array };

/** Throws a RangeError for a query that would harm real members. */
export function encodeSerf(message: SerfMessage): Buffer {
  switch (message.kind) {
    case 'leave':
      return encodeTyped(SERF_TYPE.leave, LeaveIntent, message.body);
    case 'join':
      return encodeTyped(SERF_TYPE.join, JoinIntent, message.body);
    case 'pushPull':
      return encodeTyped(SERF_TYPE.pushPull, PushPullState, message.body);
    case 'userEvent':
      return encodeTyped(SERF_TYPE.userEvent, UserEventMessage, message.body);
    case 'query': {
      const harm = harmOfQuery(message.body);
      if (harm !== null) throw new RangeError(harm);
      return encodeTyped(SERF_TYPE.query, Query, message.body);
    }
    case 'queryResponse':
      return encodeTyped(SERF_TYPE.queryResponse, QueryResponse, message.body);
    case 'conflictResponse':
      return encodeTyped(SERF_TYPE.conflictResponse, ConflictResponse, message.body);
    case 'keyRequest':
      return encodeTyped(SERF_TYPE.keyRequest, KeyRequest, message.body);
    case 'keyResponse':
      return encodeTyped(SERF_TYPE.keyResponse, KeyResponse, message.body);
    case 'relay': {
      const header = encodeTyped(SERF_TYPE.relay, RelayHeader, message.header);
      return Buffer.concat([header, message.inner]);
    }
  }
}

/** Decodes a serf message. Never throws. */
export function readSerf(data: Uint8Array): Read<SerfMessage> {
  switch (data[0]) {
    case SERF_TYPE.leave:
      return body('leave', LeaveIntent, data);
    case SERF_TYPE.join:
      return body('join', JoinIntent, data);
    case SERF_TYPE.pushPull:
      return body('pushPull', PushPullState, data);
    case SERF_TYPE.userEvent:
      return body('userEvent', UserEventMessage, data);
    case SERF_TYPE.query:
      return readQuery(data);
    case SERF_TYPE.queryResponse:
      return body('queryResponse', QueryResponse, data);
    case SERF_TYPE.conflictResponse:
      return body('conflictResponse', ConflictResponse, data);
    case SERF_TYPE.keyRequest:
      return body('keyRequest', KeyRequest, data);
    case SERF_TYPE.keyResponse:
      return body('keyResponse', KeyResponse, data);
    case SERF_TYPE.relay:
      return readRelay(data);
    case undefined:
      return refused('empty serf message');
    default:
      return refused(`Received message of unknown type: ${data[0]}`);
  }
}

function body<K extends Exclude<SerfMessage['kind'], 'relay'>, B>(
  kind: K,
  codec: Codec<B>,
  data: Uint8Array,
): Read<{ readonly kind: K; readonly body: B }> {
  const read = readStruct(codec, data, 1);
  return read.ok ? { ok: true, value: { kind, body: read.value } } : read;
}

/** A query that would harm others is refused, so that it is never passed on. */
function readQuery(data: Uint8Array): Read<SerfMessage> {
  const read = body('query', Query, data);
  const harm = read.ok ? harmOfQuery(read.value.body) : null;
  return harm === null ? read : refused(harm);
}

function readRelay(data: Uint8Array): Read<SerfMessage> {
  const reader = new MsgpackReader(data, 1);
  try {
    const header = RelayHeader.decode(reader);
    return { ok: true, value: { kind: 'relay', header, inner: data.subarray(reader.offset) } };
  } catch (error) {
    if (error instanceof MalformedError || error instanceof IncompleteError) {
      return refused(error.message);
    }
    throw error;
  }
}

/** Restricts a query to some members. */
export type WireFilter =
  | { readonly kind: 'nodes'; readonly names: readonly string[] }
  | { readonly kind: 'tag'; readonly tag: string; readonly expression: string };

const FILTER_TYPE = { nodes: 0, tag: 1 } as const;
const NodeFilter = list(str);
const TagFilter = struct({ Tag: str, Expr: str });

export function encodeFilter(filter: WireFilter): Buffer {
  if (filter.kind === 'nodes') return encodeTyped(FILTER_TYPE.nodes, NodeFilter, filter.names);
  const tag = { Tag: filter.tag, Expr: filter.expression };
  return encodeTyped(FILTER_TYPE.tag, TagFilter, tag);
}

/** Decodes a filter. Never throws. */
export function readFilter(data: Uint8Array): Read<WireFilter> {
  if (data[0] === FILTER_TYPE.nodes) {
    const read = readStruct(NodeFilter, data, 1);
    return read.ok ? { ok: true, value: { kind: 'nodes', names: read.value } } : read;
  }
  if (data[0] === FILTER_TYPE.tag) {
    const read = readStruct(TagFilter, data, 1);
    if (!read.ok) return read;
    return { ok: true, value: { kind: 'tag', tag: read.value.Tag, expression: read.value.Expr } };
  }
  return refused(`query has unrecognized filter type: ${data[0]}`);
}

const TAGS_MAGIC = 0xff;
/** memberlist's limit for what a node tells of itself, magic byte included. */
export const META_BYTES_MAX = 512;
const TagMap = map(str);

/** Tags as the meta of an alive message. Refused when they do not fit. */
export function encodeTags(tags: Readonly<Record<string, string>>): Read<Buffer> {
  const meta = encodeTyped(TAGS_MAGIC, TagMap, tags);
  if (meta.length <= META_BYTES_MAX) return { ok: true, value: meta };
  return refused(`Encoded length of tags exceeds limit of ${META_BYTES_MAX} bytes`);
}

/** Reads the tags of a meta; foreign ones that cannot be read have no tags. */
export function decodeTags(meta: Uint8Array): Readonly<Record<string, string>> {
  if (meta[0] !== TAGS_MAGIC) return { role: Buffer.from(meta).toString('utf8') };
  const read = readStruct(TagMap, meta, 1);
  return read.ok ? (read.value ?? {}) : {};
}

const CoordinateStruct = struct({
  Vec: slice(f64),
  Error: f64,
  Adjustment: f64,
  Height: f64,
});
type WireCoordinate = TypeOf<typeof CoordinateStruct>;

const PING_VERSION = 1;

/** The payload of an ack: where the acknowledging node believes to be. */
export function encodePingPayload(coordinate: WireCoordinate): Buffer {
  return encodeTyped(PING_VERSION, CoordinateStruct, coordinate);
}

/** Reads the payload of an ack. Never throws. */
export function readPingPayload(data: Uint8Array): Read<WireCoordinate> {
  if (data[0] !== PING_VERSION) return refused(`Unsupported ping version: ${data[0]}`);
  return readStruct(CoordinateStruct, data, 1);
}
