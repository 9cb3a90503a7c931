/**
 * Logical TLS: the messages and decisions of a TLS 1.3 handshake without its cryptography. It works
 * over any stream of bytes, so that it can be proxied; records have their real framing, the first
 * one is a real ClientHello, payloads are masked so that nobody reads them by accident.
 */

import { TlsError, type TlsFailure } from '../errors.ts';
import type {
  ByteStream,
  Clock,
  PeerCertificate,
  Random,
  StreamListener,
  TlsClientOptions,
  TlsFacts,
  TlsIdentity,
  TlsServerOptions,
} from '../world.ts';
import { type Certificate, readCertificates } from './certificates.ts';
import { decodeClientHello, encodeClientHello } from './client-hello.ts';

export interface TlsDeps {
  readonly clock: Clock;
  readonly random: Random;
}

const ALERT = 21;
const HANDSHAKE = 22;
const DATA = 23;

/** Handshake message types that carry our JSON. */
const SERVER_HELLO = 2;
const CERTIFICATE = 11;

/** Record payload limit (RFC 8446 5.1). */
const RECORD_MAX_BYTES = 16_384;

const MASK = 0xa5;

const CLOSE_NOTIFY = 0;
const BAD_CERTIFICATE = 42;
const PROTOCOL_VERSION = 70;
const CERTIFICATE_REQUIRED = 116;
const NO_APPLICATION_PROTOCOL = 120;

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

interface ServerHello {
  readonly alpn: string | null;
  readonly certPem: string;
  readonly wantsCertificate: boolean;
}

interface CertificateMessage {
  readonly certPem: string | null;
}

export function tlsClient(
  deps: TlsDeps,
  stream: ByteStream,
  options: TlsClientOptions,
): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const side = new Handshake(deps, stream, options.handshakeTimeoutMs, resolve, reject);
    const bad = side.attempt(() => checkIdentity(options.identity, options.caPem));
    if (bad) return;
    side.expect((type, body) => {
      if (type !== SERVER_HELLO) return side.fail('other', 'unexpected message');
      const hello = parse<ServerHello>(body);
      const server = readCertificates(hello.certPem);
      const refusal = refuseServer(server, options, deps.clock.now());
      if (refusal) return side.refuse(BAD_CERTIFICATE, refusal);
      if (hello.wantsCertificate) {
        const certPem = options.identity?.certPem ?? null;
        side.send(CERTIFICATE, { certPem } satisfies CertificateMessage);
      }
      return side.succeed({
        alpn: hello.alpn,
        servername: options.servername ?? null,
        ...(options.verify === 'none' ? {} : { peer: factsOf(server) }),
      });
    });
    const versions = options.minVersion === 'TLSv1.3' ? [] : (['TLSv1.2'] as const);
    const hello = {
      servername: options.servername ?? null,
      alpn: options.alpn ?? [],
      versions: ['TLSv1.3', ...versions] as const,
    };
    stream.write(encodeClientHello(hello, deps.random.bytes(32)));
  });
}

export function tlsServer(
  deps: TlsDeps,
  stream: ByteStream,
  options: TlsServerOptions,
): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const side = new Handshake(deps, stream, options.handshakeTimeoutMs, resolve, reject);
    const bad = side.attempt(() => checkIdentity(options.identity, options.caPem));
    if (bad) return;
    side.expect((_type, body) => {
      const hello = decodeClientHello(body);
      if (!hello) return side.fail('not-tls', 'first record does not look like a TLS handshake');
      const wantsCertificate = options.clientCertificate === 'require';
      const offered = hello.alpn.length > 0 && options.alpn !== undefined;
      const alpn = offered ? options.alpn?.find((p) => hello.alpn.includes(p)) : null;
      if (alpn === undefined) {
        const error = new TlsError('no-protocol', 'tls: handshake: no application protocol');
        return side.refuse(NO_APPLICATION_PROTOCOL, error);
      }
      const facts = { alpn, servername: hello.servername };
      const { certPem } = options.identity;
      side.send(SERVER_HELLO, { alpn, certPem, wantsCertificate } satisfies ServerHello);
      if (!wantsCertificate) return side.succeed(facts);
      return side.expect((_, message) => {
        const { certPem: clientPem } = parse<CertificateMessage>(message);
        if (clientPem === null) {
          const words = "tls: handshake: client didn't provide a certificate";
          return side.refuse(CERTIFICATE_REQUIRED, new TlsError('no-certificate', words));
        }
        const client = readCertificates(clientPem);
        const now = deps.clock.now();
        const refusal = refuseChain(client, options.caPem, CLIENT_AUTH, 'client', now);
        if (refusal) return side.refuse(BAD_CERTIFICATE, refusal);
        return side.succeed({ ...facts, peer: factsOf(client) });
      });
    });
  });
}

function checkIdentity(identity: TlsIdentity | undefined, caPem: readonly string[]): void {
  for (const pem of caPem) readCertificates(pem);
  if (!identity) return;
  const [leaf] = readCertificates(identity.certPem);
  if (!leaf?.hasKey(identity.keyPem)) throw new Error('private key does not match certificate');
}

function refuseServer(
  chain: readonly Certificate[],
  options: TlsClientOptions,
  nowMs: number,
): TlsError | undefined {
  if (options.verify === 'none') return undefined;
  const refusal = refuseChain(chain, options.caPem, SERVER_AUTH, 'server', nowMs);
  if (refusal || options.verify === 'chain') return refusal;
  const servername = options.servername ?? '';
  const [leaf] = chain;
  if (leaf?.isFor(servername)) return undefined;
  const names = leaf?.dnsNames.join(', ') ?? '';
  const words = `x509: certificate is valid for ${names}, not ${servername}`;
  return new TlsError('name-mismatch', words);
}

function refuseChain(
  chain: readonly Certificate[],
  caPem: readonly string[],
  usage: string,
  peer: 'client' | 'server',
  nowMs: number,
): TlsError | undefined {
  const [leaf] = chain;
  if (!leaf) return new TlsError('no-certificate', `x509: the ${peer} sent no certificate`);
  const authorities = caPem.flatMap(readCertificates);
  const signedBy = (certificate: Certificate, depth: number): boolean =>
    authorities.some((authority) => certificate.isSignedBy(authority)) ||
    (depth < chain.length &&
      chain.some((next) => certificate.isSignedBy(next) && signedBy(next, depth + 1)));
  if (!signedBy(leaf, 1)) {
    const words = `x509: certificate ${leaf.commonName} of the ${peer} is signed by unknown authority`;
    return new TlsError('untrusted', words);
  }
  if (nowMs < leaf.validFromMs || nowMs > leaf.validToMs) {
    const words = `x509: certificate ${leaf.commonName} of the ${peer} has expired or is not yet valid`;
    return new TlsError('expired', words);
  }
  if (leaf.extendedKeyUsage.length > 0 && !leaf.extendedKeyUsage.includes(usage)) {
    const words = `x509: certificate ${leaf.commonName} of the ${peer} specifies an incompatible key usage`;
    return new TlsError('untrusted', words);
  }
  return undefined;
}

function factsOf(chain: readonly Certificate[]): PeerCertificate {
  const [leaf] = chain;
  if (!leaf) throw new Error('a verified chain has a certificate');
  const { commonName, dnsNames, fingerprint, extendedKeyUsage } = leaf;
  return { commonName, dnsNames, fingerprint, extendedKeyUsage };
}

function parse<T>(body: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(body.subarray(4))) as T;
}

function record(type: number, payload: Uint8Array): Uint8Array {
  const whole = new Uint8Array(5 + payload.length);
  whole.set([type, 3, 3, payload.length >> 8, payload.length & 0xff]);
  whole.set(payload, 5);
  return whole;
}

const alertRecord = (code: number): Uint8Array =>
  record(ALERT, Uint8Array.of(code === CLOSE_NOTIFY ? 1 : 2, code));

function alertError(code: number): TlsError {
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
class RecordReader {
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

type Expectation = (type: number, body: Uint8Array) => void;

/** One side of a handshake in progress. */
class Handshake {
  readonly #stream: ByteStream;
  readonly #deps: TlsDeps;
  readonly #reader = new RecordReader();
  readonly #resolve: (stream: ByteStream) => void;
  readonly #reject: (error: TlsError) => void;
  readonly #timer: ReturnType<Clock['setTimeout']>;
  #expected: Expectation | undefined;
  #over = false;

  constructor(
    deps: TlsDeps,
    stream: ByteStream,
    timeoutMs: number,
    resolve: (stream: ByteStream) => void,
    reject: (error: TlsError) => void,
  ) {
    this.#deps = deps;
    this.#stream = stream;
    this.#resolve = resolve;
    this.#reject = reject;
    const words = `tls: handshake: i/o timeout after ${timeoutMs} ms`;
    this.#timer = deps.clock.setTimeout(
      () => this.#fail(new TlsError('timeout', words)),
      timeoutMs,
    );
    const closed = (): void =>
      this.#fail(new TlsError('closed', 'tls: handshake: connection reset by peer'));
    stream.listen({ data: (chunk) => this.#read(chunk), end: closed, closed });
  }

  /** Runs `check`; a failure of it ends the handshake. Returns whether it failed. */
  attempt(check: () => void): boolean {
    try {
      check();
      return false;
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause);
      const text = `tls: cannot use the configured certificates: ${words}`;
      this.#fail(new TlsError('bad-identity', text, { cause }));
      return true;
    }
  }

  expect(expected: Expectation): void {
    this.#expected = expected;
  }

  send(type: number, message: ServerHello | CertificateMessage): void {
    const body = new TextEncoder().encode(JSON.stringify(message));
    const payload = new Uint8Array(4 + body.length);
    payload.set([type, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff]);
    payload.set(body, 4);
    this.#stream.write(record(HANDSHAKE, payload));
  }

  fail(failure: TlsFailure, words: string): void {
    this.#fail(new TlsError(failure, `tls: handshake: ${words}`));
  }

  /** Tells the peer why, then fails. */
  refuse(alert: number, error: TlsError): void {
    this.#stream.write(alertRecord(alert));
    this.#stream.end();
    this.#fail(error);
  }

  succeed(facts: TlsFacts): void {
    if (this.#over) return;
    this.#settle();
    const rest = this.#reader.rest();
    this.#stream.pause();
    this.#stream.unshift(rest);
    this.#resolve(new TlsStream(this.#stream, facts));
  }

  #read(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    while (!this.#over) {
      const next = this.#reader.next();
      if (next === null) return;
      if (next === 'not-tls') {
        this.fail('not-tls', 'first record does not look like a TLS handshake');
      } else if (next.type === ALERT) {
        this.#fail(alertError(next.payload[1] ?? -1));
      } else if (next.type === HANDSHAKE) {
        this.#understand(next.payload);
      } else {
        this.fail('other', 'data before the handshake was over');
      }
    }
  }

  #understand(payload: Uint8Array): void {
    try {
      this.#expected?.(payload[0] ?? -1, payload);
    } catch (cause) {
      this.#fail(new TlsError('other', `tls: handshake: ${String(cause)}`, { cause }));
    }
  }

  #fail(error: TlsError): void {
    if (this.#over) return;
    this.#settle();
    this.#stream.destroy();
    this.#reject(error);
  }

  #settle(): void {
    this.#over = true;
    this.#deps.clock.clearTimeout(this.#timer);
  }
}

/** The stream after the handshake. */
class TlsStream implements ByteStream {
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
