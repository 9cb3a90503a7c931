/** The WAN pool as an actor: the servers of all datacenters. */

import type { PoolConfig } from '../../machines/gossip/config.ts';
import type { poolMachine } from '../../machines/gossip/pool.ts';
import type { Post, Route } from '../../machines/routes.ts';
import type { Log } from '../../src/log.ts';
import type { World } from '../../src/world/world.ts';
import { createPoolActor, type PoolFiles } from './pool.ts';

/** Who hears of WAN members; only those that run on this server. */
export type WanListener = Extract<Route, { from: 'gossip.wan'; type: 'wan-members.changed' }>['to'];

export interface WanGossipDeps {
  readonly world: World;
  readonly post: Post<'gossip.wan'>;
  readonly log: Log;
  readonly config: PoolConfig;
  readonly files: PoolFiles;
  /** `wanfed-transport` when federating through mesh gateways. */
  readonly transport: 'socket-transport.wan' | 'wanfed-transport';
  readonly listeners: readonly WanListener[];
}

/** Start it with the input of `loadPoolInput` and the systemId `gossip.wan`. */
export function createWanGossipActor(deps: WanGossipDeps): typeof poolMachine {
  const { post, listeners, transport } = deps;
  return createPoolActor({
    ...deps,
    doors: {
      sendPackets: (packets) => post.send(transport, { type: 'packets.send', packets }),
      openStream: (id, to, timeoutMs) =>
        post.send(transport, { type: 'stream.open', id, to, timeoutMs }),
      publish: (view) => {
        for (const to of listeners) post.send(to, { type: 'wan-members.changed', view });
      },
      publishCoordinates: (view) => post.send('agent', { type: 'coordinates.changed', view }),
      deliverEvents: (events) =>
        post.send('agent', { type: 'user-events.received', pool: 'wan', events }),
      deliverQueries: (queries) =>
        post.send('agent', { type: 'queries.received', pool: 'wan', queries }),
    },
  });
}
