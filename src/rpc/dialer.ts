/**
 * The one door through which connections to servers leave this program.
 *
 * Within the own datacenter the classic way: TCP, byte 3 and a TLS handshake when outgoing TLS is
 * on, then one byte that says what follows. To another datacenter, when federation goes through
 * mesh gateways: TCP to a gateway, TLS at once with SNI `<node>.server.<dc>.<domain>` and exactly
 * one ALPN protocol, and no byte at all.
 */

import type { TlsConfigurator } from '../tls/configurator.ts';
import type { ByteStream, Endpoint, Network } from '../world/world.ts';
import {
  DIAL_TIMEOUT_MS,
  dialThroughGateway,
  type GatewayPicker,
  HANDSHAKE_TIMEOUT_MS,
} from './gateway-dial.ts';

/** What is spoken on a connection. The byte is the type byte of the classic way. */
export type DialKind = 'rpc-single' | 'raft' | 'rpc-multi' | 'snapshot';

interface KindFacts {
  readonly byte: number;
  readonly alpn: string;
}

/** Type bytes and their ALPN names (Consul 1.8). */
export const DIAL_KINDS: Readonly<Record<DialKind, KindFacts>> = {
  'rpc-single': { byte: 0, alpn: 'consul/rpc-single' },
  raft: { byte: 1, alpn: 'consul/raft' },
  'rpc-multi': { byte: 4, alpn: 'consul/rpc-multi' },
  snapshot: { byte: 5, alpn: 'consul/rpc-snapshot' },
};

/** Type byte: a TLS handshake follows, then a second type byte inside. */
export const TLS_BYTE = 3;

export interface DialTarget {
  readonly datacenter: string;
  /** Node name without the datacenter suffix. */
  readonly node: string;
  /** Used within the own datacenter, and to others when there are no gateways. */
  readonly address: Endpoint;
  readonly kind: DialKind;
}

export interface Dialer {
  /**
   * Connects and says what will be spoken. Rejects with an `Error` whose text is Go's: `dial tcp
   * 127.0.0.1:8300: connect: connection refused`.
   */
  dial(target: DialTarget): Promise<ByteStream>;
}

export interface DialerOptions {
  readonly network: Network;
  readonly datacenter: string;
  readonly role: 'server' | 'client';
  readonly tls: TlsConfigurator;
  /** Present when federation through mesh gateways is on. */
  readonly gateways?: GatewayPicker;
  /** Source address of classic dials; any when absent. */
  readonly sourceAddress?: string;
}

export function createDialer(options: DialerOptions): Dialer {
  return {
    dial(target) {
      if (target.node === '') {
        return Promise.reject(new Error('pool: ConnPool.getNewConn requires a node name'));
      }
      const foreign = target.datacenter !== options.datacenter;
      if (foreign && options.role === 'server' && options.gateways !== undefined) {
        return dialForeign(options, options.gateways, target);
      }
      return dialClassic(options, target);
    },
  };
}

async function dialClassic(options: DialerOptions, target: DialTarget): Promise<ByteStream> {
  const { network, tls, sourceAddress } = options;
  const stream = await network.connectTcp({
    host: target.address.address,
    port: target.address.port,
    timeoutMs: DIAL_TIMEOUT_MS,
    ...(sourceAddress !== undefined && { sourceAddress }),
  });
  const secure = tls.outgoingRpc(target.datacenter, HANDSHAKE_TIMEOUT_MS);
  let ready = stream;
  if (secure !== undefined) {
    stream.write(Uint8Array.of(TLS_BYTE));
    ready = await network.tlsClient(stream, secure);
  }
  ready.write(Uint8Array.of(DIAL_KINDS[target.kind].byte));
  return ready;
}

async function dialForeign(
  { network, tls }: DialerOptions,
  gateways: GatewayPicker,
  { datacenter, node, kind }: DialTarget,
): Promise<ByteStream> {
  const { alpn } = DIAL_KINDS[kind];
  const settings = tls.outgoingAlpn({ datacenter, node, alpn }, HANDSHAKE_TIMEOUT_MS);
  const { stream } = await dialThroughGateway(network, gateways, datacenter, settings);
  return stream;
}
