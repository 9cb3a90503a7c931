/**
 * What the `verify_*` settings mean for connections in and out: whether TLS is used, which names
 * are asked for and checked, and who may speak raft. The material can be replaced while running
 * (reload); connections made earlier keep what they have.
 */

import { X509Certificate } from 'node:crypto';
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

/** What servers have given to an agent that asked for its certificate. */
export interface GivenMaterial {
  readonly identity?: TlsIdentity;
  /** CAs that the servers were configured with. */
  readonly caPem: readonly string[];
  readonly verifyServerHostname: boolean;
}

const NOTHING_GIVEN: GivenMaterial = { caPem: [], verifyServerHostname: false };

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
  #meshRoots: () => readonly string[] = () => [];
  #given = NOTHING_GIVEN;

  constructor(settings: TlsSettings, material: TlsMaterial) {
    this.#settings = settings;
    this.#material = material;
  }

  /** Replaces certificates; connections made from now on use them. */
  update(material: TlsMaterial): void {
    this.#material = material;
  }

  /**
   * From now on certificates of the mesh's authority are trusted too (`auto_encrypt.allow_tls`), by
   * the PEM texts that `roots` answers at each connection. They never make anybody a server.
   */
  trustMesh(roots: () => readonly string[]): void {
    this.#meshRoots = roots;
  }

  /** Adds to what servers have given. With an own certificate of theirs, every dial is TLS. */
  give(more: Partial<GivenMaterial>): void {
    this.#given = { ...this.#given, ...more };
  }

  /** The certificate that servers have given; `undefined` without one. */
  givenIdentity(): TlsIdentity | undefined {
    return this.#given.identity;
  }

  /** PEM texts of the configured CAs, without those of the mesh. */
  configuredCaPem(): readonly string[] {
    return this.#material.caPem;
  }

  /** Whether dials ask for the name of a server. */
  verifiesServerHostname(): boolean {
    return this.#settings.verifyServerHostname || this.#given.verifyServerHostname;
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
    return this.#withoutAlpn(this.refusesPlaintext() ? 'require' : 'none', handshakeTimeoutMs);
  }

  /** For type byte 7: no client certificate is asked for, whatever the settings say. */
  incomingInsecure(handshakeTimeoutMs: number): TlsServerOptions | undefined {
    return this.#withoutAlpn('none', handshakeTimeoutMs);
  }

  /** For native TLS: mutual whatever the settings say; `undefined` when not capable. */
  incomingAlpn(handshakeTimeoutMs: number): TlsServerOptions | undefined {
    const { caPem, identity } = this.#material;
    if (identity === undefined || caPem.length === 0) return undefined;
    return {
      caPem: this.#trusted(),
      identity,
      clientCertificate: 'require',
      alpn: ALPN_SERVER_ORDER,
      minVersion: this.#settings.minVersion,
      handshakeTimeoutMs,
    };
  }

  /** For a classic dial to a server of `datacenter`; `undefined` means plaintext. */
  outgoingRpc(datacenter: string, handshakeTimeoutMs: number): TlsClientOptions | undefined {
    if (!this.#settings.verifyOutgoing && this.#given.identity === undefined) return undefined;
    const named = this.verifiesServerHostname();
    return {
      ...this.#clientBasis(handshakeTimeoutMs),
      verify: named ? 'name' : 'chain',
      ...(named && { servername: this.serverName(datacenter) }),
    };
  }

  /** For a dial to ask for a certificate. Without any CA the server cannot be verified. */
  outgoingInsecure(datacenter: string, handshakeTimeoutMs: number): TlsClientOptions {
    const named = this.verifiesServerHostname();
    const { identity: _, ...basis } = this.#clientBasis(handshakeTimeoutMs);
    return {
      ...basis,
      verify: named ? 'name' : basis.caPem.length > 0 ? 'chain' : 'none',
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
   * may speak raft. Names in certificates of the mesh are what their owners asked for and prove
   * nothing. Returns why not. Asked only where a client certificate was demanded: on a port
   * that also takes plaintext there is nothing to check.
   */
  raftRefusal(tls: TlsFacts): string | undefined {
    const wanted = this.serverName(this.#settings.datacenter);
    const names = tls.peer?.dnsNames ?? [];
    const usages = tls.peer?.extendedKeyUsage ?? [];
    const named = names.some((name) => name.toLowerCase() === wanted.toLowerCase());
    const proven = this.#isOfConfiguredCa(tls.peer?.rootFingerprint);
    if (named && proven && usages.includes(CLIENT_AUTH_OID)) return undefined;
    return `AuthorizeServerConn failed certificate validation for certificate with a SAN.DNSName of [${names.join(' ')}]`;
  }

  #isOfConfiguredCa(rootFingerprint: string | undefined): boolean {
    // Nobody else is trusted: what was verified is of the configured CAs.
    if (this.#meshRoots().length === 0) return true;
    return this.#material.caPem.some((pem) => fingerprintsOf(pem).includes(rootFingerprint ?? ''));
  }

  #trusted(): readonly string[] {
    return [...this.#material.caPem, ...this.#meshRoots()];
  }

  #withoutAlpn(
    clientCertificate: TlsServerOptions['clientCertificate'],
    handshakeTimeoutMs: number,
  ): TlsServerOptions | undefined {
    const { identity } = this.#material;
    if (identity === undefined) return undefined;
    const { minVersion } = this.#settings;
    return {
      caPem: this.#trusted(),
      identity,
      clientCertificate,
      minVersion,
      handshakeTimeoutMs,
    };
  }

  #clientBasis(handshakeTimeoutMs: number): Omit<TlsClientOptions, 'verify'> {
    const identity = this.#given.identity ?? this.#material.identity;
    return {
      caPem: [...this.#material.caPem, ...this.#given.caPem],
      ...(identity !== undefined && { identity }),
      minVersion: this.#settings.minVersion,
      handshakeTimeoutMs,
    };
  }
}

/** SHA-256 of the certificates in a PEM text, lower-case hex. */
function fingerprintsOf(pem: string): readonly string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) =>
    new X509Certificate(block).fingerprint256.replaceAll(':', '').toLowerCase(),
  );
}
