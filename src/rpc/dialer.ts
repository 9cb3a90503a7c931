/**
 * The one door through which connections to servers leave this program.
 *
 * Within the own datacenter the classic way: TCP, byte 3 and a TLS handshake when outgoing TLS is
 * on, then one byte that says what follows. To another datacenter, when federation goes through
 * mesh gateways: TCP to a gateway, TLS at once with SNI `<node>.server.<dc>.<domain>` and exactly
 * one ALPN protocol, and no byte at all.
 */

import { toError } from '../error-text.ts';
import { splitHostPort } from '../host-port.ts';
import type { TlsConfigurator } from '../tls/configurator.ts';
import type { ByteStream, Endpoint, Network } from '../world/world.ts';
import { NO_REMOTE_SERVER } from './errors.ts';

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
/** Limits of Consul's pool; the handshake limit is ours, Consul has none. */
export const DIAL_TIMEOUT_MS = 10_000;
export const HANDSHAKE_TIMEOUT_MS = 5_000;

export interface DialTarget {
  readonly datacenter: string;
  /** Node name without the datacenter suffix. */
  readonly node: string;
  /** Used within the own datacenter, and to others when there are no gateways. */
  readonly address: Endpoint;
  readonly kind: DialKind;
}

/** Where to find the way to another datacenter: the latest view of the gateway locator. */
export interface GatewayPicker {
  /** `host:port` of a gateway on the way to `datacenter`; `avoid` is one that just failed. */
  pickGateway(datacenter: string, avoid?: string): string | undefined;
  /** Told of a dial that failed at a gateway, so that others are preferred for a while. */
  reportFailure(address: string, error: Error): void;
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
        return dialThroughGateways(options, options.gateways, target);
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

async function dialThroughGateways(
  options: DialerOptions,
  gateways: GatewayPicker,
  target: DialTarget,
): Promise<ByteStream> {
  const tls = options.tls.outgoingAlpn(
    { datacenter: target.datacenter, node: target.node, alpn: DIAL_KINDS[target.kind].alpn },
    HANDSHAKE_TIMEOUT_MS,
  );
  const first = gateways.pickGateway(target.datacenter);
  if (first === undefined || first === '') throw new Error(NO_REMOTE_SERVER);
  try {
    return await dialAlpn(options.network, first, tls);
  } catch (error) {
    gateways.reportFailure(first, toError(error));
    const second = gateways.pickGateway(target.datacenter, first);
    if (second === undefined || second === '' || second === first) throw error;
    return dialSecond(options.network, gateways, second, tls);
  }
}

async function dialSecond(
  network: Network,
  gateways: GatewayPicker,
  address: string,
  tls: Parameters<Network['tlsClient']>[1],
): Promise<ByteStream> {
  try {
    return await dialAlpn(network, address, tls);
  } catch (error) {
    gateways.reportFailure(address, toError(error));
    throw error;
  }
}

/**
 * Dials a gateway at `host:port` and runs the handshake. Also what the gossip between datacenters
 * dials with.
 */
export async function dialAlpn(
  network: Network,
  address: string,
  tls: Parameters<Network['tlsClient']>[1],
): Promise<ByteStream> {
  const { host, port } = splitHostPort(address);
  const stream = await network.connectTcp({ host, port, timeoutMs: DIAL_TIMEOUT_MS });
  return network.tlsClient(stream, tls);
}
