/**
 * A network that dials from one address: a host with several must be recognised by the one that
 * others know it by, and firewalls are written for that one.
 */

import { isUnspecified } from './addresses.ts';
import type { Network } from './world.ts';

/** `network` with `sourceAddress` for every dial that names none; itself when that is "any". */
export function boundNetwork(network: Network, sourceAddress: string): Network {
  if (isUnspecified(sourceAddress)) return network;
  return {
    listenTcp: (at, accepted) => network.listenTcp(at, accepted),
    connectTcp: (options) => network.connectTcp({ sourceAddress, ...options }),
    bindUdp: (at, listener) => network.bindUdp(at, listener),
    tlsClient: (stream, options) => network.tlsClient(stream, options),
    tlsServer: (stream, options) => network.tlsServer(stream, options),
    resolve: (host) => network.resolve(host),
    interfaces: () => network.interfaces(),
  };
}
