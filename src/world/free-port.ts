import type { Endpoint, Network } from './world.ts';

/**
 * Rejects with the system's error when `at` cannot be listened on now: for programs that would
 * otherwise find out later, when others have heard of them already.
 */
export async function checkFreePort(network: Network, at: Endpoint): Promise<void> {
  const listener = await network.listenTcp(at, (stream) => stream.destroy());
  await listener.close();
}
