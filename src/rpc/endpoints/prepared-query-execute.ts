/** Running a prepared query: here, near whom it is asked for, else in other datacenters. */

import { textOf } from '../../error-text.ts';
import type { QuerySource } from '../../model/blocks.ts';
import type { CheckServiceNode } from '../../model/catalog.ts';
import {
  type PreparedQuery,
  PreparedQueryExecuteRemoteRequest,
  type PreparedQueryExecuteRequest,
  type PreparedQueryExecuteResponse,
} from '../../model/prepared-query.ts';
import { failoverDatacenters } from '../../prepared-query/failover.ts';
import { queryInstances } from '../../prepared-query/instances.ts';
import { listNodes } from '../../store/index.ts';
import type { RpcOrigin } from '../method.ts';
import { PREPARED_QUERY_EXECUTE_REMOTE } from '../methods/prepared-query.ts';
import type { EndpointDeps } from './deps.ts';
import { sortNear } from './near.ts';
import { queryMeta } from './read.ts';

/** How deep the node that asks is looked for among those sorted by distance. */
const OWN_NODE_DEPTH = 10;

interface Wish {
  readonly Limit: number;
  readonly Connect: boolean;
}

/** Instances of this datacenter in random order. */
export function executeHere(
  deps: EndpointDeps,
  query: PreparedQuery,
  { Limit, Connect }: Wish,
): PreparedQueryExecuteResponse {
  const found = queryInstances(deps.store.view(), query.Service, Connect);
  return answered(deps, query, limited(shuffled(deps, found), Limit));
}

/** The same sorted by distance; when there is none, what another datacenter has. */
export async function executeWithFailover(
  deps: EndpointDeps,
  query: PreparedQuery,
  request: PreparedQueryExecuteRequest,
  origin: RpcOrigin,
): Promise<PreparedQueryExecuteResponse> {
  const view = deps.store.view();
  const found = shuffled(deps, queryInstances(view, query.Service, request.Connect));
  const source = sortSource(deps, query, request);
  const near = sortNear(view, source, deps.datacenter, found, nodeOf);
  const own = source.Datacenter === deps.datacenter ? ownFirst(near, source.Node) : near;
  const here = answered(deps, query, limited(own, request.Limit));
  return own.length > 0 ? here : failedOver(deps, query, request, here, origin);
}

function answered(
  deps: EndpointDeps,
  query: PreparedQuery,
  nodes: readonly CheckServiceNode[],
): PreparedQueryExecuteResponse {
  return {
    Service: query.Service.Service,
    // Go leaves a list that nothing was appended to as nil.
    Nodes: nodes.map((one) => (one.Checks?.length === 0 ? { ...one, Checks: null } : one)),
    DNS: query.DNS,
    Datacenter: deps.datacenter,
    Failovers: 0,
    ...queryMeta(deps, 0),
  };
}

function nodeOf(entry: CheckServiceNode): string {
  return entry.Node?.Node ?? '';
}

function limited<T>(rows: readonly T[], limit: number): readonly T[] {
  return limit > 0 ? rows.slice(0, limit) : rows;
}

/** Fisher and Yates, so that load spreads over the instances. */
function shuffled<T>({ random }: EndpointDeps, rows: readonly T[]): readonly T[] {
  const order = [...rows];
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(random.float() * (at + 1));
    [order[at], order[other]] = [order[other] as T, order[at] as T];
  }
  return order;
}

/** From where distances count: as the request says, else as the query does. */
function sortSource(
  deps: EndpointDeps,
  query: PreparedQuery,
  { Source, Agent }: PreparedQueryExecuteRequest,
): QuerySource {
  const node = Source.Node || query.Service.Near;
  return {
    ...Source,
    Datacenter: Source.Datacenter || Agent.Datacenter,
    Node: node === '_agent' ? Agent.Node : node === '_ip' ? nodeAt(deps, Source.Ip) : node,
  };
}

/** The node with this address; `''` when none has it. */
function nodeAt(deps: EndpointDeps, address: string): string {
  if (address === '') return '';
  const { result } = listNodes(deps.store.view());
  return result.find((node) => node.Address === address)?.Node ?? '';
}

/** The node that asks comes first, if it is among the nearest: its distance is only estimated too. */
function ownFirst(near: readonly CheckServiceNode[], node: string): readonly CheckServiceNode[] {
  const at = node === '' ? -1 : near.findIndex((entry) => nodeOf(entry) === node);
  if (at <= 0 || at >= OWN_NODE_DEPTH) return near;
  const order = [...near];
  [order[0], order[at]] = [order[at] as CheckServiceNode, order[0] as CheckServiceNode];
  return order;
}

/** Asks one datacenter after the other until one has instances. */
async function failedOver(
  deps: EndpointDeps,
  query: PreparedQuery,
  request: PreparedQueryExecuteRequest,
  here: PreparedQueryExecuteResponse,
  origin: RpcOrigin,
): Promise<PreparedQueryExecuteResponse> {
  const others = deps.datacenters().filter((name) => name !== deps.datacenter);
  let reply = here;
  let failovers = 0;
  for (const datacenter of failoverDatacenters(query.Service.Failover, others)) {
    failovers += 1;
    const remote = PreparedQueryExecuteRemoteRequest.of({
      ...request,
      Datacenter: datacenter,
      Query: query,
    });
    try {
      reply = await deps.rpc.call(PREPARED_QUERY_EXECUTE_REMOTE, remote, origin.signal);
    } catch (error) {
      deps.log.warn('a datacenter could not be asked for the instances of a prepared query', {
        datacenter,
        service: query.Service.Service,
        error: textOf(error),
      });
      continue;
    }
    if ((reply.Nodes ?? []).length > 0) break;
  }
  return { ...reply, Failovers: failovers };
}
