/** `/v1/agent/…`: the agent itself and its gossip pools. */

import { CONSUL_VERSION } from '../../version.ts';
import type { HttpContext } from '../context.ts';
import { memberJson, selfText } from '../json/agent-objects.ts';
import { list } from '../json/output.ts';
import {
  badRequest,
  emptyAnswer,
  type HttpAnswer,
  type HttpRequest,
  jsonAnswer,
} from '../message.ts';
import type { Route } from '../router.ts';
import { rest } from './path.ts';

const membersJson = list(memberJson);

export const AGENT_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/agent/self', methods: ['GET'], handler: self },
  { path: '/v1/agent/members', methods: ['GET'], handler: members },
  { path: '/v1/agent/join/', methods: ['PUT'], handler: join },
  { path: '/v1/agent/leave', methods: ['PUT'], handler: leave },
  { path: '/v1/agent/force-leave/', methods: ['PUT'], handler: forceLeave },
  { path: '/v1/agent/reload', methods: ['PUT'], handler: reload },
];

async function self(_http: HttpRequest, { agent }: HttpContext): Promise<HttpAnswer> {
  return jsonAnswer(selfText(await agent.self(), agent.own, CONSUL_VERSION));
}

async function members({ query }: HttpRequest, { agent }: HttpContext): Promise<HttpAnswer> {
  const wan = query.get('wan') !== '';
  const segment = query.get('segment');
  if (wan && segment !== '' && segment !== '_all') {
    throw badRequest('Cannot provide a segment with wan=true');
  }
  if (segment !== '' && segment !== '_all') {
    throw new Error('Network segments are not supported in this version of Consul');
  }
  return jsonAnswer(membersJson.text(agent.members(wan ? 'wan' : 'lan')));
}

async function join(http: HttpRequest, { agent }: HttpContext): Promise<HttpAnswer> {
  const address = rest(http.path, '/v1/agent/join/');
  await agent.join(http.query.get('wan') === '' ? 'lan' : 'wan', [address]);
  return emptyAnswer();
}

async function leave(_http: HttpRequest, { agent }: HttpContext): Promise<HttpAnswer> {
  await agent.leave();
  return emptyAnswer();
}

async function forceLeave(http: HttpRequest, { agent }: HttpContext): Promise<HttpAnswer> {
  const node = rest(http.path, '/v1/agent/force-leave/');
  await agent.forceLeave(node, http.query.has('prune') ? 'prune' : 'leave');
  return emptyAnswer();
}

async function reload(_http: HttpRequest, { agent }: HttpContext): Promise<HttpAnswer> {
  await agent.reload();
  return emptyAnswer();
}
