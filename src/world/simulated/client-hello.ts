/**
 * The first record of a TLS connection, shaped as a real one (RFC 8446 4.1.2 and 5.1), so that a
 * proxy that chooses by server name can read it.
 */

export interface ClientHello {
  readonly servername: string | null;
  readonly alpn: readonly string[];
  readonly versions: readonly ('TLSv1.2' | 'TLSv1.3')[];
}

const SERVER_NAME = 0;
const SUPPORTED_GROUPS = 10;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;

/** Cipher suites of TLS 1.3 and the usual ECDSA ones of TLS 1.2. */
const CIPHER_SUITES = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c];
const X25519 = 0x001d;

const text = (value: string): number[] => [...new TextEncoder().encode(value)];
const u16 = (value: number): number[] => [value >> 8, value & 0xff];
const vector8 = (content: readonly number[]): number[] => [content.length, ...content];
const vector16 = (content: readonly number[]): number[] => [...u16(content.length), ...content];

/** A whole record. `random` fills the 32 random bytes of the hello. */
export function encodeClientHello(hello: ClientHello, random: Uint8Array): Uint8Array {
  const extension = (type: number, content: readonly number[]): number[] => [
    ...u16(type),
    ...vector16(content),
  ];
  const extensions = [
    ...(hello.servername === null
      ? []
      : extension(SERVER_NAME, vector16([0, ...vector16(text(hello.servername))]))),
    ...extension(SUPPORTED_GROUPS, vector16(u16(X25519))),
    ...(hello.alpn.length === 0
      ? []
      : extension(ALPN, vector16(hello.alpn.flatMap((protocol) => vector8(text(protocol)))))),
    ...extension(
      SUPPORTED_VERSIONS,
      vector8(hello.versions.flatMap((version) => u16(version === 'TLSv1.3' ? 0x0304 : 0x0303))),
    ),
  ];
  const body = [
    ...u16(0x0303),
    ...random.subarray(0, 32),
    ...vector8([]),
    ...vector16(CIPHER_SUITES.flatMap(u16)),
    ...vector8([0]),
    ...vector16(extensions),
  ];
  const handshake = [1, body.length >> 16, ...u16(body.length & 0xffff), ...body];
  return Uint8Array.from([22, ...u16(0x0301), ...vector16(handshake)]);
}

/** Reads the content of a hello record made above. Returns null for anything else. */
export function decodeClientHello(handshake: Uint8Array): ClientHello | null {
  const reader = new Cursor(handshake);
  if (reader.number(1) !== 1) return null;
  reader.skip(3 + 2 + 32);
  reader.skip(reader.number(1));
  reader.skip(reader.number(2));
  reader.skip(reader.number(1));
  const end = reader.number(2) + reader.at;
  const hello = {
    servername: null as string | null,
    alpn: [] as string[],
    versions: [] as string[],
  };
  while (reader.at < end && !reader.failed) {
    const type = reader.number(2);
    const content = new Cursor(reader.take(reader.number(2)));
    if (type === SERVER_NAME) {
      content.skip(3);
      hello.servername = content.text(content.number(2));
    } else if (type === ALPN) {
      content.skip(2);
      while (content.left > 0) hello.alpn.push(content.text(content.number(1)));
    } else if (type === SUPPORTED_VERSIONS) {
      content.skip(1);
      while (content.left > 0) {
        hello.versions.push(content.number(2) === 0x0304 ? 'TLSv1.3' : 'TLSv1.2');
      }
    }
  }
  return reader.failed ? null : (hello as ClientHello);
}

class Cursor {
  at = 0;
  failed = false;
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get left(): number {
    return this.#bytes.length - this.at;
  }
  take(length: number): Uint8Array {
    if (length > this.left) this.failed = true;
    const taken = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    return taken;
  }
  skip(length: number): void {
    this.take(length);
  }
  number(length: number): number {
    return this.take(length).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  text(length: number): string {
    return new TextDecoder().decode(this.take(length));
  }
}
