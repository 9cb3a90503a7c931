/** `PreparedQuery.*` on a server. */

import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import { type PreparedQuery, PreparedQueryRequest } from '../../model/prepared-query.ts';
import { randomUuid } from '../../model/uuid.ts';
import { queryComplaint } from '../../prepared-query/rules.ts';
import { preparedQueries, preparedQuery, resolvedQuery } from '../../store/index.ts';
import type { StoreReader } from '../../store/view.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/prepared-query.ts';
import type { EndpointDeps } from './deps.ts';
import { executeHere, executeWithFailover } from './prepared-query-execute.ts';
import { answerRead, consistent, queryMeta } from './read.ts';

export function preparedQueryEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.PREPARED_QUERY_APPLY, (request) => apply(deps, request)),

    serve(method.PREPARED_QUERY_GET, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, query } = lookedUp(reader, request.QueryID, '');
        if (query === null) throw new RpcError(method.QUERY_NOT_FOUND);
        return { index, result: { Queries: [query] } };
      }),
    ),

    serve(method.PREPARED_QUERY_LIST, async (request, origin) =>
      answerRead(deps, request, origin, (reader) => {
        const { index, result } = preparedQueries(reader);
        return { index, result: { Queries: result.length === 0 ? null : result } };
      }),
    ),

    serve(method.PREPARED_QUERY_EXPLAIN, async (request) => {
      if (request.RequireConsistent) await consistent(deps);
      const Query = resolved(deps, request.QueryIDOrName, request.Agent);
      return { Query, ...queryMeta(deps, 0) };
    }),

    serve(method.PREPARED_QUERY_EXECUTE, async (request, origin) => {
      if (request.RequireConsistent) await consistent(deps);
      const query = resolved(deps, request.QueryIDOrName, request.Agent);
      return executeWithFailover(deps, query, request, origin);
    }),

    serve(method.PREPARED_QUERY_EXECUTE_REMOTE, async (request) => {
      if (request.RequireConsistent) await consistent(deps);
      return executeHere(deps, request.Query, request);
    }),
  ];
}

function resolved(
  deps: EndpointDeps,
  idOrName: string,
  agent: { readonly Segment: string },
): PreparedQuery {
  const query = resolvedQuery(deps.store.view(), idOrName, agent);
  if (query === null) throw new RpcError(method.QUERY_NOT_FOUND);
  return query;
}

/** Characters of a UUID. */
const UUID_CHARACTERS = 36;

/** The query of an ID, or the words of Consul's store for what cannot be one. */
function lookedUp(
  reader: StoreReader,
  id: string,
  prefix: string,
): { readonly index: number; readonly query: PreparedQuery | null } {
  if (id.length !== UUID_CHARACTERS) {
    const cause = `UUID must be ${UUID_CHARACTERS} characters`;
    throw new RpcError(`${prefix}failed prepared query lookup: index error: ${cause}`);
  }
  const { index, result } = preparedQuery(reader, id);
  return { index, query: result };
}

async function apply(deps: EndpointDeps, request: PreparedQueryRequest): Promise<string> {
  if (request.Query === null) throw new RpcError('Missing prepared query');
  const query = withId(deps, request.Op, request.Query);
  if (request.Op === 'create' || request.Op === 'update') {
    const complaint = queryComplaint(query);
    if (complaint !== null) throw new RpcError(`Invalid prepared query: ${complaint}`);
  } else if (request.Op !== 'delete') {
    throw new RpcError(`Unknown prepared query operation: ${request.Op}`);
  }
  const prepared = { ...request, Query: query };
  await deps.raftApply(COMMAND_TYPES.PreparedQuery, PreparedQueryRequest, prepared);
  return query.ID;
}

/** A new query gets an ID, another one must be there. */
function withId(deps: EndpointDeps, op: string, query: PreparedQuery): PreparedQuery {
  const view = deps.store.view();
  if (op !== 'create') {
    const found = lookedUp(view, query.ID, 'Prepared Query lookup failed: ');
    if (found.query !== null) return query;
    throw new RpcError(`Cannot modify non-existent prepared query: '${query.ID}'`);
  }
  if (query.ID !== '') throw new RpcError('ID must be empty when creating a new prepared query');
  let id = randomUuid(deps.random);
  while (preparedQuery(view, id).result !== null) id = randomUuid(deps.random);
  return { ...query, ID: id };
}
