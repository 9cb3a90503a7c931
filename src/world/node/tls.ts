/** TLS over an open stream, both sides, with failures told apart. */

import { isIP, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  type DetailedPeerCertificate,
  type PeerCertificate as NodePeerCertificate,
  type SecureContext,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { textOf } from '../../error-text.ts';
import { codeOf, systemErrorFrom, TlsError, type TlsFailure } from '../errors.ts';
import type {
  ByteStream,
  PeerCertificate,
  TlsClientOptions,
  TlsFacts,
  TlsServerOptions,
} from '../world.ts';
import { NodeStream, takeSocket } from './stream.ts';

/** Parsed identities kept, by their texts; parsing one costs about as much as a handshake. */
const CONTEXTS_MAX = 32;

/** Certificates from a leaf to its root; no chain that verifies is longer. */
const CHAIN_MAX = 100;

/** Idle server contexts kept for each set of options. */
const IDLE_SERVERS_MAX = 8;

/** Runs the client side. Rejects with a `TlsError`. */
export async function tlsClient(
  contexts: TlsContexts,
  stream: ByteStream,
  options: TlsClientOptions,
): Promise<ByteStream> {
  const context = contexts.client(options, stream);
  const servername = options.servername ?? '';
  const socket = connect({
    socket: takeForHandshake(stream),
    secureContext: context,
    // Verified below, so that each failure has its own name.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    minVersion: options.minVersion,
    // RFC 6066 3: a literal address is not sent as server name.
    ...(servername !== '' && isIP(servername) === 0 ? { servername } : {}),
    ...(options.alpn ? { ALPNProtocols: [...options.alpn] } : {}),
  });
  await handshake(socket, 'secureConnect', options.handshakeTimeoutMs);
  socket.allowHalfOpen = true;
  const refusal = options.verify === 'none' ? undefined : serverRefusal(socket, options);
  if (refusal) {
    socket.destroy();
    throw refusal;
  }
  return new NodeStream(socket, {
    tls: factsOf(socket, options.servername ?? null, options.verify !== 'none'),
    readError: readLateError,
  });
}

/** Runs the server side. Rejects with a `TlsError`. */
export async function tlsServer(
  contexts: TlsContexts,
  stream: ByteStream,
  options: TlsServerOptions,
): Promise<ByteStream> {
  const server = contexts.borrowServer(options, stream);
  const outcome = await accept(server, takeForHandshake(stream), options.handshakeTimeoutMs);
  if (!(outcome instanceof TlsError)) {
    contexts.returnServer(options, server);
    outcome.allowHalfOpen = true;
    const servername = typeof outcome.servername === 'string' ? outcome.servername : null;
    return new NodeStream(outcome, {
      tls: factsOf(outcome, servername, options.clientCertificate === 'require'),
      readError: readLateError,
    });
  }
  // After a timeout the server may still report the dead handshake: it is not used again.
  if (outcome.failure !== 'timeout') contexts.returnServer(options, server);
  throw outcome;
}

/** A peer that goes away in the middle of a handshake ends it: no half-open streams until then. */
function takeForHandshake(stream: ByteStream): Socket {
  const socket = takeSocket(stream);
  socket.allowHalfOpen = false;
  return socket;
}

/** Parsed identities, and servers that each run one handshake at a time. */
export class TlsContexts {
  readonly #clients = new Map<string, SecureContext>();
  readonly #servers = new Map<string, Server[]>();

  client(options: TlsClientOptions, stream: ByteStream): SecureContext {
    const key = [...options.caPem, options.identity?.certPem, options.identity?.keyPem].join('|');
    return remember(this.#clients, `${options.minVersion}|${key}`, () =>
      orBadIdentity(stream, () =>
        createSecureContext({
          ca: [...options.caPem],
          minVersion: options.minVersion,
          ...(options.identity
            ? { cert: options.identity.certPem, key: options.identity.keyPem }
            : {}),
        }),
      ),
    );
  }

  borrowServer(options: TlsServerOptions, stream: ByteStream): Server {
    const idle = this.#servers.get(serverKey(options))?.pop();
    if (idle) return idle;
    return orBadIdentity(stream, () =>
      createServer({
        ca: [...options.caPem],
        cert: options.identity.certPem,
        key: options.identity.keyPem,
        requestCert: options.clientCertificate === 'require',
        rejectUnauthorized: options.clientCertificate === 'require',
        minVersion: options.minVersion,
        ...(options.alpn ? { ALPNProtocols: [...options.alpn] } : {}),
      }),
    );
  }

  returnServer(options: TlsServerOptions, server: Server): void {
    const idle = remember(this.#servers, serverKey(options), () => []);
    if (idle.length < IDLE_SERVERS_MAX) idle.push(server);
  }
}

function serverKey(options: TlsServerOptions): string {
  const { identity, alpn, minVersion, clientCertificate } = options;
  const texts = [...options.caPem, identity.certPem, identity.keyPem];
  return [minVersion, clientCertificate, alpn?.join(',') ?? '-', ...texts].join('|');
}

/** The value kept for `key`, made when missing; the oldest is forgotten beyond the limit. */
function remember<T>(kept: Map<string, T>, key: string, make: () => T): T {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = make();
  kept.set(key, made);
  const oldest = kept.keys().next().value;
  if (kept.size > CONTEXTS_MAX && oldest !== undefined) kept.delete(oldest);
  return made;
}

function orBadIdentity<T>(stream: ByteStream, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    stream.destroy();
    const words = textOf(cause);
    throw new TlsError('bad-identity', `tls: cannot use the configured certificates: ${words}`, {
      cause,
    });
  }
}

function accept(server: Server, socket: Socket, timeoutMs: number): Promise<TLSSocket | TlsError> {
  return new Promise((resolve) => {
    const settle = (outcome: TLSSocket | TlsError): void => {
      clearTimeout(timer);
      server.removeAllListeners('secureConnection');
      server.removeAllListeners('tlsClientError');
      if (outcome instanceof TlsError) socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => settle(timeoutError(timeoutMs)), timeoutMs);
    server.once('secureConnection', settle);
    server.once('tlsClientError', (error: Error, secure: TLSSocket) =>
      settle(clientRefusal(secure) ?? readTlsError(error, 'handshake')),
    );
    server.emit('connection', socket);
  });
}

function handshake(socket: TLSSocket, success: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      socket.off(success, succeeded);
      socket.off('error', failed);
      socket.off('close', closed);
      outcome();
    };
    const refuse = (error: TlsError): void =>
      settle(() => {
        socket.on('error', () => {});
        socket.destroy();
        reject(error);
      });
    const succeeded = (): void => settle(resolve);
    const failed = (error: Error): void => refuse(readTlsError(error, 'handshake'));
    const closed = (): void => refuse(new TlsError('closed', 'tls: handshake: EOF'));
    const timer = setTimeout(() => refuse(timeoutError(timeoutMs)), timeoutMs);
    socket.once(success, succeeded);
    socket.once('error', failed);
    socket.once('close', closed);
  });
}

function timeoutError(timeoutMs: number): TlsError {
  return new TlsError('timeout', `tls: handshake: i/o timeout after ${timeoutMs} ms`);
}

/** Why the client does not accept the server's certificate. */
function serverRefusal(socket: TLSSocket, options: TlsClientOptions): TlsError | undefined {
  if (!socket.authorized) return chainRefusal(socket, 'server');
  if (options.verify !== 'name') return undefined;
  const certificate = socket.getPeerCertificate();
  const mismatch = checkServerIdentity(options.servername ?? '', certificate);
  if (!mismatch) return undefined;
  const names = certificate.subjectaltname ?? `CN ${commonNameOf(certificate)}`;
  return new TlsError(
    'name-mismatch',
    `x509: certificate is valid for ${names.replaceAll('DNS:', '')}, not ${options.servername ?? ''}`,
    { cause: mismatch },
  );
}

/** Why the server does not accept the client's certificate; undefined when that is not the reason. */
function clientRefusal(socket: TLSSocket): TlsError | undefined {
  return socket.authorizationError ? chainRefusal(socket, 'client') : undefined;
}

const EXPIRED_CODES: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

function chainRefusal(socket: TLSSocket, peer: 'client' | 'server'): TlsError {
  const code = String(socket.authorizationError);
  const subject = commonNameOf(socket.getPeerCertificate()) || 'without name';
  if (EXPIRED_CODES.has(code)) {
    return new TlsError(
      'expired',
      `x509: certificate ${subject} of the ${peer} has expired or is not yet valid`,
    );
  }
  return new TlsError(
    'untrusted',
    `x509: certificate ${subject} of the ${peer} is signed by unknown authority (${code})`,
  );
}

const FAILURES: readonly (readonly [RegExp, TlsFailure, string])[] = [
  [/DID_NOT_RETURN_A_CERTIFICATE/, 'no-certificate', "client didn't provide a certificate"],
  [/CERTIFICATE_REQUIRED/, 'refused', 'remote error: certificate required'],
  [
    /ALERT_(BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_\w+)/,
    'refused',
    'remote error: bad certificate',
  ],
  [/NO_APPLICATION_PROTOCOL/, 'no-protocol', 'no application protocol'],
  [
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|VERSION_TOO_LOW/,
    'no-version',
    'protocol version not supported',
  ],
  [
    /WRONG_VERSION_NUMBER|HTTP_REQUEST|BAD_RECORD_TYPE|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG/,
    'not-tls',
    'first record does not look like a TLS handshake',
  ],
  [/ECONNRESET|EPIPE/, 'closed', 'connection reset by peer'],
];

function readTlsError(error: Error, during: string): TlsError {
  const code = 'code' in error ? String(error.code) : '';
  const all = `${code} ${error.message.toUpperCase().replaceAll(' ', '_')}`;
  const known = FAILURES.find(([pattern]) => pattern.test(all));
  if (!known) {
    // OpenSSL's reason is two words; its message has addresses and source lines in it.
    const words = 'reason' in error ? String(error.reason) : error.message;
    return new TlsError('other', `tls: ${during}: ${words}`, { cause: error });
  }
  return new TlsError(known[1], `tls: ${during}: ${known[2]}`, { cause: error });
}

function readLateError(error: Error): Error {
  const code = codeOf(error) ?? '';
  // Node's own codes of the TLS library begin so; the rest are the system's.
  if (!code.startsWith('ERR_')) return systemErrorFrom(error, 'tls');
  return readTlsError(error, 'after the handshake');
}

function factsOf(socket: TLSSocket, servername: string | null, verified: boolean): TlsFacts {
  const peer = verified ? peerOf(socket) : undefined;
  return {
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null,
    servername,
    ...(peer ? { peer } : {}),
  };
}

function peerOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate(true);
  if (!certificate.fingerprint256) return undefined;
  const names = certificate.subjectaltname?.split(', ') ?? [];
  return {
    commonName: commonNameOf(certificate),
    dnsNames: names.filter((name) => name.startsWith('DNS:')).map((name) => name.slice(4)),
    fingerprint: hexOf(certificate),
    rootFingerprint: hexOf(rootOf(certificate)),
    extendedKeyUsage: certificate.ext_key_usage ?? [],
  };
}

function hexOf({ fingerprint256 }: NodePeerCertificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The last of a verified chain, which names itself as its issuer. */
function rootOf(certificate: DetailedPeerCertificate): NodePeerCertificate {
  let last = certificate;
  for (let depth = 0; depth < CHAIN_MAX; depth += 1) {
    const issuer: DetailedPeerCertificate | undefined = last.issuerCertificate;
    if (issuer === undefined || issuer === last) break;
    last = issuer;
  }
  return last;
}

/** Of no certificate, or of a socket that is gone already (`null`), there is no name. */
function commonNameOf(certificate: NodePeerCertificate | null): string {
  const name: string | readonly string[] | undefined = certificate?.subject?.CN;
  return (typeof name === 'string' ? name : name?.[0]) ?? '';
}
