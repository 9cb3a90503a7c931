/** Messages and routes of the server port and the RPC router. */

import type { ByteStream } from '../../src/world/world.ts';
import type { RouteShape } from './shape.ts';

export interface RpcMessages {
  /** A connection that speaks the raft protocol; its peer was authorized where TLS allows it. */
  'raft.accepted': { readonly stream: ByteStream };
  /** A connection that carries one snapshot exchange. */
  'snapshot.accepted': { readonly stream: ByteStream };
}

export const RPC_ROUTES = [
  {
    from: 'alpn-listener',
    type: 'raft.accepted',
    to: 'raft',
    why: 'type byte 1 or ALPN consul/raft: a peer replicates or asks for a vote',
  },
  {
    from: 'alpn-listener',
    type: 'snapshot.accepted',
    to: 'server',
    why: 'type byte 5 or ALPN consul/rpc-snapshot: somebody saves or restores a snapshot',
  },
  {
    from: 'alpn-listener',
    type: 'packets.received',
    to: 'wanfed-transport',
    why: 'gossip of other datacenters that came through a mesh gateway',
  },
  {
    from: 'alpn-listener',
    type: 'stream.accepted',
    to: 'wanfed-transport',
    why: 'a push/pull of another datacenter that came through a mesh gateway',
  },
] as const satisfies readonly RouteShape[];
