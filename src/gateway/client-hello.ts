/**
 * Reads the first message of a TLS connection without taking part in it: who is asked for (SNI,
 * RFC 6066) and what is to be spoken (ALPN, RFC 7301). An incremental reader that takes any split of
 * bytes into chunks and of the message into records.
 */

/** Bytes of records until the message is complete at most. Real ones are below 2 KiB. */
export const HELLO_BYTES_MAX = 16 * 1024;

const RECORD_HANDSHAKE = 22;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_CLIENT_HELLO = 1;
const MESSAGE_HEADER_BYTES = 4;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const NAME_TYPE_HOST = 0;
const RANDOM_BYTES = 32;

export interface ClientHello {
  /** Lower case; `null` when none was sent. */
  readonly serverName: string | null;
  readonly alpn: readonly string[];
}

export type HelloRefusal = 'not TLS' | 'not a ClientHello' | 'malformed' | 'too large';

export type HelloOutcome =
  | { readonly state: 'incomplete' }
  | { readonly state: 'complete'; readonly hello: ClientHello }
  | { readonly state: 'refused'; readonly reason: HelloRefusal };

const INCOMPLETE: HelloOutcome = { state: 'incomplete' };

export class ClientHelloReader {
  #buffer = new Uint8Array(1024);
  #length = 0;
  /** Where the next record begins. */
  #recordAt = 0;
  #message = new Uint8Array(0);
  #outcome: HelloOutcome = INCOMPLETE;

  /** Everything pushed so far, to be sent on. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Takes the next bytes. Once it is complete or refused, the outcome stays. */
  push(chunk: Uint8Array): HelloOutcome {
    this.#append(chunk);
    while (this.#outcome.state === 'incomplete') {
      const advanced = this.#takeRecord();
      if (!advanced) break;
    }
    if (this.#outcome.state === 'incomplete' && this.#length >= HELLO_BYTES_MAX) {
      this.#refuse('too large');
    }
    return this.#outcome;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = needed;
  }

  /** True when a whole record was there and more may follow. */
  #takeRecord(): boolean {
    const at = this.#recordAt;
    const available = this.#length - at;
    if (available > 0 && this.#buffer[at] !== RECORD_HANDSHAKE) return this.#refuse('not TLS');
    if (available > 1 && this.#buffer[at + 1] !== 3) return this.#refuse('not TLS');
    if (available < RECORD_HEADER_BYTES) return false;
    const length = uint16(this.#buffer, at + 3);
    if (length === 0) return this.#refuse('malformed');
    if (at + RECORD_HEADER_BYTES + length > HELLO_BYTES_MAX) return this.#refuse('too large');
    if (available < RECORD_HEADER_BYTES + length) return false;
    const start = at + RECORD_HEADER_BYTES;
    this.#recordAt = start + length;
    return this.#takeFragment(this.#buffer.subarray(start, start + length));
  }

  #takeFragment(fragment: Uint8Array): boolean {
    const message = new Uint8Array(this.#message.length + fragment.length);
    message.set(this.#message);
    message.set(fragment, this.#message.length);
    this.#message = message;
    if (message[0] !== MESSAGE_CLIENT_HELLO) return this.#refuse('not a ClientHello');
    if (message.length < MESSAGE_HEADER_BYTES) return true;
    const length = ((message[1] ?? 0) << 16) | uint16(message, 2);
    if (length > HELLO_BYTES_MAX) return this.#refuse('too large');
    if (message.length < MESSAGE_HEADER_BYTES + length) return true;
    const body = message.subarray(MESSAGE_HEADER_BYTES, MESSAGE_HEADER_BYTES + length);
    const hello = readHello(body);
    if (hello === undefined) return this.#refuse('malformed');
    this.#outcome = { state: 'complete', hello };
    return false;
  }

  #refuse(reason: HelloRefusal): false {
    this.#outcome = { state: 'refused', reason };
    return false;
  }
}

/** Fields of a ClientHello (RFC 8446, 4.1.2; the same in TLS 1.2); `undefined` if it is malformed. */
function readHello(body: Uint8Array): ClientHello | undefined {
  const fields = new Fields(body);
  fields.take(2 + RANDOM_BYTES);
  fields.vector(1);
  fields.vector(2);
  fields.vector(1);
  let serverName: string | null = null;
  let alpn: readonly string[] = [];
  // A hello without extensions ends here (TLS 1.2).
  const extensions = new Fields(fields.left > 0 ? fields.vector(2) : new Uint8Array(0));
  while (extensions.ok && extensions.left > 0) {
    const type = uint16(extensions.take(2), 0);
    const content = new Fields(extensions.vector(2));
    if (type === EXTENSION_SERVER_NAME) {
      const name = readServerName(content);
      if (name === undefined) return undefined;
      serverName = name;
    } else if (type === EXTENSION_ALPN) {
      const names = readProtocols(content);
      if (names === undefined) return undefined;
      alpn = names;
    }
  }
  return fields.ok && extensions.ok ? { serverName, alpn } : undefined;
}

function readServerName(content: Fields): string | undefined {
  const list = new Fields(content.vector(2));
  let name: string | undefined;
  while (list.ok && list.left > 0) {
    const type = list.take(1)[0];
    const bytes = list.vector(2);
    if (type === NAME_TYPE_HOST && name === undefined) name = asciiName(bytes);
  }
  return list.ok && content.ok ? name : undefined;
}

function readProtocols(content: Fields): readonly string[] | undefined {
  const list = new Fields(content.vector(2));
  const names: string[] = [];
  while (list.ok && list.left > 0) {
    names.push(Buffer.from(list.vector(1)).toString('latin1'));
  }
  return list.ok && content.ok ? names : undefined;
}

/** Visible ASCII only, so that it can stand in a log line. */
function asciiName(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0 || bytes.some((byte) => byte <= 0x20 || byte >= 0x7f)) return undefined;
  return Buffer.from(bytes).toString('latin1').toLowerCase();
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Reads forward; what is not there makes it not `ok`, and reads as empty from then on. */
class Fields {
  readonly #bytes: Uint8Array;
  #at = 0;
  ok = true;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.ok ? this.#bytes.length - this.#at : 0;
  }

  take(length: number): Uint8Array {
    if (this.left < length) {
      this.ok = false;
      return new Uint8Array(0);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Bytes behind a length of `width` (1 or 2) bytes. */
  vector(width: 1 | 2): Uint8Array {
    const head = this.take(width);
    return this.take(width === 1 ? (head[0] ?? 0) : uint16(head, 0));
  }
}
