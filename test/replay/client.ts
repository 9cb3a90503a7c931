/** The HTTP side of a replay: sends a request exactly as recorded and reads the whole answer. */

import { request as httpRequest } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { type ExactJson, parseJsonExactly } from '../../src/cli/exact-json.ts';

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Decompressed. */
  readonly body: Buffer;
  /** The body when it is JSON. */
  readonly json?: ExactJson;
  readonly tookMs: number;
}

export interface Outgoing {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  readonly framing: 'length' | 'chunked';
}

/** An answer that takes longer than this counts as none. */
const ANSWER_TIMEOUT_MS = 120_000;

export function sendRequest(baseUrl: string, outgoing: Outgoing): Promise<Answer> {
  const base = new URL(baseUrl);
  const started = performance.now();
  const headers: Record<string, string> = { ...outgoing.headers };
  const withBody =
    outgoing.method === 'PUT' || outgoing.method === 'POST' || outgoing.body !== null;
  if (outgoing.framing === 'chunked') headers['Transfer-Encoding'] = 'chunked';
  else if (withBody) headers['Content-Length'] = String(outgoing.body?.length ?? 0);
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        host: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port,
        method: outgoing.method,
        path: outgoing.path,
        headers,
        agent: false,
        timeout: ANSWER_TIMEOUT_MS,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve(
            toAnswer(
              response.statusCode ?? 0,
              response.rawHeaders,
              Buffer.concat(chunks),
              performance.now() - started,
            ),
          ),
        );
      },
    );
    sent.on('error', reject);
    sent.on('timeout', () => sent.destroy(new Error(`no answer in ${ANSWER_TIMEOUT_MS} ms`)));
    sent.end(outgoing.body ?? undefined);
  });
}

function toAnswer(
  status: number,
  rawHeaders: readonly string[],
  raw: Buffer,
  tookMs: number,
): Answer {
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    headers.set((rawHeaders[at] as string).toLowerCase(), rawHeaders[at + 1] as string);
  }
  const body = headers.get('content-encoding') === 'gzip' ? gunzipSync(raw) : raw;
  const json = headers.get('content-type') === 'application/json' ? tryJson(body) : undefined;
  return { status, headers, body, tookMs, ...(json !== undefined && { json }) };
}

function tryJson(body: Buffer): ExactJson | undefined {
  try {
    return parseJsonExactly(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
