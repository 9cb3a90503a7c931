/** The way through a mesh gateway, with a second gateway for when the first cannot be dialed. */

import { toError } from '../error-text.ts';
import { splitHostPort } from '../host-port.ts';
import type { ByteStream, Network } from '../world/world.ts';
import { NO_REMOTE_SERVER } from './errors.ts';

/** Limit of Consul's pool for a TCP connection. */
export const DIAL_TIMEOUT_MS = 10_000;
/** Limit of a TLS handshake; ours, Consul has none. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

/** Where to find the way to another datacenter: the latest view of the gateway locator. */
export interface GatewayPicker {
  /** `host:port` of a gateway on the way to `datacenter`; `avoid` is one that just failed. */
  pickGateway(datacenter: string, avoid?: string): string | undefined;
  /** Told of a dial that failed at a gateway, so that others are preferred for a while. */
  reportFailure(address: string, error: Error): void;
}

export interface GatewayStream {
  readonly stream: ByteStream;
  /** Address of the gateway that was dialed. */
  readonly via: string;
}

/**
 * TCP to a gateway, then TLS at once. Tries one gateway and, when that fails, one other. Rejects with
 * Consul's text when there is no gateway, otherwise with what the last dial failed of.
 */
export async function dialThroughGateway(
  network: Network,
  picker: GatewayPicker,
  datacenter: string,
  tls: Parameters<Network['tlsClient']>[1],
): Promise<GatewayStream> {
  const dial = async (via: string): Promise<GatewayStream> => {
    try {
      const { host, port } = splitHostPort(via);
      const stream = await network.connectTcp({ host, port, timeoutMs: DIAL_TIMEOUT_MS });
      return { stream: await network.tlsClient(stream, tls), via };
    } catch (error) {
      picker.reportFailure(via, toError(error));
      throw error;
    }
  };
  const first = picker.pickGateway(datacenter);
  if (first === undefined || first === '') throw new Error(NO_REMOTE_SERVER);
  try {
    return await dial(first);
  } catch (error) {
    const second = picker.pickGateway(datacenter, first);
    if (second === undefined || second === '' || second === first) throw error;
    return dial(second);
  }
}
