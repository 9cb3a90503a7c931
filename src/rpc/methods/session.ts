/** `Session.*`: what locks are held by. */

import { NodeSpecificRequest } from '../../model/blocks.ts';
import { IndexedSessions, SessionRequest, SessionSpecificRequest } from '../../model/session.ts';
import { str } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

/** Answers the id of the session. */
export const SESSION_APPLY: RpcMethod<SessionRequest, string> = {
  name: 'Session.Apply',
  request: SessionRequest,
  reply: str,
};

export const SESSION_GET: RpcMethod<SessionSpecificRequest, IndexedSessions> = {
  name: 'Session.Get',
  request: SessionSpecificRequest,
  reply: IndexedSessions,
};

export const SESSION_LIST: RpcMethod<SessionSpecificRequest, IndexedSessions> = {
  name: 'Session.List',
  request: SessionSpecificRequest,
  reply: IndexedSessions,
};

export const SESSION_NODE_SESSIONS: RpcMethod<NodeSpecificRequest, IndexedSessions> = {
  name: 'Session.NodeSessions',
  request: NodeSpecificRequest,
  reply: IndexedSessions,
};

/** Timers are the leader's alone: a follower's answer would renew nothing. */
export const SESSION_RENEW: RpcMethod<SessionSpecificRequest, IndexedSessions> = {
  name: 'Session.Renew',
  request: SessionSpecificRequest,
  reply: IndexedSessions,
  routing: { to: 'leader', access: 'write' },
};
