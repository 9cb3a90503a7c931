/** The LAN pool as an actor: all agents of one datacenter. */

import type { PoolConfig } from '../../machines/gossip/config.ts';
import type { poolMachine } from '../../machines/gossip/pool.ts';
import { type Post, type Route, receiversOf } from '../../machines/routes.ts';
import type { Log } from '../../src/log.ts';
import type { World } from '../../src/world/world.ts';
import { createPoolActor, type PoolFiles } from './pool.ts';

/** Who hears of LAN members; only those that run on this agent. */
export type LanListener = Extract<Route, { from: 'gossip.lan'; type: 'lan-members.changed' }>['to'];

/** Who hears of coordinates; the bus passes over those that do not run on this agent. */
const COORDINATE_LISTENERS = receiversOf('gossip.lan', 'coordinates.changed');

export interface LanGossipDeps {
  readonly world: World;
  readonly post: Post<'gossip.lan'>;
  readonly log: Log;
  readonly config: PoolConfig;
  readonly files: PoolFiles;
  readonly listeners: readonly LanListener[];
}

/** Start it with the input of `loadPoolInput` and the systemId `gossip.lan`. */
export function createLanGossipActor(deps: LanGossipDeps): typeof poolMachine {
  const { post, listeners } = deps;
  const transport = 'socket-transport.lan';
  return createPoolActor({
    ...deps,
    doors: {
      sendPackets: (packets) => post.send(transport, { type: 'packets.send', packets }),
      openStream: (id, to, timeoutMs) =>
        post.send(transport, { type: 'stream.open', id, to, timeoutMs }),
      publish: (view) => {
        for (const to of listeners) post.send(to, { type: 'lan-members.changed', view });
      },
      publishCoordinates: (view) => {
        for (const to of COORDINATE_LISTENERS) post.send(to, { type: 'coordinates.changed', view });
      },
      deliverEvents: (events) =>
        post.send('agent', { type: 'user-events.received', pool: 'lan', events }),
      deliverQueries: (queries) =>
        post.send('agent', { type: 'queries.received', pool: 'lan', queries }),
    },
  });
}
