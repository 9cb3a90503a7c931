/**
 * Streams: one exchange each, over TCP or a gateway. `(label) (0a | length | sealed) (09 compressed)
 * message`. A push/pull that is neither sealed nor compressed carries no overall length, so the
 * parser decodes as bytes arrive and stops by the counts.
 */

import { IncompleteError, MalformedError, MsgpackReader } from '../msgpack/reader.ts';
import { ValueScanner } from '../msgpack/scanner.ts';
import type { Codec } from '../msgpack/schema.ts';
import { MsgpackWriter } from '../msgpack/writer.ts';
import {
  Ack,
  ErrorAnswer,
  encodeTyped,
  MESSAGE_TYPE,
  Ping,
  PushNodeState,
  PushPullHeader,
  type Read,
  refused,
  UserMessageHeader,
} from './messages.ts';
import { compress, decompress, labelHeader } from './packet.ts';
import { open, seal, sealedBytes } from './seal.ts';

/** Largest state that is accepted from a peer, as memberlist has it. */
export const STREAM_BYTES_MAX = 20 * 1024 * 1024;
/** Node states in one push/pull; a pool of this size is far beyond what gossip is good for. */
const NODES_MAX = 100_000;
const FRAME_HEADER_BYTES = 5;

export interface PushPull {
  readonly kind: 'pushPull';
  readonly join: boolean;
  readonly nodes: readonly PushNodeState[];
  readonly userState: Uint8Array;
}

/** What one side says on a stream. */
export type StreamMessage =
  | PushPull
  | { readonly kind: 'ping'; readonly body: Ping }
  | { readonly kind: 'ackResp'; readonly body: Ack }
  | { readonly kind: 'user'; readonly data: Uint8Array }
  | { readonly kind: 'err'; readonly text: string };

/** Encodes a message without any wrapper. */
export function encodeStreamMessage(message: StreamMessage): Buffer {
  switch (message.kind) {
    case 'pushPull':
      return encodePushPull(message);
    case 'ping':
      return encodeTyped(MESSAGE_TYPE.ping, Ping, message.body);
    case 'ackResp':
      return encodeTyped(MESSAGE_TYPE.ackResp, Ack, message.body);
    case 'err':
      return encodeTyped(MESSAGE_TYPE.err, ErrorAnswer, { Error: message.text });
    case 'user': {
      const header = { UserMsgLen: message.data.length };
      return Buffer.concat([
        encodeTyped(MESSAGE_TYPE.user, UserMessageHeader, header),
        message.data,
      ]);
    }
  }
}

function encodePushPull(message: PushPull): Buffer {
  const writer = new MsgpackWriter();
  writer.bytes(Buffer.of(MESSAGE_TYPE.pushPull));
  PushPullHeader.encode(writer, {
    Nodes: message.nodes.length,
    UserStateLen: message.userState.length,
    Join: message.join,
  });
  for (const node of message.nodes) PushNodeState.encode(writer, node);
  writer.bytes(message.userState);
  return writer.finish();
}

export interface StreamWrapping {
  readonly compression: 'always' | 'never';
  /** Seals with `key`; null: no encryption. `nonce` is used once. */
  readonly seal: {
    readonly key: Uint8Array;
    readonly nonce: Uint8Array;
    readonly version?: 0 | 1;
  } | null;
  readonly label: string;
  /** Only the side that dialed writes the label; both sides bind it into the encryption. */
  readonly side: 'dialer' | 'acceptor';
}

/** Puts an encoded message into its wrappers. */
export function wrapStream(plain: Buffer, wrapping: StreamWrapping): Buffer {
  const body = wrapping.compression === 'always' ? compress(plain) : plain;
  const label = labelHeader(wrapping.label);
  const front = wrapping.side === 'dialer' ? label : Buffer.alloc(0);
  if (wrapping.seal === null) return Buffer.concat([front, body]);
  const { key, nonce, version = 1 } = wrapping.seal;
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header[0] = MESSAGE_TYPE.encrypt;
  header.writeUInt32BE(sealedBytes(body.length, version), 1);
  const associated = Buffer.concat([header, Buffer.from(wrapping.label)]);
  return Buffer.concat([front, header, seal(key, nonce, body, associated, version)]);
}

export interface StreamRules {
  readonly label: string;
  /** Whether the peer dialed, and so has to begin with the label. */
  readonly peer: 'dialer' | 'acceptor';
  readonly keys: readonly Uint8Array[];
  /** What to do with a stream that is not encrypted although there are keys. */
  readonly plaintext: 'refuse' | 'accept';
}

export type StreamProgress =
  | { readonly state: 'incomplete' }
  | { readonly state: 'done'; readonly message: StreamMessage }
  /** `tell`: whether memberlist answers the peer with the error before it closes. */
  | { readonly state: 'failed'; readonly error: string; readonly tell: boolean };

const INCOMPLETE: StreamProgress = { state: 'incomplete' };

type Stage = 'label' | 'frame' | 'body' | 'over';

/**
 * Reads one message from chunks cut anywhere. Bytes behind the message are ignored. After `done` or
 * `failed` every further call answers the same.
 */
export class StreamParser {
  readonly #rules: StreamRules;
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;
  #offset = 0;
  #stage: Stage = 'label';
  #label = '';
  #body: BodyParser = new BodyParser();
  #outcome: StreamProgress = INCOMPLETE;

  constructor(rules: StreamRules) {
    this.#rules = rules;
  }

  /** Bytes held. */
  get bufferedBytes(): number {
    return this.#length;
  }

  feed(chunk: Uint8Array): StreamProgress {
    if (this.#stage === 'over') return this.#outcome;
    if (this.#length + chunk.length > STREAM_BYTES_MAX + FRAME_HEADER_BYTES + 257) {
      return this.#end(tooLarge(this.#length + chunk.length));
    }
    this.#append(chunk);
    const progress = this.#advance();
    return progress.state === 'incomplete' ? progress : this.#end(progress);
  }

  #end(outcome: StreamProgress): StreamProgress {
    this.#stage = 'over';
    this.#outcome = outcome;
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
    return outcome;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = needed;
  }

  #advance(): StreamProgress {
    const data = this.#buffer.subarray(0, this.#length);
    if (this.#stage === 'label') {
      const progress = this.#readLabel(data);
      if (progress !== null) return progress;
      this.#stage = 'frame';
    }
    if (this.#stage === 'frame') {
      const progress = this.#readFrame(data);
      if (progress !== null) return progress;
      this.#stage = 'body';
    }
    return this.#body.parse(data, this.#offset, 'more may come');
  }

  /** Consumes the label; null when done. */
  #readLabel(data: Buffer): StreamProgress | null {
    if (data.length === 0) return INCOMPLETE;
    if (data[0] === MESSAGE_TYPE.hasLabel) {
      const size = data[1];
      if (size === undefined) return INCOMPLETE;
      if (size === 0) return failed('label header cannot be empty when present', 'silent');
      if (data.length < 2 + size) return INCOMPLETE;
      this.#label = data.toString('utf8', 2, 2 + size);
      this.#offset = 2 + size;
    }
    const expected = this.#rules.peer === 'dialer' ? this.#rules.label : '';
    if (this.#label === expected) return null;
    return failed(`discarding stream with unacceptable label "${this.#label}"`, 'silent');
  }

  /** Decides about encryption; null when what follows is the plain body. */
  #readFrame(data: Buffer): StreamProgress | null {
    const type = data[this.#offset];
    if (type === undefined) return INCOMPLETE;
    const { keys, plaintext, label } = this.#rules;
    if (type !== MESSAGE_TYPE.encrypt) {
      if (keys.length === 0 || plaintext === 'accept') return null;
      return failed('Encryption is configured but remote state is not encrypted', 'tell');
    }
    if (keys.length === 0) {
      return failed('Remote state is encrypted and encryption is not configured', 'tell');
    }
    const start = this.#offset;
    if (data.length < start + FRAME_HEADER_BYTES) return INCOMPLETE;
    const size = data.readUInt32BE(start + 1);
    if (size > STREAM_BYTES_MAX) return tooLarge(size);
    const end = start + FRAME_HEADER_BYTES + size;
    if (data.length < end) return INCOMPLETE;
    const header = data.subarray(start, start + FRAME_HEADER_BYTES);
    const associated = Buffer.concat([header, Buffer.from(label)]);
    const opened = open(keys, data.subarray(start + FRAME_HEADER_BYTES, end), associated);
    if (!opened.ok) return failed(opened.error, 'tell');
    return this.#body.parse(opened.value, 0, 'complete');
  }
}

function failed(error: string, answer: 'tell' | 'silent'): StreamProgress {
  return { state: 'failed', error, tell: answer === 'tell' };
}

function tooLarge(bytes: number): StreamProgress {
  return failed(`Remote node state is larger than limit (${bytes})`, 'tell');
}

/** What may stand on a stream; all begin with a msgpack value. */
const STREAM_TYPES: ReadonlySet<number> = new Set([
  MESSAGE_TYPE.compress,
  MESSAGE_TYPE.pushPull,
  MESSAGE_TYPE.user,
  MESSAGE_TYPE.ping,
  MESSAGE_TYPE.ackResp,
  MESSAGE_TYPE.err,
]);

type Supply = 'complete' | 'more may come';

/**
 * Decodes the plain message. Keeps what it has between calls and looks at every byte once, however
 * small the pieces are.
 */
class BodyParser {
  readonly #scanner = new ValueScanner();
  #scannedTo = 0;
  #header: {
    readonly Nodes: number;
    readonly UserStateLen: number;
    readonly Join: boolean;
  } | null = null;
  readonly #nodes: PushNodeState[] = [];
  #next = 0;

  parse(data: Buffer, start: number, supply: Supply): StreamProgress {
    const type = data[start];
    if (type === undefined) {
      return supply === 'complete' ? failed('empty message', 'silent') : INCOMPLETE;
    }
    this.#scannedTo = Math.max(this.#scannedTo, start + 1);
    try {
      return this.#message(data, start, type, supply);
    } catch (error) {
      if (error instanceof IncompleteError) {
        return supply === 'complete' ? failed(error.message, 'tell') : INCOMPLETE;
      }
      if (error instanceof MalformedError) return failed(error.message, 'tell');
      throw error;
    }
  }

  /** Whether the value at hand is there as a whole, or is none. */
  #isWhole(data: Buffer): boolean {
    const end = this.#scanner.scan(data, this.#scannedTo);
    if (end < 0) return true;
    this.#scannedTo = end;
    return this.#scanner.done;
  }

  #message(data: Buffer, start: number, type: number, supply: Supply): StreamProgress {
    const begins = this.#header === null && STREAM_TYPES.has(type);
    if (begins && supply !== 'complete' && !this.#isWhole(data)) return INCOMPLETE;
    switch (type) {
      case MESSAGE_TYPE.compress:
        return this.#compressed(data, start);
      case MESSAGE_TYPE.pushPull:
        return this.#pushPull(data, start + 1, supply);
      case MESSAGE_TYPE.user:
        return user(data, start + 1, supply);
      case MESSAGE_TYPE.ping:
        return done({ kind: 'ping', body: read(Ping, data, start + 1) });
      case MESSAGE_TYPE.ackResp:
        return done({ kind: 'ackResp', body: read(Ack, data, start + 1) });
      case MESSAGE_TYPE.err:
        return done({ kind: 'err', text: read(ErrorAnswer, data, start + 1).Error });
      default:
        return failed(`Received invalid msgType (${type})`, 'silent');
    }
  }

  #compressed(data: Buffer, start: number): StreamProgress {
    const inner: Read<Buffer> = decompress(data.subarray(start), STREAM_BYTES_MAX);
    if (!inner.ok) return failed(inner.error, 'tell');
    if (inner.value[0] === MESSAGE_TYPE.compress) return failed('compressed twice', 'silent');
    return new BodyParser().parse(inner.value, 0, 'complete');
  }

  #pushPull(data: Buffer, start: number, supply: Supply): StreamProgress {
    if (this.#header === null) {
      const reader = new MsgpackReader(data, start);
      const header = PushPullHeader.decode(reader);
      const problem = headerProblem(header);
      if (problem !== null) return failed(problem, 'tell');
      this.#header = header;
      this.#goOn(reader.offset);
    }
    const { Nodes, UserStateLen, Join } = this.#header;
    while (this.#nodes.length < Nodes) {
      if (supply !== 'complete' && !this.#isWhole(data)) return INCOMPLETE;
      const reader = new MsgpackReader(data, this.#next);
      this.#nodes.push(PushNodeState.decode(reader));
      this.#goOn(reader.offset);
    }
    const end = this.#next + UserStateLen;
    if (data.length < end) {
      if (supply === 'more may come') return INCOMPLETE;
      return failed(
        `Failed to read full user state (${data.length - this.#next} / ${UserStateLen})`,
        'tell',
      );
    }
    const userState = data.subarray(this.#next, end);
    return done({ kind: 'pushPull', join: Join, nodes: this.#nodes, userState });
  }

  /** To the value behind. */
  #goOn(offset: number): void {
    this.#next = offset;
    this.#scannedTo = offset;
    this.#scanner.reset();
  }
}

function headerProblem(header: {
  readonly Nodes: number;
  readonly UserStateLen: number;
}): string | null {
  if (header.Nodes < 0 || header.Nodes > NODES_MAX) return `${header.Nodes} nodes in a push/pull`;
  const { UserStateLen } = header;
  if (UserStateLen >= 0 && UserStateLen <= STREAM_BYTES_MAX) return null;
  return `Remote node state is larger than limit (${UserStateLen})`;
}

function user(data: Buffer, start: number, supply: Supply): StreamProgress {
  const reader = new MsgpackReader(data, start);
  const { UserMsgLen } = UserMessageHeader.decode(reader);
  if (UserMsgLen < 0 || UserMsgLen > STREAM_BYTES_MAX) {
    return failed(`Remote node state is larger than limit (${UserMsgLen})`, 'tell');
  }
  const end = reader.offset + UserMsgLen;
  if (data.length >= end) return done({ kind: 'user', data: data.subarray(reader.offset, end) });
  if (supply === 'more may come') return INCOMPLETE;
  return failed(
    `Failed to read full user message (${data.length - reader.offset} / ${UserMsgLen})`,
    'silent',
  );
}

function read<T>(codec: Codec<T>, data: Buffer, offset: number): T {
  return codec.decode(new MsgpackReader(data, offset));
}

function done(message: StreamMessage): StreamProgress {
  return { state: 'done', message };
}

/** Reads a stream that has arrived whole. */
export function readStream(data: Uint8Array, rules: StreamRules): Read<StreamMessage> {
  const progress = new StreamParser(rules).feed(data);
  if (progress.state === 'done') return { ok: true, value: progress.message };
  return refused(progress.state === 'failed' ? progress.error : 'the stream ends too early');
}
