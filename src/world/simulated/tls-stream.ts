/** Records of logical TLS, and the stream of bytes that they carry after the handshake. */

import { TlsError } from '../errors.ts';
import type { ByteStream, StreamListener, TlsFacts } from '../world.ts';

export const ALERT = 21;
export const HANDSHAKE = 22;
const DATA = 23;

/** Record payload limit (RFC 8446 5.1). */
const RECORD_MAX_BYTES = 16_384;

const MASK = 0xa5;

const CLOSE_NOTIFY = 0;
export const BAD_CERTIFICATE = 42;
const PROTOCOL_VERSION = 70;
export const CERTIFICATE_REQUIRED = 116;
export const NO_APPLICATION_PROTOCOL = 120;

export function record(type: number, payload: Uint8Array): Uint8Array {
  const whole = new Uint8Array(5 + payload.length);
  whole.set([type, 3, 3, payload.length >> 8, payload.length & 0xff]);
  whole.set(payload, 5);
  return whole;
}

export const alertRecord = (code: number): Uint8Array =>
  record(ALERT, Uint8Array.of(code === CLOSE_NOTIFY ? 1 : 2, code));

export function alertError(code: number): TlsError {
  if (code === CERTIFICATE_REQUIRED) {
    return new TlsError('refused', 'tls: remote error: certificate required');
  }
  if (code === BAD_CERTIFICATE) {
    return new TlsError('refused', 'tls: remote error: bad certificate');
  }
  if (code === NO_APPLICATION_PROTOCOL) {
    return new TlsError('no-protocol', 'tls: remote error: no application protocol');
  }
  if (code === PROTOCOL_VERSION) {
    return new TlsError('no-version', 'tls: remote error: protocol version not supported');
  }
  return new TlsError('other', `tls: remote error: alert ${code}`);
}

/** Cuts a stream of bytes into records. */
export class RecordReader {
  #held: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): void {
    if (this.#held.length === 0) this.#held = chunk;
    else {
      const joined = new Uint8Array(this.#held.length + chunk.length);
      joined.set(this.#held);
      joined.set(chunk, this.#held.length);
      this.#held = joined;
    }
  }

  /** The next whole record; null when more bytes are needed, 'not-tls' when it cannot be one. */
  next(): { readonly type: number; readonly payload: Uint8Array } | null | 'not-tls' {
    const held = this.#held;
    const type = held[0];
    if (type === undefined) return null;
    if (type < ALERT || type > DATA || (held.length > 1 && held[1] !== 3)) return 'not-tls';
    if (held.length < 5) return null;
    const length = ((held[3] as number) << 8) | (held[4] as number);
    if (held.length < 5 + length) return null;
    this.#held = held.subarray(5 + length);
    return { type, payload: held.subarray(5, 5 + length) };
  }

  /** What was read of the next record. */
  rest(): Uint8Array {
    return this.#held;
  }
}

/** The stream after the handshake. */
export class TlsStream implements ByteStream {
  readonly tls: TlsFacts;
  readonly local: ByteStream['local'];
  readonly remote: ByteStream['remote'];
  readonly #inner: ByteStream;
  readonly #reader = new RecordReader();
  #listener: StreamListener | undefined;
  #returned: Uint8Array[] = [];
  #paused = false;
  #alert: TlsError | undefined;
  #endTold = false;
  #closing: { readonly error: Error | undefined } | undefined;
  #closedTold = false;
  #innerEnded = false;
  #turnScheduled = false;

  constructor(inner: ByteStream, facts: TlsFacts) {
    this.#inner = inner;
    this.tls = facts;
    this.local = inner.local;
    this.remote = inner.remote;
    inner.listen({
      data: (chunk) => {
        this.#reader.push(chunk);
        this.#scheduleTurn();
      },
      end: () => {
        this.#innerEnded = true;
        this.#scheduleTurn();
      },
      drain: () => this.#listener?.drain?.(),
      closed: (error) => {
        this.#closing = { error: this.#alert ?? error };
        this.#scheduleTurn();
      },
    });
    inner.pause();
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
    this.#paused = false;
    this.#inner.resume();
    this.#scheduleTurn();
  }

  unshift(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#returned.unshift(chunk);
    this.#scheduleTurn();
  }

  write(chunk: Uint8Array): boolean {
    let flowing = true;
    for (let at = 0; at < chunk.length; at += RECORD_MAX_BYTES) {
      flowing = this.#inner.write(record(DATA, masked(chunk.subarray(at, at + RECORD_MAX_BYTES))));
    }
    return flowing;
  }

  end(): void {
    this.#inner.write(alertRecord(CLOSE_NOTIFY));
    this.#inner.end();
  }

  destroy(error?: Error): void {
    this.#inner.destroy(error);
  }

  pause(): void {
    this.#paused = true;
    this.#inner.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#inner.resume();
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    queueMicrotask(() => {
      this.#turnScheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    while (this.#listener && !this.#paused) {
      const chunk = this.#returned.shift() ?? this.#nextData();
      if (!chunk) break;
      this.#listener.data(chunk);
    }
    if (!this.#listener || this.#paused) return;
    if (this.#innerEnded && !this.#endTold && !this.#alert && !this.#closing?.error) {
      this.#endTold = true;
      this.#listener.end?.();
    }
    if (this.#closing && !this.#closedTold) {
      this.#closedTold = true;
      this.#listener.closed?.(this.#closing.error);
    }
  }

  /** The next application bytes; undefined when there are none. */
  #nextData(): Uint8Array | undefined {
    for (;;) {
      const next = this.#reader.next();
      if (next === null) return undefined;
      if (next === 'not-tls') return this.#broken(new TlsError('other', 'tls: bad record'));
      if (next.type === DATA) return masked(next.payload);
      const code = next.payload[1] ?? -1;
      if (next.type === ALERT && code !== CLOSE_NOTIFY) return this.#broken(alertError(code));
    }
  }

  #broken(error: TlsError): undefined {
    this.#alert = error;
    this.#inner.destroy(error);
    return undefined;
  }
}

function masked(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) result[i] = (bytes[i] as number) ^ MASK;
  return result;
}
