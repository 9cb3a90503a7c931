/** Exchanges that have a connection of their own: one call, or one snapshot. */

import { textOf } from '../../error-text.ts';
import { SnapshotRequest, SnapshotResponse } from '../../model/operator.ts';
import { decode, encode, tryDecode } from '../../wire/msgpack/schema.ts';
import { encodeRequest } from '../../wire/rpc/headers.ts';
import { ValueSplitter } from '../../wire/rpc/values.ts';
import type { ByteStream, Clock } from '../../world/world.ts';
import { WritePace } from '../../world/write-pace.ts';
import type { Dialer } from '../dialer.ts';
import { FAILED_TO_GET_CONN, GETTING_CLIENT, MAKING_CALL, STREAM_EOF } from '../errors.ts';
import { RpcError, type RpcMethod } from '../method.ts';
import type { RpcServerEntry } from '../router-view.ts';
import { CallStream } from './call-stream.ts';
import { CLIENT_TIMEOUT_MS } from './pool.ts';

/** One call on a connection of its own (type byte 0). Rejects as the pool does. */
export async function callOnce<Request, Reply>(
  deps: { readonly dialer: Dialer; readonly clock: Clock },
  server: RpcServerEntry,
  method: RpcMethod<Request, Reply>,
  request: Request,
): Promise<Reply> {
  const connection = await dialTo(deps.dialer, server, 'rpc-single');
  try {
    return await exchangeOnce(connection, deps.clock, method, request);
  } catch (error) {
    throw new RpcError(`${MAKING_CALL}${textOf(error)}`, { cause: error });
  }
}

/** One call on a connection that is there; closes it. Rejects with what the peer answered. */
export async function exchangeOnce<Request, Reply>(
  connection: ByteStream,
  clock: Clock,
  method: RpcMethod<Request, Reply>,
  request: Request,
): Promise<Reply> {
  const stream = new CallStream(connection);
  const timer = clock.setTimeout(
    () => stream.abandon(new Error('i/o deadline reached')),
    CLIENT_TIMEOUT_MS,
  );
  try {
    const header = { ServiceMethod: method.name, Seq: 1 };
    const answer = await stream.exchange(encodeRequest(header, encode(method.request, request)));
    if (answer.error !== '') throw new Error(answer.error);
    return decode(method.reply, answer.body);
  } finally {
    clock.clearTimeout(timer);
    connection.destroy();
  }
}

/** The answer to a snapshot request, and the connection with the archive that follows it. */
export interface SnapshotAnswer {
  readonly response: SnapshotResponse;
  /** For a save: the archive, until the stream ends. Its owner must listen or destroy it. */
  readonly archive: ByteStream;
}

/**
 * Asks for a snapshot, or hands one in (`archive`). The request, then the archive, then a half-close;
 * the answer is one value, and for a save the archive. Resolves with the answer, error text included;
 * rejects when there was none.
 */
export async function exchangeSnapshot(
  dialer: Dialer,
  server: RpcServerEntry,
  request: SnapshotRequest,
  archive?: AsyncIterable<Uint8Array>,
): Promise<SnapshotAnswer> {
  const connection = await dialTo(dialer, server, 'snapshot');
  const exchange = new SnapshotExchange(connection);
  connection.write(encode(SnapshotRequest, request));
  if (archive !== undefined) await exchange.send(archive);
  connection.end();
  return { response: await exchange.answer, archive: connection };
}

class SnapshotExchange {
  readonly answer: Promise<SnapshotResponse>;
  readonly #connection: ByteStream;
  readonly #pace = new WritePace();

  constructor(connection: ByteStream) {
    this.#connection = connection;
    this.answer = new Promise((resolve, reject) => this.#listen(resolve, reject));
    // Whoever is still sending learns of a failure when that is done.
    this.answer.catch(() => {});
  }

  /** Sends at the pace of the peer; ends early when the peer has answered or is gone. */
  async send(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      if (this.#pace.over) return;
      if (!this.#connection.write(chunk)) await this.#pace.room();
    }
  }

  #listen(resolve: (response: SnapshotResponse) => void, reject: (error: Error) => void): void {
    const connection = this.#connection;
    const refuse = (text: string): void => {
      this.#pace.end();
      reject(new RpcError(`failed to decode response: ${text}`));
      connection.destroy();
    };
    const splitter = new ValueSplitter({
      value: (bytes) => {
        const response = tryDecode(SnapshotResponse, bytes);
        if (!response.ok) {
          refuse(response.text);
          return false;
        }
        // The archive follows; its owner is not there yet.
        connection.pause();
        this.#pace.end();
        resolve(response.value);
        return false;
      },
      failed: refuse,
    });
    connection.listen({
      data: (chunk) => {
        splitter.feed(chunk);
        if (this.#pace.over) connection.unshift(splitter.takeRest());
      },
      drain: () => this.#pace.drained(),
      end: () => refuse(STREAM_EOF),
      closed: (error) => refuse(error?.message ?? STREAM_EOF),
    });
  }
}

async function dialTo(
  dialer: Dialer,
  server: RpcServerEntry,
  kind: 'rpc-single' | 'snapshot',
): Promise<ByteStream> {
  try {
    return await dialer.dial({ ...server, kind });
  } catch (error) {
    const text = `${GETTING_CLIENT}${FAILED_TO_GET_CONN}${textOf(error)}`;
    throw new RpcError(text, { cause: error });
  }
}
