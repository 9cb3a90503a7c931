/**
 * The messages of memberlist: one type byte, then a msgpack struct. Field names and their order are
 * those of memberlist 0.2 to 0.5, which Consul 1.8 to 1.16 speaks.
 */

import { IncompleteError, MalformedError } from '../msgpack/reader.ts';
import {
  bool,
  bytes,
  type Codec,
  decode,
  i64,
  str,
  struct,
  type TypeOf,
  u8,
  u16,
  u32,
} from '../msgpack/schema.ts';
import { written } from '../msgpack/writer.ts';

/** First byte of every message. */
export const MESSAGE_TYPE = {
  ping: 0,
  indirectPing: 1,
  ackResp: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nackResp: 11,
  hasCrc: 12,
  err: 13,
  hasLabel: 244,
} as const;

const SOURCE = { SourceAddr: bytes, SourcePort: u16, SourceNode: str };
const SOURCE_OMITTED = ['SourceAddr', 'SourcePort', 'SourceNode'] as const;

export const Ping = struct({ SeqNo: u32, Node: str, ...SOURCE }, { omitEmpty: SOURCE_OMITTED });
export type Ping = TypeOf<typeof Ping>;

export const IndirectPing = struct(
  { SeqNo: u32, Target: bytes, Port: u16, Node: str, Nack: bool, ...SOURCE },
  { omitEmpty: SOURCE_OMITTED },
);
export type IndirectPing = TypeOf<typeof IndirectPing>;

export const Ack = struct({ SeqNo: u32, Payload: bytes });
export type Ack = TypeOf<typeof Ack>;

export const Nack = struct({ SeqNo: u32 });
export type Nack = TypeOf<typeof Nack>;

export const ErrorAnswer = struct({ Error: str });

export const Suspect = struct({ Incarnation: u32, Node: str, From: str });
export type Suspect = TypeOf<typeof Suspect>;

export const Alive = struct({
  Incarnation: u32,
  Node: str,
  Addr: bytes,
  Port: u16,
  Meta: bytes,
  Vsn: bytes,
});
export type Alive = TypeOf<typeof Alive>;

/** `From` equal to `Node` means that the node left by itself. */
export const Dead = struct({ Incarnation: u32, Node: str, From: str });
export type Dead = TypeOf<typeof Dead>;

export const PushPullHeader = struct({ Nodes: i64, UserStateLen: i64, Join: bool });

export const PushNodeState = struct({
  Name: str,
  Addr: bytes,
  Port: u16,
  Meta: bytes,
  Incarnation: u32,
  State: i64,
  Vsn: bytes,
});
export type PushNodeState = TypeOf<typeof PushNodeState>;

/** `State` of a `PushNodeState`. */
export const NODE_STATE = { alive: 0, suspect: 1, dead: 2, left: 3 } as const;

export const UserMessageHeader = struct({ UserMsgLen: i64 });

/** `Algo` 0 is LZW, the only one there is. */
export const Compress = struct({ Algo: u8, Buf: bytes });

/** A message of a packet, unwrapped. The views inside point into the packet. */
export type PacketMessage =
  | { readonly kind: 'ping'; readonly body: Ping }
  | { readonly kind: 'indirectPing'; readonly body: IndirectPing }
  | { readonly kind: 'ackResp'; readonly body: Ack }
  | { readonly kind: 'nackResp'; readonly body: Nack }
  | { readonly kind: 'suspect'; readonly body: Suspect }
  | { readonly kind: 'alive'; readonly body: Alive }
  | { readonly kind: 'dead'; readonly body: Dead }
  | { readonly kind: 'user'; readonly data: Uint8Array };

export type PacketMessageKind = PacketMessage['kind'];

/** Type byte and body as one buffer. */
export function encodeTyped<T>(type: number, codec: Codec<T>, body: T): Buffer {
  return written((writer) => {
    writer.byte(type);
    codec.encode(writer, body);
  });
}

export const encodePing = (body: Ping): Buffer => encodeTyped(MESSAGE_TYPE.ping, Ping, body);
export const encodeIndirectPing = (body: IndirectPing): Buffer =>
  encodeTyped(MESSAGE_TYPE.indirectPing, IndirectPing, body);
export const encodeAck = (body: Ack): Buffer => encodeTyped(MESSAGE_TYPE.ackResp, Ack, body);
export const encodeNack = (body: Nack): Buffer => encodeTyped(MESSAGE_TYPE.nackResp, Nack, body);
export const encodeSuspect = (body: Suspect): Buffer =>
  encodeTyped(MESSAGE_TYPE.suspect, Suspect, body);
export const encodeAlive = (body: Alive): Buffer => encodeTyped(MESSAGE_TYPE.alive, Alive, body);
export const encodeDead = (body: Dead): Buffer => encodeTyped(MESSAGE_TYPE.dead, Dead, body);
export function encodeUser(data: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(1 + data.length);
  message[0] = MESSAGE_TYPE.user;
  message.set(data, 1);
  return message;
}

/** Encodes any message that may stand in a packet. */
export function encodePacketMessage(message: PacketMessage): Buffer {
  switch (message.kind) {
    case 'ping':
      return encodePing(message.body);
    case 'indirectPing':
      return encodeIndirectPing(message.body);
    case 'ackResp':
      return encodeAck(message.body);
    case 'nackResp':
      return encodeNack(message.body);
    case 'suspect':
      return encodeSuspect(message.body);
    case 'alive':
      return encodeAlive(message.body);
    case 'dead':
      return encodeDead(message.body);
    case 'user':
      return encodeUser(message.data);
  }
}

/** Outcome of reading foreign bytes: a value, or the reason for there being none. */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: string };

export function refused(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}

/** Decodes a struct that fills the rest of `data`. Never throws. */
export function readStruct<T>(codec: Codec<T>, data: Uint8Array, offset: number): Read<T> {
  try {
    return { ok: true, value: decode(codec, data, offset) };
  } catch (error) {
    if (error instanceof MalformedError || error instanceof IncompleteError) {
      return refused(error.message);
    }
    throw error;
  }
}

/** Decodes one message that is no wrapper. Never throws. */
export function readPacketMessage(data: Uint8Array): Read<PacketMessage> {
  const type = data[0];
  switch (type) {
    case MESSAGE_TYPE.ping:
      return withKind('ping', readStruct(Ping, data, 1));
    case MESSAGE_TYPE.indirectPing:
      return withKind('indirectPing', readStruct(IndirectPing, data, 1));
    case MESSAGE_TYPE.ackResp:
      return withKind('ackResp', readStruct(Ack, data, 1));
    case MESSAGE_TYPE.nackResp:
      return withKind('nackResp', readStruct(Nack, data, 1));
    case MESSAGE_TYPE.suspect:
      return withKind('suspect', readStruct(Suspect, data, 1));
    case MESSAGE_TYPE.alive:
      return withKind('alive', readStruct(Alive, data, 1));
    case MESSAGE_TYPE.dead:
      return withKind('dead', readStruct(Dead, data, 1));
    case MESSAGE_TYPE.user:
      return { ok: true, value: { kind: 'user', data: data.subarray(1) } };
    case undefined:
      return refused('empty message');
    default:
      return refused(`msg type (${type}) not supported`);
  }
}

function withKind<K extends Exclude<PacketMessageKind, 'user'>, B>(
  kind: K,
  read: Read<B>,
): Read<{ readonly kind: K; readonly body: B }> {
  return read.ok ? { ok: true, value: { kind, body: read.value } } : read;
}
