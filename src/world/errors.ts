/**
 * Failures of the network and the disk as values: what was attempted, the system's code, plain words.
 * The texts are those of Go's `net` package, because RPC errors carry them to clients as they are.
 */

import { joinHostPort } from '../host-port.ts';
import type { Endpoint, SystemError } from './world.ts';

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  ECONNABORTED: 'software caused connection abort',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EEXIST: 'file exists',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  EMFILE: 'too many open files',
  EMSGSIZE: 'message too long',
  ENETUNREACH: 'network is unreachable',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENOTFOUND: 'no such host',
  EPIPE: 'broken pipe',
  ETIMEDOUT: 'i/o timeout',
};

class CodedError extends Error implements SystemError {
  override readonly name = 'SystemError';
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** `attempt: words of the code`; `cause` is kept when there is one. */
export function systemError(code: string, attempt: string, cause?: unknown): SystemError {
  const words = WORDS[code] ?? (cause instanceof Error ? cause.message : code);
  return new CodedError(code, `${attempt}: ${words}`, cause === undefined ? {} : { cause });
}

/** The same, with the code taken from what Node threw; `EIO` when it has none. */
export function systemErrorFrom(cause: unknown, attempt: string): SystemError {
  return systemError(codeOf(cause) ?? 'EIO', attempt, cause);
}

/** The system's code of an error: its own, or that of the first of the errors gathered in it. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('errors' in error && Array.isArray(error.errors)) return codeOf(error.errors[0]);
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Why a TLS connection did not come about, or ended. */
export type TlsFailure =
  /** The peer's certificate is not signed by a trusted authority. */
  | 'untrusted'
  /** The peer's certificate is signed by a trusted authority and is not valid now. */
  | 'expired'
  /** The peer's certificate does not name the host that was asked for. */
  | 'name-mismatch'
  /** The peer had to send a certificate and sent none. */
  | 'no-certificate'
  /** The peer refused our certificate, or wanted one and got none. */
  | 'refused'
  /** The two sides share no application protocol. */
  | 'no-protocol'
  /** The two sides share no version or cipher. */
  | 'no-version'
  /** What arrived is not TLS. */
  | 'not-tls'
  /** The peer went away during the handshake. */
  | 'closed'
  /** The handshake took too long. */
  | 'timeout'
  /** The certificate, key or authority that we were given cannot be used. */
  | 'bad-identity'
  /** Anything else; the message has the library's words. */
  | 'other';

/** A failed handshake, or a TLS alert after it. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
  readonly failure: TlsFailure;
  constructor(failure: TlsFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/** `10.0.0.1:8300`, `[2001:db8::1]:8300`. */
export function endpointText(endpoint: Endpoint): string {
  return joinHostPort(endpoint.address, endpoint.port);
}
