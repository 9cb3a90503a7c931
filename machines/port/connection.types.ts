/** Messages and context of one connection to the server port. */

/** What is spoken on a connection once it is sorted. */
export type PortProtocol =
  | 'rpc-single'
  | 'raft'
  | 'rpc-multi'
  | 'rpc-insecure'
  | 'snapshot'
  | 'gossip-packet'
  | 'gossip-stream';

/** What came before a handshake: type byte 3, nothing, or type byte 7. */
export type TlsMode = 'type byte' | 'native' | 'insecure';

/** What the server's TLS material and settings allow; fixed for the life of the connection. */
export interface PortRules {
  /** A CA pool and an own certificate: a ClientHello is then taken without a byte in front. */
  readonly nativeTls: boolean;
  /** There is a certificate to serve type bytes 3 and 7 with. */
  readonly typeByteTls: boolean;
  /** Connections must be TLS (`verify_incoming`). */
  readonly refusesPlaintext: boolean;
  /** Gossip of other datacenters is wanted: federation goes through mesh gateways. */
  readonly takesGossip: boolean;
  /** Connections of one client; 0 is no limit. */
  readonly perClientMax: number;
}

export interface ConnectionInput {
  readonly id: number;
  readonly rules: PortRules;
}

export interface ConnectionContext extends ConnectionInput {
  readonly protocol: PortProtocol | null;
  /** Why the connection is refused; '' as long as it is not. */
  readonly reason: string;
}

export type ConnectionEvent =
  | {
      readonly type: 'byte.seen';
      readonly byte: number;
      /** Connections that the same address has handed over and open. */
      readonly fromSameClient: number;
      /** Inside TLS: why the peer may not speak raft. */
      readonly raftRefusal?: string;
    }
  | {
      readonly type: 'tls.established';
      readonly alpn: string | null;
      /** Connections that the same certificate has handed over and open; or address, without one. */
      readonly fromSameClient: number;
      readonly raftRefusal?: string;
    }
  | { readonly type: 'tls.failed'; readonly text: string }
  | { readonly type: 'deadline.passed' }
  | { readonly type: 'peer.left' };
