/** What the gateway has done since it started. */

export interface GatewayCounters {
  readonly accepted: number;
  readonly active: number;
  readonly proxied: number;
  /** From who connected to where it was led, and back. */
  readonly bytesForward: number;
  readonly bytesBackward: number;
  readonly connectFailures: number;
  /** Connections that were served by another address than the first one tried. */
  readonly failovers: number;
  readonly refused: Readonly<Record<RefusalReason, number>>;
}

export type RefusalReason =
  | 'not TLS'
  | 'not a ClientHello'
  | 'malformed'
  | 'too large'
  | 'timeout'
  | 'gone'
  | 'no name'
  | 'unknown name'
  | 'unreachable'
  | 'too many'
  | 'closing';

export interface MutableCounters {
  accepted: number;
  active: number;
  proxied: number;
  bytesForward: number;
  bytesBackward: number;
  connectFailures: number;
  failovers: number;
  readonly refused: Record<RefusalReason, number>;
}

export function createCounters(): MutableCounters {
  return {
    accepted: 0,
    active: 0,
    proxied: 0,
    bytesForward: 0,
    bytesBackward: 0,
    connectFailures: 0,
    failovers: 0,
    refused: {
      'not TLS': 0,
      'not a ClientHello': 0,
      malformed: 0,
      'too large': 0,
      timeout: 0,
      gone: 0,
      'no name': 0,
      'unknown name': 0,
      unreachable: 0,
      'too many': 0,
      closing: 0,
    },
  };
}
