/**
 * What the `verify_*` settings mean for connections in and out: whether TLS is used, which names
 * are asked for and checked, and who may speak raft. The material can be replaced while running
 * (reload); connections made earlier keep what they have.
 */

import type { TlsClientOptions, TlsFacts, TlsIdentity, TlsServerOptions } from '../world/world.ts';

export interface TlsSettings {
  readonly datacenter: string;
  /** As configured; a trailing dot is dropped. */
  readonly domain: string;
  readonly verifyIncoming: boolean;
  readonly verifyIncomingRpc: boolean;
  readonly verifyOutgoing: boolean;
  readonly verifyServerHostname: boolean;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** Certificates as PEM texts. */
export interface TlsMaterial {
  readonly caPem: readonly string[];
  readonly identity?: TlsIdentity;
}

/** What a dial by ALPN is for. */
export interface AlpnTarget {
  readonly datacenter: string;
  /** Node name without the datacenter; `*` when it is not known yet (the first WAN join). */
  readonly node: string;
  readonly alpn: string;
}

/** ALPN protocols of the server port, in the server's order of preference (Consul 1.9). */
export const ALPN_SERVER_ORDER = [
  'consul/rpc-single',
  'consul/raft',
  'consul/rpc-multi',
  'consul/rpc-snapshot',
  'consul/rpc-gossip',
  'consul/wan-gossip/packet',
  'consul/wan-gossip/stream',
] as const;

/** Extended key usage: TLS client authentication (RFC 5280, 4.2.1.12). */
const CLIENT_AUTH_OID = '1.3.6.1.5.5.7.3.2';

export class TlsConfigurator {
  readonly #settings: TlsSettings;
  #material: TlsMaterial;

  constructor(settings: TlsSettings, material: TlsMaterial) {
    this.#settings = settings;
    this.#material = material;
  }

  /** Replaces certificates; connections made from now on use them. */
  update(material: TlsMaterial): void {
    this.#material = material;
  }

  /** A CA pool and an own certificate: what native TLS needs, in and out. */
  mutualTlsCapable(): boolean {
    return this.#material.caPem.length > 0 && this.#material.identity !== undefined;
  }

  /** Whether a classic connection must start with TLS. */
  refusesPlaintext(): boolean {
    return this.#settings.verifyIncoming || this.#settings.verifyIncomingRpc;
  }

  /** For type byte 3; `undefined` when there is no certificate to serve. */
  incomingRpc(handshakeTimeoutMs: number): TlsServerOptions | undefined {
    const { caPem, identity } = this.#material;
    if (identity === undefined) return undefined;
    return {
      caPem,
      identity,
      clientCertificate: this.refusesPlaintext() ? 'require' : 'none',
      minVersion: this.#settings.minVersion,
      handshakeTimeoutMs,
    };
  }

  /** For native TLS: mutual whatever the settings say; `undefined` when not capable. */
  incomingAlpn(handshakeTimeoutMs: number): TlsServerOptions | undefined {
    const { caPem, identity } = this.#material;
    if (identity === undefined || caPem.length === 0) return undefined;
    return {
      caPem,
      identity,
      clientCertificate: 'require',
      alpn: ALPN_SERVER_ORDER,
      minVersion: this.#settings.minVersion,
      handshakeTimeoutMs,
    };
  }

  /** For a classic dial to a server of `datacenter`; `undefined` means plaintext. */
  outgoingRpc(datacenter: string, handshakeTimeoutMs: number): TlsClientOptions | undefined {
    if (!this.#settings.verifyOutgoing) return undefined;
    const named = this.#settings.verifyServerHostname;
    return {
      ...this.#clientBasis(handshakeTimeoutMs),
      verify: named ? 'name' : 'chain',
      ...(named && { servername: this.serverName(datacenter) }),
    };
  }

  /** For a dial through a gateway. Throws when it cannot be set up. */
  outgoingAlpn(target: AlpnTarget, handshakeTimeoutMs: number): TlsClientOptions {
    if (!this.mutualTlsCapable()) {
      throw new Error('cannot dial via a mesh gateway when outgoing TLS is disabled');
    }
    if (target.datacenter === '') {
      throw new Error('cannot dial using ALPN-RPC without a target datacenter');
    }
    if (target.node === '') throw new Error('cannot dial using ALPN-RPC without a target node');
    if (target.alpn === '') {
      throw new Error('cannot dial using ALPN-RPC without a target alpn protocol');
    }
    if (target.datacenter === this.#settings.datacenter) {
      throw new Error('cannot dial servers in the same datacenter via a mesh gateway');
    }
    return {
      ...this.#clientBasis(handshakeTimeoutMs),
      verify: 'name',
      servername: this.serverName(target.datacenter, target.node),
      alpn: [target.alpn],
    };
  }

  /** `server.<dc>.<domain>`, or `<node>.server.<dc>.<domain>` for a known node. */
  serverName(datacenter: string, node = '*'): string {
    const name = `server.${datacenter}.${this.#settings.domain.replace(/\.$/, '')}`;
    return node === '*' || node === '' ? name : `${node}.${name}`;
  }

  /**
   * Whether the holder of a connection's certificate is a server of the own datacenter, which alone
   * may speak raft. Returns why not. Asked only where a client certificate was demanded: on a port
   * that also takes plaintext there is nothing to check.
   */
  raftRefusal(tls: TlsFacts): string | undefined {
    const wanted = this.serverName(this.#settings.datacenter);
    const names = tls.peer?.dnsNames ?? [];
    const usages = tls.peer?.extendedKeyUsage ?? [];
    const named = names.some((name) => name.toLowerCase() === wanted.toLowerCase());
    if (named && usages.includes(CLIENT_AUTH_OID)) return undefined;
    return `AuthorizeServerConn failed certificate validation for certificate with a SAN.DNSName of [${names.join(' ')}]`;
  }

  #clientBasis(handshakeTimeoutMs: number): Omit<TlsClientOptions, 'verify'> {
    const { caPem, identity } = this.#material;
    return {
      caPem,
      ...(identity !== undefined && { identity }),
      minVersion: this.#settings.minVersion,
      handshakeTimeoutMs,
    };
  }
}
