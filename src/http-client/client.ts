/**
 * A small HTTP client for the agent's API: what the CLI and the gateway process talk through.
 * The address forms are Consul's: `http://…`, `https://…`, `unix://path`, bare `host:port`.
 */

import http from 'node:http';
import https from 'node:https';
import { WritePace } from '../world/write-pace.ts';

/** Where the agent's API is and how to talk to it. */
export interface AgentAddress {
  readonly url: string;
  readonly token?: string;
  /** PEM texts for `https`. */
  readonly caPem?: string;
  readonly certPem?: string;
  readonly keyPem?: string;
  readonly serverName?: string;
  /** False switches off certificate verification (`CONSUL_HTTP_SSL_VERIFY=false`). */
  readonly verify?: boolean;
}

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Path with query, beginning with `/v1/`. */
  readonly path: string;
  readonly body?: Uint8Array | string;
  readonly signal?: AbortSignal;
  /** Silence of the peer longer than this fails the request; none when omitted. */
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** The agent answered, but not with 2xx. The text is the one Consul's tools print. */
export class UnexpectedStatusError extends Error {
  override readonly name = 'UnexpectedStatusError';
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(`Unexpected response code: ${status} (${body})`);
    this.status = status;
    this.body = body;
  }
}

/** Answers larger than this are refused: nothing the API serves comes near it. */
const BODY_BYTES_MAX = 512 * 1024 * 1024;

export class HttpClient {
  readonly #address: AgentAddress;
  readonly #agent: http.Agent;
  readonly #target: { readonly secure: boolean; readonly options: http.RequestOptions };

  constructor(address: AgentAddress) {
    this.#address = address;
    this.#target = target(address.url);
    this.#agent = this.#target.secure
      ? new https.Agent({ keepAlive: true, ...tlsOptions(address) })
      : new http.Agent({ keepAlive: true });
  }

  /** Sends one request and reads the whole answer, whatever its status. Rejects on I/O errors. */
  request(request: HttpRequest): Promise<HttpAnswer> {
    return this.#exchange(request, collect);
  }

  /**
   * Hands over an answer as it comes, at the pace of `take`, and resolves when it is over. Rejects
   * with an `UnexpectedStatusError` outside 2xx, and with the I/O error when it is cut off.
   */
  async stream(request: HttpRequest, take: (chunk: Buffer) => Promise<void> | void): Promise<void> {
    await this.#exchange(request, async (incoming) => {
      const status = incoming.statusCode ?? 0;
      if (status < 200 || status > 299) {
        const { body } = await collect(incoming);
        throw new UnexpectedStatusError(status, body.toString('utf8'));
      }
      for await (const chunk of incoming as AsyncIterable<Buffer>) await take(chunk);
    });
  }

  /** As `expectOk`, with a body that is sent at the pace of the agent. */
  async upload(
    request: Omit<HttpRequest, 'body'>,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<HttpAnswer> {
    return ok(await this.#exchange(request, collect, chunks));
  }

  #exchange<T>(
    request: HttpRequest,
    read: (incoming: http.IncomingMessage) => Promise<T>,
    chunks?: AsyncIterable<Uint8Array>,
  ): Promise<T> {
    const { promise, resolve, reject } = deferred<T>();
    const outgoing = (this.#target.secure ? https : http).request(
      {
        ...this.#target.options,
        agent: this.#agent,
        method: request.method,
        path: request.path,
        headers: this.#headers(request, chunks !== undefined),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      },
      (incoming) => {
        read(incoming).then(resolve, reject);
      },
    );
    outgoing.on('error', reject);
    if (request.timeoutMs !== undefined) {
      outgoing.setTimeout(request.timeoutMs, () => {
        outgoing.destroy(
          new Error(`no answer from ${this.#address.url} in ${request.timeoutMs} ms`),
        );
      });
    }
    if (chunks === undefined) outgoing.end(request.body);
    else sendChunks(outgoing, chunks).catch(reject);
    return promise;
  }

  /** As `request`, but an answer outside 2xx rejects with an `UnexpectedStatusError`. */
  async expectOk(request: HttpRequest): Promise<HttpAnswer> {
    return ok(await this.request(request));
  }

  /** Closes idle connections; requests under way are not touched. */
  close(): void {
    this.#agent.destroy();
  }

  #headers(request: HttpRequest, chunked: boolean): http.OutgoingHttpHeaders {
    const headers: http.OutgoingHttpHeaders = {};
    if (this.#address.token) headers['X-Consul-Token'] = this.#address.token;
    if (chunked) return headers;
    if (request.body !== undefined) headers['Content-Length'] = Buffer.byteLength(request.body);
    else if (request.method === 'PUT' || request.method === 'POST') headers['Content-Length'] = 0;
    return headers;
  }
}

function ok(answer: HttpAnswer): HttpAnswer {
  if (answer.status >= 200 && answer.status <= 299) return answer;
  throw new UnexpectedStatusError(answer.status, answer.body.toString('utf8'));
}

/** Stops early when the agent has answered already or is gone. Rejects with what `chunks` throw. */
async function sendChunks(
  outgoing: http.ClientRequest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const pace = new WritePace();
  outgoing.on('drain', () => pace.drained());
  for (const end of ['response', 'close'] as const) outgoing.once(end, () => pace.end());
  try {
    for await (const chunk of chunks) {
      if (pace.over) break;
      if (!outgoing.write(chunk)) await pace.room();
    }
    outgoing.end();
  } catch (error) {
    // What was sent so far must not look like all there is.
    outgoing.destroy();
    throw error;
  }
}

function target(url: string): { secure: boolean; options: http.RequestOptions } {
  if (url.startsWith('unix://')) {
    return { secure: false, options: { socketPath: url.slice('unix://'.length) } };
  }
  const parsed = new URL(/^[a-z]+:\/\//.test(url) ? url : `http://${url}`);
  const secure = parsed.protocol === 'https:';
  const port = parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port);
  return {
    secure,
    options: { host: parsed.hostname.replace(/^\[|\]$/g, ''), port },
  };
}

function tlsOptions(address: AgentAddress): https.AgentOptions {
  return {
    ...(address.caPem === undefined ? {} : { ca: address.caPem }),
    ...(address.certPem === undefined ? {} : { cert: address.certPem }),
    ...(address.keyPem === undefined ? {} : { key: address.keyPem }),
    ...(address.serverName === undefined ? {} : { servername: address.serverName }),
    rejectUnauthorized: address.verify ?? true,
  };
}

function collect(incoming: http.IncomingMessage): Promise<HttpAnswer> {
  const { promise, resolve, reject } = deferred<HttpAnswer>();
  const chunks: Buffer[] = [];
  let size = 0;
  incoming.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > BODY_BYTES_MAX)
      incoming.destroy(new Error(`answer exceeds ${BODY_BYTES_MAX} bytes`));
    else chunks.push(chunk);
  });
  incoming.on('error', reject);
  incoming.on('end', () => {
    resolve({
      status: incoming.statusCode ?? 0,
      headers: flatHeaders(incoming.headers),
      body: Buffer.concat(chunks),
    });
  });
  return promise;
}

function flatHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}
