/** Dials the gossip port of a server of another datacenter, through a mesh gateway. */

import {
  dialThroughGateway,
  type GatewayPicker,
  type GatewayStream,
  HANDSHAKE_TIMEOUT_MS,
} from '../rpc/gateway-dial.ts';
import type { TlsConfigurator } from '../tls/configurator.ts';
import type { Network } from '../world/world.ts';
import type { WanName } from './wan-name.ts';

/** ALPN protocols of gossip between datacenters (Consul 1.8). */
export const PACKET_ALPN = 'consul/wan-gossip/packet';
export const STREAM_ALPN = 'consul/wan-gossip/stream';

export interface WanfedDialOptions {
  readonly network: Network;
  readonly tls: TlsConfigurator;
  readonly picker: GatewayPicker;
}

/** Rejects as `dialThroughGateway` does, and when this server has no certificate to show. */
export async function dialWanfed(
  { network, tls, picker }: WanfedDialOptions,
  target: WanName,
  alpn: string,
): Promise<GatewayStream> {
  if (!tls.mutualTlsCapable()) {
    throw new Error('wanfed: cannot dial via a mesh gateway when outgoing TLS is disabled');
  }
  const settings = tls.outgoingAlpn({ ...target, alpn }, HANDSHAKE_TIMEOUT_MS);
  return dialThroughGateway(network, picker, target.datacenter, settings);
}
