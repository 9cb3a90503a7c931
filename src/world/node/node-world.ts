/** The real world: this machine's clock, chance, sockets and files. */

import type { World } from '../world.ts';
import { nodeClock } from './clock.ts';
import { nodeDisk } from './disk.ts';
import { createNodeNetwork } from './network.ts';
import { createNodeRandom } from './random.ts';

export function createNodeWorld(): World {
  return {
    clock: nodeClock,
    random: createNodeRandom(),
    network: createNodeNetwork(),
    disk: nodeDisk,
  };
}
