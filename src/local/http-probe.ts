/** One HTTP/1.1 request over a given stream, for health checks: no keep-alive, a bounded answer. */

import type { ByteStream } from '../world/world.ts';

export interface ProbeRequest {
  readonly method: string;
  /** Path with query. */
  readonly target: string;
  /** `host[:port]` unless a header says otherwise. */
  readonly host: string;
  readonly header: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
}

export interface ProbeAnswer {
  readonly status: number;
  /** `200 OK` */
  readonly statusText: string;
  readonly location: string | null;
  /** The last bytes of the body, at most as many as were asked for. */
  readonly body: Buffer;
}

const HEAD_BYTES_MAX = 64 * 1024;
/** More of a body is not read. */
const BODY_BYTES_MAX = 1024 * 1024;

/** Rejects when the stream ends before an answer's head, or talks something else. */
export function probeHttp(
  stream: ByteStream,
  request: ProbeRequest,
  bodyBytesMax: number,
): Promise<ProbeAnswer> {
  return new Promise((resolve, reject) => {
    const reader = new AnswerReader();
    const finish = (): void => {
      stream.destroy();
      const answer = reader.answer(bodyBytesMax);
      if (answer === null) reject(new Error('unexpected end of the answer'));
      else resolve(answer);
    };
    stream.listen({
      data(chunk) {
        try {
          if (reader.take(chunk)) finish();
        } catch (error) {
          stream.destroy();
          reject(error as Error);
        }
      },
      end: finish,
      closed: (error) => (error === undefined ? finish() : reject(error)),
    });
    stream.write(Buffer.from(requestText(request)));
  });
}

function requestText({ method, target, host, header, body }: ProbeRequest): string {
  const given = new Set(Object.keys(header).map((name) => name.toLowerCase()));
  const lines = [`${method} ${target} HTTP/1.1`];
  const add = (name: string, value: string): void => {
    if (!given.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  };
  add('Host', host);
  add('User-Agent', 'Consul Health Check');
  add('Accept', 'text/plain, text/*, */*');
  add('Connection', 'close');
  if (body !== '') add('Content-Length', String(Buffer.byteLength(body)));
  for (const [name, values] of Object.entries(header)) {
    for (const value of values) lines.push(`${name}: ${value.replace(/[\r\n]+/g, ' ')}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

class AnswerReader {
  #bytes: Buffer = Buffer.alloc(0);
  #head: { readonly lines: readonly string[]; readonly end: number } | null = null;

  /** Returns true when the answer is complete, or as much of it as is looked at. */
  take(chunk: Uint8Array): boolean {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#head === null) this.#readHead();
    if (this.#head === null) return false;
    const got = this.#bytes.length - this.#head.end;
    if (got >= BODY_BYTES_MAX) return true;
    const length = this.#header('content-length');
    if (length !== null) return got >= Number(length);
    return this.#isChunked() && this.#bytes.subarray(this.#head.end).includes('\r\n0\r\n');
  }

  answer(bodyBytesMax: number): ProbeAnswer | null {
    if (this.#head === null) return null;
    const [line = ''] = this.#head.lines;
    const found = /^HTTP\/1\.[01] (\d{3})(.*)$/.exec(line);
    if (found === null) return null;
    const raw = this.#bytes.subarray(this.#head.end);
    const body = this.#isChunked() ? unchunked(raw) : raw;
    return {
      status: Number(found[1]),
      statusText: `${found[1]}${found[2]}`.trimEnd(),
      location: this.#header('location'),
      body: body.subarray(Math.max(body.length - bodyBytesMax, 0)),
    };
  }

  #readHead(): void {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end >= 0) {
      const lines = this.#bytes.subarray(0, end).toString('latin1').split('\r\n');
      if (!lines[0]?.startsWith('HTTP/1.')) throw new Error('malformed HTTP response');
      this.#head = { lines, end: end + 4 };
    } else if (this.#bytes.length > HEAD_BYTES_MAX) {
      throw new Error('malformed HTTP response: headers are too long');
    }
  }

  #header(name: string): string | null {
    const prefix = `${name}:`;
    const line = this.#head?.lines.find((one) => one.toLowerCase().startsWith(prefix));
    return line === undefined ? null : line.slice(prefix.length).trim();
  }

  #isChunked(): boolean {
    return /chunked/i.test(this.#header('transfer-encoding') ?? '');
  }
}

function unchunked(raw: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = raw.indexOf('\r\n', at);
    if (lineEnd < 0) break;
    const size = Number.parseInt(raw.subarray(at, lineEnd).toString('latin1'), 16);
    if (!(size > 0)) break;
    parts.push(raw.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
