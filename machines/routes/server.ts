/**
 * Routes of the server as a whole, of the founding of its raft group, and of the coordinates that
 * agents tell it.
 */

import type { Coordinate } from '../../src/model/coordinate.ts';
import type { RouteShape } from './shape.ts';

export interface ServerMessages {
  /** To be written to the store with the next batch. */
  'coordinates.update': { readonly coordinates: readonly Coordinate[] };
}

export const SERVER_ROUTES = [
  {
    from: 'gossip.lan',
    type: 'lan-members.changed',
    to: 'raft-bootstrap',
    why: 'whether as many servers as expected have shown up',
  },
  {
    from: 'raft',
    type: 'raft.changed',
    to: 'raft-bootstrap',
    why: 'a group exists: nothing is left to found',
  },
  {
    from: 'gossip.lan',
    type: 'lan-members.changed',
    to: 'member-reconciler',
    why: 'members become nodes of the catalog and servers of raft',
  },
  { from: 'raft', type: 'leadership.gained', to: 'member-reconciler', why: 'the work begins' },
  { from: 'raft', type: 'leadership.lost', to: 'member-reconciler', why: 'the work ends' },
  {
    from: 'raft',
    type: 'leadership.gained',
    to: 'session-ttl',
    why: 'the leader keeps the timers',
  },
  { from: 'raft', type: 'leadership.lost', to: 'session-ttl', why: 'another one keeps them' },
  {
    from: 'raft',
    type: 'leadership.gained',
    to: 'tombstone-gc',
    why: 'the leader says when tombstones go',
  },
  { from: 'raft', type: 'leadership.lost', to: 'tombstone-gc', why: 'another one says it' },
  {
    from: 'server',
    type: 'coordinates.update',
    to: 'coordinate-batcher',
    why: 'many coordinates make one log entry',
  },
] as const satisfies readonly RouteShape[];
