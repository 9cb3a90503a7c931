/**
 * The HTTP door: one node:http server on one address. Turns sockets into requests and answers into
 * bytes; everything else is decided by `serveRequest`.
 */

import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import type { Endpoint } from '../world/world.ts';
import { WritePace } from '../world/write-pace.ts';
import { type AnswerStream, type HttpAnswer, HttpError } from './message.ts';
import type { RouteTable } from './router.ts';
import { type RawRequest, type ServeOptions, serveRequest } from './serve.ts';

/** Larger bodies are refused; what has its own limit (KV) is far below. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;
/** As Go's server: a larger header block is answered with 431. */
export const HEADER_BYTES_MAX = 1024 * 1024;
/** Consul's `limits.http_max_conns_per_client`. */
export const CONNECTIONS_PER_CLIENT_MAX = 200;
/** Bodies below this are not worth compressing. */
const GZIP_BYTES_MIN = 1400;
/** Pieces of a stream that wait for a slow client; those beyond are dropped. */
const STREAM_BYTES_MAX = 1024 * 1024;

const TOO_MANY =
  'Your IP is issuing too many concurrent connections, please rate limit your calls\n';

export interface HttpListener {
  readonly endpoint: Endpoint;
  /**
   * Takes no connections any more and lets requests that are under way be answered; those that wait
   * for news are answered at once. Resolves when no connection is left.
   */
  drain(): Promise<void>;
  /** Stops listening and drops all connections. */
  close(): Promise<void>;
}

export interface ListenOptions<Context> extends ServeOptions {
  readonly at: Endpoint;
  readonly table: RouteTable<Context>;
  readonly context: Context;
  readonly connectionsPerClientMax?: number;
}

/** Rejects when the address cannot be used (`EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`). */
export async function listenHttp<Context>(options: ListenOptions<Context>): Promise<HttpListener> {
  const closing = new AbortController();
  // Each of those who wait listens.
  setMaxListeners(0, closing.signal);
  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, keepAlive: true, requestTimeout: 0 },
    (incoming, outgoing) => {
      exchange(incoming, outgoing, closing.signal, options).catch((error) =>
        outgoing.destroy(error as Error),
      );
    },
  );
  const clients = new ClientCount(options.connectionsPerClientMax ?? CONNECTIONS_PER_CLIENT_MAX);
  server.on('connection', (socket: Socket) => clients.admit(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.at.port, options.at.address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  // Once all connections are gone; those without a request are closed at once.
  const closed = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return {
    endpoint: { address: bound.address, port: bound.port },
    drain: () => {
      closing.abort(new Error('the agent is shutting down'));
      return closed();
    },
    close: () => {
      const gone = closed();
      server.closeAllConnections();
      return gone;
    },
  };
}

/** Connections by client address. */
class ClientCount {
  readonly #counts = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  admit(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const count = (this.#counts.get(address) ?? 0) + 1;
    this.#counts.set(address, count);
    socket.once('close', () => {
      const left = (this.#counts.get(address) ?? 1) - 1;
      if (left > 0) this.#counts.set(address, left);
      else this.#counts.delete(address);
    });
    if (count <= this.#max) return;
    const head = `HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: ${TOO_MANY.length}\r\nConnection: close\r\n\r\n`;
    socket.end(head + TOO_MANY);
    socket.destroySoon();
  }
}

async function exchange<Context>(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  closing: AbortSignal,
  options: ListenOptions<Context>,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort(new Error('client disconnected'));
  });
  incoming.on('error', () => gone.abort(new Error('client disconnected')));
  const raw = toRawRequest(incoming, gone.signal, closing);
  const answer = await serveRequest(raw, options.table, options.context, options);
  if (closing.aborted) outgoing.shouldKeepAlive = false;
  if (answer.chunks !== undefined) {
    await writeChunks(outgoing, answer, answer.chunks).catch((error) => {
      // Cut off, it does not look whole to the client. One who left has not asked for a report.
      if (!gone.signal.aborted) options.failed?.(raw, error);
      outgoing.destroy();
    });
    return;
  }
  if (outgoing.destroyed) return;
  await write(incoming, outgoing, closing, answer);
}

function toRawRequest(
  incoming: IncomingMessage,
  signal: AbortSignal,
  closing: AbortSignal,
): RawRequest {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const length = incoming.headers['content-length'];
  let body: Promise<Buffer> | null = null;
  return {
    method: incoming.method ?? 'GET',
    target: incoming.url ?? '/',
    headers,
    remoteAddress: incoming.socket.remoteAddress ?? '',
    signal,
    closing,
    contentLength: length === undefined ? null : Number(length),
    body: () => {
      body ??= readBody(incoming);
      return body;
    },
    // An iterator that is left must not take the connection with it: the answer is still to come.
    chunks: () => incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>,
  };
}

/** By events: an async iterator costs more than all else of a small request. */
function readBody(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const gone = (): void => {
      if (!incoming.readableEnded) reject(new Error('client disconnected'));
    };
    if (incoming.destroyed) gone();
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= BODY_BYTES_MAX) {
        chunks.push(chunk);
        return;
      }
      incoming.off('data', take).pause();
      reject(new HttpError(413, `Request body too large, max size: ${BODY_BYTES_MAX} bytes`));
    };
    incoming.on('data', take);
    incoming.once('end', () => resolve(Buffer.concat(chunks, size)));
    incoming.once('error', reject);
    incoming.once('close', gone);
  });
}

const gzipAsync = promisify<string | Uint8Array, Buffer>(gzip);

function setHead(outgoing: ServerResponse, { status, headers }: HttpAnswer): void {
  outgoing.statusCode = status;
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
  outgoing.setHeader('Vary', 'Accept-Encoding');
}

/** Rejects with what `chunks` throw. They are left when the client is gone. */
async function writeChunks(
  outgoing: ServerResponse,
  answer: HttpAnswer,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  setHead(outgoing, answer);
  const pace = new WritePace();
  outgoing.on('drain', () => pace.drained());
  outgoing.once('close', () => pace.end());
  for await (const chunk of chunks) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await pace.room();
  }
  outgoing.end();
}

async function write(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  closing: AbortSignal,
  answer: HttpAnswer,
): Promise<void> {
  setHead(outgoing, answer);
  if (answer.stream !== undefined) {
    writeOn(incoming, outgoing, closing, answer.stream);
    return;
  }
  const body = answer.body ?? '';
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  if (length >= GZIP_BYTES_MIN && acceptsGzip(incoming)) {
    outgoing.setHeader('Content-Encoding', 'gzip');
    outgoing.end(await gzipAsync(body));
  } else {
    outgoing.setHeader('Content-Length', length);
    // Text goes out in one piece with the headers, bytes behind them.
    outgoing.end(incoming.method === 'HEAD' ? undefined : body);
  }
  // What was not read of the request must not stay in the pipe of a kept connection.
  if (!incoming.complete) incoming.resume();
}

/** Passes on what a stream sends until the client leaves or the door closes, each piece at once. */
function writeOn(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  closing: AbortSignal,
  stream: AnswerStream,
): void {
  const packed = acceptsGzip(incoming) ? createGzip({ flush: constants.Z_SYNC_FLUSH }) : null;
  if (packed !== null) {
    outgoing.setHeader('Content-Encoding', 'gzip');
    packed.pipe(outgoing);
  }
  outgoing.flushHeaders();
  const target = packed ?? outgoing;
  const end = stream((text) => {
    if (outgoing.writableLength + target.writableLength < STREAM_BYTES_MAX) target.write(text);
  });
  const finish = (): void => {
    target.end();
  };
  if (closing.aborted) finish();
  else closing.addEventListener('abort', finish, { once: true });
  outgoing.once('close', () => {
    closing.removeEventListener('abort', finish);
    end();
    packed?.destroy();
  });
}

function acceptsGzip(incoming: IncomingMessage): boolean {
  const accepted = String(incoming.headers['accept-encoding'] ?? '');
  return accepted.split(',').some((one) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$)|$)/.test(one));
}
