/**
 * Logical TLS: the messages and decisions of a TLS 1.3 handshake without its cryptography. It works
 * over any stream of bytes, so that it can be proxied; records have their real framing, the first
 * one is a real ClientHello, payloads are masked so that nobody reads them by accident.
 */

import { textOf } from '../../error-text.ts';
import { TlsError, type TlsFailure } from '../errors.ts';
import type {
  ByteStream,
  Clock,
  PeerCertificate,
  Random,
  TlsClientOptions,
  TlsFacts,
  TlsIdentity,
  TlsServerOptions,
} from '../world.ts';
import { type Certificate, readCertificates } from './certificates.ts';
import { decodeClientHello, encodeClientHello } from './client-hello.ts';
import {
  ALERT,
  alertError,
  alertRecord,
  BAD_CERTIFICATE,
  CERTIFICATE_REQUIRED,
  HANDSHAKE,
  NO_APPLICATION_PROTOCOL,
  RecordReader,
  record,
  TlsStream,
} from './tls-stream.ts';

export interface TlsDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/** Handshake message types that carry our JSON. */
const SERVER_HELLO = 2;
const CERTIFICATE = 11;

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
      const words = textOf(cause);
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
