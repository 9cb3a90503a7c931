/** `Status.*`: who is there, asked of whichever server answers. */

import { DCSpecificRequest, EmptyReply } from '../../model/blocks.ts';
import { RaftStats } from '../../model/operator.ts';
import { list, str } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

export const STATUS_LEADER: RpcMethod<DCSpecificRequest, string> = {
  name: 'Status.Leader',
  request: DCSpecificRequest,
  reply: str,
  routing: { to: 'datacenter' },
};

export const STATUS_PEERS: RpcMethod<DCSpecificRequest, readonly string[]> = {
  name: 'Status.Peers',
  request: DCSpecificRequest,
  reply: list(str),
  routing: { to: 'datacenter' },
};

export const STATUS_PING: RpcMethod<EmptyReply, EmptyReply> = {
  name: 'Status.Ping',
  request: EmptyReply,
  reply: EmptyReply,
  routing: { to: 'here', access: 'read' },
};

export const STATUS_RAFT_STATS: RpcMethod<EmptyReply, RaftStats> = {
  name: 'Status.RaftStats',
  request: EmptyReply,
  reply: RaftStats,
  routing: { to: 'here', access: 'read' },
};
