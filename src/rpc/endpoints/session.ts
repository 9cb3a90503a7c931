/** `Session.*` on a server. */

import { CONSENSUS_TEXTS } from '../../consensus/consensus.ts';
import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import { durationComplaint, goDurationText, parseGoDuration } from '../../go-duration.ts';
import { type Session, SessionRequest } from '../../model/session.ts';
import { randomUuid } from '../../model/uuid.ts';
import { nodeSessions, sessionById, sessions } from '../../store/index.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/session.ts';
import type { EndpointDeps } from './deps.ts';
import { answerRead } from './read.ts';

const TTL_MIN_NS = 10e9;
const TTL_MAX_NS = 24 * 3600e9;
const NS_PER_MS = 1e6;

export function sessionEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.SESSION_APPLY, async (request) =>
      request.Op === 'destroy' ? destroy(deps, request) : create(deps, request),
    ),

    serve(method.SESSION_GET, async (request, origin) => {
      const id = validSessionId(request.SessionID || request.Session);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = sessionById(reader, id);
        return { index, result: { Sessions: result === null ? [] : [result] } };
      });
    }),

    serve(method.SESSION_LIST, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = sessions(reader);
        return { index, result: { Sessions: result } };
      }),
    ),

    serve(method.SESSION_NODE_SESSIONS, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = nodeSessions(reader, request.Node);
        return { index, result: { Sessions: result } };
      }),
    ),

    serve(method.SESSION_RENEW, async (request, origin) => {
      const id = validSessionId(request.SessionID || request.Session);
      await deps.sessionTimers.settled(id);
      // Another may have become leader while this waited: it alone knows what lives.
      if (!request.AllowStale && !deps.consensus.view().leading) {
        throw new RpcError(CONSENSUS_TEXTS['not-leader']);
      }
      const { result } = sessionById(deps.store.view(), id);
      if (result !== null) startTimer(deps, result);
      const now = { ...request, MinQueryIndex: 0 };
      return answerRead(deps, now, origin, (reader) => {
        const found = sessionById(reader, id);
        return {
          index: found.index,
          result: { Sessions: found.result === null ? null : [found.result] },
        };
      });
    }),
  ];
}

/** The id, or the words of Consul's store for what cannot be one. */
export function validSessionId(id: string): string {
  if (id.length !== 36) {
    throw new RpcError('failed session lookup: index error: UUID must be 36 characters');
  }
  return id;
}

async function create(deps: EndpointDeps, request: SessionRequest): Promise<string> {
  const session = preparedSession(request.Session);
  const view = deps.store.view();
  let id = randomUuid(deps.random);
  while (sessionById(view, id).result !== null) id = randomUuid(deps.random);
  const created = { ...session, ID: id };
  await deps.raftApply(COMMAND_TYPES.Session, SessionRequest, { ...request, Session: created });
  startTimer(deps, created);
  return id;
}

async function destroy(deps: EndpointDeps, request: SessionRequest): Promise<string> {
  const { ID } = request.Session;
  if (ID === '') throw new RpcError('Must provide ID');
  await deps.raftApply(COMMAND_TYPES.Session, SessionRequest, request);
  deps.sessionTimers.clear(ID);
  return '';
}

function preparedSession(session: Session): Session {
  if (session.Node === '') throw new RpcError('Must provide Node');
  if (!['', 'release', 'delete'].includes(session.Behavior)) {
    throw new RpcError(`Invalid Behavior setting '${session.Behavior}'`);
  }
  const ttl = ttlNs(session.TTL);
  if (ttl !== 0 && (ttl < TTL_MIN_NS || ttl > TTL_MAX_NS)) {
    const range = `[${goDurationText(TTL_MIN_NS)}=${goDurationText(TTL_MAX_NS)}]`;
    throw new RpcError(`Invalid Session TTL '${ttl}', must be between ${range}`);
  }
  return { ...session, Behavior: session.Behavior || 'release' };
}

function ttlNs(text: string): number {
  if (text === '') return 0;
  const ttl = parseGoDuration(text);
  if (ttl === null) {
    throw new RpcError(`Session TTL '${text}' invalid: ${durationComplaint(text)}`);
  }
  return ttl;
}

function startTimer(deps: EndpointDeps, session: Session): void {
  const ttl = ttlNs(session.TTL);
  if (ttl > 0) deps.sessionTimers.reset(session.ID, ttl / NS_PER_MS);
}
