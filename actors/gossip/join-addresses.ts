/** Finds the peers behind the addresses of a join. */

import type { GossipPeer } from '../../machines/routes/gossip.ts';
import { textOf } from '../../src/error-text.ts';
import { parseJoinAddress } from '../../src/wire/gossip/address.ts';
import type { Network } from '../../src/world/world.ts';

/** Peers of one join; addresses beyond are left out with an error. */
const PEERS_MAX = 1_024;

export interface JoinPeers {
  readonly peers: readonly GossipPeer[];
  readonly errors: readonly string[];
}

/** All addresses of all hosts, in order. Never rejects. */
export async function resolveJoinAddresses(
  network: Network,
  addresses: readonly string[],
  defaultPort: number,
): Promise<JoinPeers> {
  const errors: string[] = [];
  const found = await Promise.all(
    addresses.map(async (text) => {
      const { name, host, port } = parseJoinAddress(text, defaultPort);
      try {
        const resolved = await network.resolve(host);
        return resolved.map((address) => ({ name, address, port }));
      } catch (error) {
        const reason = textOf(error);
        errors.push(`Failed to resolve ${text}: ${reason}`);
        return [];
      }
    }),
  );
  const peers = found.flat();
  if (peers.length > PEERS_MAX) errors.push(`${peers.length} addresses, ${PEERS_MAX} are tried`);
  return { peers: peers.slice(0, PEERS_MAX), errors };
}
