/** Dials a server of another datacenter through a mesh gateway. */

import { toError } from '../error-text.ts';
import { dialAlpn, HANDSHAKE_TIMEOUT_MS } from '../rpc/dialer.ts';
import { NO_REMOTE_SERVER } from '../rpc/errors.ts';
import type { TlsConfigurator } from '../tls/configurator.ts';
import type { ByteStream, Network } from '../world/world.ts';
import type { FailoverPicker } from './gateway-picker.ts';
import type { WanName } from './wan-name.ts';

/** ALPN protocols of gossip between datacenters (Consul 1.8). */
export const PACKET_ALPN = 'consul/wan-gossip/packet';
export const STREAM_ALPN = 'consul/wan-gossip/stream';

export interface GatewayDialOptions {
  readonly network: Network;
  readonly tls: TlsConfigurator;
  readonly picker: Pick<FailoverPicker, 'pickGateway' | 'reportFailure'>;
}

export interface GatewayStream {
  readonly stream: ByteStream;
  /** Address of the gateway that was dialed. */
  readonly via: string;
}

/**
 * Tries one gateway and, when that fails, one other. Rejects with Consul's text when there is no
 * gateway, otherwise with what the last dial failed of.
 */
export async function dialThroughGateway(
  options: GatewayDialOptions,
  target: WanName,
  alpn: string,
): Promise<GatewayStream> {
  const { network, picker } = options;
  if (!options.tls.mutualTlsCapable()) {
    throw new Error('wanfed: cannot dial via a mesh gateway when outgoing TLS is disabled');
  }
  const tls = options.tls.outgoingAlpn({ ...target, alpn }, HANDSHAKE_TIMEOUT_MS);
  const dial = async (via: string): Promise<GatewayStream> => {
    try {
      return { stream: await dialAlpn(network, via, tls), via };
    } catch (error) {
      picker.reportFailure(via, toError(error));
      throw error;
    }
  };
  const first = picker.pickGateway(target.datacenter);
  if (first === undefined) throw new Error(NO_REMOTE_SERVER);
  try {
    return await dial(first);
  } catch (error) {
    const second = picker.pickGateway(target.datacenter, first);
    if (second === undefined || second === first) throw error;
    return dial(second);
  }
}
