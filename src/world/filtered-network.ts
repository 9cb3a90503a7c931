/**
 * A network that hears only some addresses: what a firewall in front of the server would do, done in
 * the program itself. The demo uses it so that nothing but the gateways can cross from one
 * datacenter to another; an operator may use it as a second fence.
 */

import { BlockList, isIPv6 } from 'node:net';
import type { ByteStream, Endpoint, Network, UdpListener } from './world.ts';

/** Told of the first refused connection or datagram of each source address. */
export type RefusalListener = (from: Endpoint, kind: 'connection' | 'datagram') => void;

/** Source addresses whose refusal is remembered, so that it is told once; then the oldest goes. */
const REMEMBERED_MAX = 256;

/** Whether an IP address is in one of the networks. */
export type AddressTest = (address: string) => boolean;

/** Parses `10.0.0.0/8`, `fd00::/8` …; throws a RangeError naming the entry that cannot be read. */
export function addressTest(cidrs: readonly string[]): AddressTest {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address, bits] = cidr.split('/');
    try {
      list.addSubnet(address ?? '', Number(bits), isIPv6(address ?? '') ? 'ipv6' : 'ipv4');
    } catch (error) {
      throw new RangeError(`invalid cidr: ${cidr}`, { cause: error });
    }
  }
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** `network`, deaf to everybody outside `allowed`. What is dialed from here is not restricted. */
export function filteredNetwork(
  network: Network,
  allowed: AddressTest,
  refused: RefusalListener,
): Network {
  const told = new Set<string>();
  const tell = (from: Endpoint, kind: 'connection' | 'datagram'): void => {
    if (told.has(from.address)) return;
    if (told.size >= REMEMBERED_MAX) told.delete(told.values().next().value ?? '');
    told.add(from.address);
    refused(from, kind);
  };
  return {
    connectTcp: (options) => network.connectTcp(options),
    tlsClient: (stream, options) => network.tlsClient(stream, options),
    tlsServer: (stream, options) => network.tlsServer(stream, options),
    resolve: (host) => network.resolve(host),
    interfaces: () => network.interfaces(),
    listenTcp: (at, accepted) =>
      network.listenTcp(at, (stream: ByteStream) => {
        if (allowed(stream.remote.address)) {
          accepted(stream);
          return;
        }
        tell(stream.remote, 'connection');
        stream.destroy();
      }),
    bindUdp: (at, listener: UdpListener) =>
      network.bindUdp(at, {
        ...listener,
        received: (datagram, from) => {
          if (allowed(from.address)) listener.received(datagram, from);
          else tell(from, 'datagram');
        },
      }),
  };
}
