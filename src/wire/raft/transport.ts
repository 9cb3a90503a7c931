/**
 * Framing of the raft transport: a request is a type byte and one msgpack object; a response, in
 * the order of the requests, an error text and one msgpack object (nil beside an error). The state
 * of a snapshot follows its request without framing.
 *
 * Both parsers take any split and never throw. A type byte is a msgpack integer too, so one
 * splitter cuts both directions.
 */

import { type Codec, str, tryDecode } from '../msgpack/schema.ts';
import { written } from '../msgpack/writer.ts';
import { type ValueFailure, ValueSplitter } from '../rpc/values.ts';
import {
  AppendEntriesRequest,
  AppendEntriesResponse,
  InstallSnapshotRequest,
  InstallSnapshotResponse,
  type RaftRequest,
  type RaftResponse,
  type RaftRpc,
  RequestPreVoteRequest,
  RequestPreVoteResponse,
  RequestVoteRequest,
  RequestVoteResponse,
  RPC_TYPE,
  TimeoutNowRequest,
  TimeoutNowResponse,
} from './messages.ts';

/** Bytes that one request or response may take; beyond, the connection is closed. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** The error text of nearly every response. */
const EMPTY_TEXT = 0xa0;

interface RpcFacts {
  readonly type: number;
  readonly request: Codec<RaftRequest['body']>;
  readonly response: Codec<RaftResponse['body']>;
}

const facts = (type: number, request: unknown, response: unknown): RpcFacts =>
  ({ type, request, response }) as RpcFacts;

const RPCS: Readonly<Record<RaftRpc, RpcFacts>> = {
  'append-entries': facts(RPC_TYPE.appendEntries, AppendEntriesRequest, AppendEntriesResponse),
  'request-vote': facts(RPC_TYPE.requestVote, RequestVoteRequest, RequestVoteResponse),
  'install-snapshot': facts(
    RPC_TYPE.installSnapshot,
    InstallSnapshotRequest,
    InstallSnapshotResponse,
  ),
  'timeout-now': facts(RPC_TYPE.timeoutNow, TimeoutNowRequest, TimeoutNowResponse),
  'request-pre-vote': facts(RPC_TYPE.requestPreVote, RequestPreVoteRequest, RequestPreVoteResponse),
};

const RPC_BY_TYPE: readonly RaftRpc[] = [
  'append-entries',
  'request-vote',
  'install-snapshot',
  'timeout-now',
  'request-pre-vote',
];

/** Type byte and object. The state of a snapshot is written after it by the caller. */
export function encodeRequest(request: RaftRequest): Buffer {
  const { type, request: codec } = RPCS[request.rpc];
  return written((writer) => {
    // A type byte is a small integer of msgpack.
    writer.int(type);
    codec.encode(writer, request.body);
  });
}

/** Error text and object; `null` writes the nil that accompanies an error. */
export function encodeResponse(error: string, response: RaftResponse | null): Buffer {
  return written((writer) => {
    writer.string(error);
    if (response === null) writer.nil();
    else RPCS[response.rpc].response.encode(writer, response.body);
  });
}

export interface RequestListener {
  /** One request. After `install-snapshot`, `Size` bytes go to `state` before the next request. */
  request(request: RaftRequest): void;
  /** A piece of a snapshot's state; `left` bytes of it are still to come. */
  state(chunk: Uint8Array, left: number): void;
  /** Foreign bytes: the connection must be closed without an answer. Nothing follows. */
  failed(reason: string): void;
}

/** The receiving side of a connection that a peer has opened. */
export class RequestParser {
  readonly #listener: RequestListener;
  #splitter: ValueSplitter;
  #rpc: RaftRpc | undefined;
  #stateLeft = 0;
  #failed = false;

  constructor(listener: RequestListener) {
    this.#listener = listener;
    this.#splitter = this.#newSplitter();
  }

  feed(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#failed) {
      if (this.#stateLeft > 0) {
        const taken = rest.subarray(0, Math.min(this.#stateLeft, rest.length));
        this.#stateLeft -= taken.length;
        rest = rest.subarray(taken.length);
        this.#listener.state(taken, this.#stateLeft);
      } else {
        this.#splitter.feed(rest);
        if (this.#stateLeft === 0) return;
        rest = this.#splitter.takeRest();
        this.#splitter = this.#newSplitter();
      }
    }
  }

  #newSplitter(): ValueSplitter {
    const listener = {
      value: (bytes: Buffer) => this.#value(bytes),
      failed: (reason: ValueFailure) => this.#fail(reason),
    };
    return new ValueSplitter(listener, MESSAGE_BYTES_MAX);
  }

  /** False stops the splitter: what follows is not msgpack, or the connection is lost. */
  #value(bytes: Buffer): boolean {
    if (this.#failed) return false;
    if (this.#rpc === undefined) {
      const type = bytes[0] as number;
      this.#rpc = bytes.length === 1 ? RPC_BY_TYPE[type] : undefined;
      if (this.#rpc === undefined) this.#fail(`unknown request type ${type}`);
      return !this.#failed;
    }
    return this.#body(this.#rpc, bytes);
  }

  #body(rpc: RaftRpc, bytes: Buffer): boolean {
    this.#rpc = undefined;
    const decoded = tryDecode(RPCS[rpc].request, bytes);
    if (!decoded.ok) {
      this.#fail(`${rpc}: ${decoded.text}`);
      return false;
    }
    const request = { rpc, body: decoded.value } as RaftRequest;
    if (request.rpc === 'install-snapshot') {
      if (request.body.Size < 0) {
        this.#fail(`snapshot of ${request.body.Size} bytes`);
        return false;
      }
      this.#stateLeft = request.body.Size;
    }
    this.#listener.request(request);
    return this.#stateLeft === 0;
  }

  #fail(reason: string): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#listener.failed(reason);
  }
}

export interface ResponseListener {
  /** The answer to the oldest request: its object, or the peer's error text. */
  response(rpc: RaftRpc, error: string, body: RaftResponse['body'] | null): void;
  /** Foreign bytes, or an answer to nothing: the connection must be closed. Nothing follows. */
  failed(reason: string): void;
}

/** The receiving side of a connection that we have opened. */
export class ResponseParser {
  readonly #listener: ResponseListener;
  readonly #splitter: ValueSplitter;
  readonly #expected: RaftRpc[] = [];
  #error: string | undefined;
  #failed = false;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
    this.#splitter = new ValueSplitter(
      {
        value: (bytes) => this.#value(bytes),
        failed: (reason) => this.#fail(reason),
      },
      MESSAGE_BYTES_MAX,
    );
  }

  /** A request was sent; its answer comes after those of the requests before. */
  expect(rpc: RaftRpc): void {
    this.#expected.push(rpc);
  }

  feed(chunk: Uint8Array): void {
    this.#splitter.feed(chunk);
  }

  #value(bytes: Buffer): boolean {
    if (this.#failed) return false;
    if (this.#error === undefined) this.#errorText(bytes);
    else this.#object(this.#error, bytes);
    return !this.#failed;
  }

  #errorText(bytes: Buffer): void {
    if (bytes.length === 1 && bytes[0] === EMPTY_TEXT) {
      this.#error = '';
      return;
    }
    const decoded = tryDecode(str, bytes);
    if (decoded.ok) this.#error = decoded.value;
    else this.#fail(`error text: ${decoded.text}`);
  }

  #object(error: string, bytes: Buffer): void {
    this.#error = undefined;
    const rpc = this.#expected.shift();
    if (rpc === undefined) {
      this.#fail('an answer to no request');
      return;
    }
    if (bytes.length === 1 && bytes[0] === 0xc0) {
      this.#listener.response(rpc, error, null);
      return;
    }
    const decoded = tryDecode(RPCS[rpc].response, bytes);
    if (decoded.ok) this.#listener.response(rpc, error, decoded.value);
    else this.#fail(`answer to ${rpc}: ${decoded.text}`);
  }

  #fail(reason: string): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#listener.failed(reason);
  }
}
