/** Calls of an agent that has no certificate yet: type byte 7, TLS, one call. */

import { textOf } from '../../error-text.ts';
import type { TlsConfigurator } from '../../tls/configurator.ts';
import type { ByteStream, Clock, Endpoint, Network } from '../../world/world.ts';
import { DIAL_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from '../gateway-dial.ts';
import { RpcError, type RpcMethod } from '../method.ts';
import { exchangeOnce } from './one-shot.ts';

const INSECURE_TLS_BYTE = 7;
const ESTABLISHING = 'rpcinsecure error establishing connection: ';
const MAKING = 'rpcinsecure error making call: ';

export interface InsecureDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly tls: TlsConfigurator;
  readonly datacenter: string;
}

/** Calls a server of the own datacenter. Rejects with an `RpcError` in Consul's words. */
export async function callInsecure<Request, Reply>(
  deps: InsecureDeps,
  address: Endpoint,
  method: RpcMethod<Request, Reply>,
  request: Request,
): Promise<Reply> {
  let connection: ByteStream;
  try {
    connection = await dial(deps, address);
  } catch (error) {
    throw new RpcError(`${ESTABLISHING}${textOf(error)}`, { cause: error });
  }
  try {
    return await exchangeOnce(connection, deps.clock, method, request);
  } catch (error) {
    throw new RpcError(`${MAKING}${textOf(error)}`, { cause: error });
  }
}

async function dial({ network, tls, datacenter }: InsecureDeps, at: Endpoint): Promise<ByteStream> {
  const stream = await network.connectTcp({
    host: at.address,
    port: at.port,
    timeoutMs: DIAL_TIMEOUT_MS,
  });
  stream.write(Uint8Array.of(INSECURE_TLS_BYTE));
  return network.tlsClient(stream, tls.outgoingInsecure(datacenter, HANDSHAKE_TIMEOUT_MS));
}
