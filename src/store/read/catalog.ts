/** Reads of nodes and services. */

import type {
  Node,
  NodeService,
  NodeServiceList,
  NodeServices,
  ServiceNode,
} from '../../model/catalog.ts';
import type { Indexed } from '../blocking-query.ts';
import { maxIndex, onNode, serviceIndex } from '../index-rows.ts';
import { nameKey } from '../table.ts';
import { nodesTable, type ServiceRow, servicesTable } from '../tables.ts';
import type { StoreReader } from '../view.ts';

type TextMap = Readonly<Record<string, string>>;

/** An ID shorter than this is never looked up by its beginning. */
const NODE_ID_PREFIX_MIN = 2;

/** Whether `meta` has all the pairs of `wanted`. */
export function hasMeta(meta: TextMap | null, wanted: TextMap | null | undefined): boolean {
  if (wanted === null || wanted === undefined) return true;
  return Object.entries(wanted).every(
    ([key, value]) => meta !== null && Object.hasOwn(meta, key) && meta[key] === value,
  );
}

/** Whether `tags` has all of `wanted`, in any case of letters. */
export function hasTags(tags: readonly string[] | null, wanted: readonly string[]): boolean {
  const lower = (tags ?? []).map((tag) => tag.toLowerCase());
  return wanted.every((tag) => lower.includes(tag.toLowerCase()));
}

/** The node of this name. */
export function nodeByName(reader: StoreReader, name: string): Node | undefined {
  return reader.first(nodesTable, nameKey(name));
}

/** The node with this ID. */
export function nodeById(reader: StoreReader, id: string): Node | undefined {
  return reader.lookup(nodesTable.by.uuid, nameKey(id))[0];
}

/** All nodes, or those with the given meta pairs. */
export function listNodes(
  reader: StoreReader,
  options: { readonly nodeMeta?: TextMap | null } = {},
): Indexed<readonly Node[]> {
  const index = maxIndex(reader, nodesTable.name);
  const nodes = reader.unwatched.scan(nodesTable, '');
  return { index, result: nodes.filter((node) => hasMeta(node.Meta, options.nodeMeta)) };
}

/** Service names with the tags in use, both sorted; of nodes with the given meta if any. */
export function listServices(
  reader: StoreReader,
  options: { readonly nodeMeta?: TextMap | null } = {},
): Indexed<Readonly<Record<string, readonly string[]>>> {
  const filtered = options.nodeMeta && Object.keys(options.nodeMeta).length > 0;
  const index = filtered
    ? maxIndex(reader, servicesTable.name, nodesTable.name)
    : maxIndex(reader, servicesTable.name);
  const quiet = reader.unwatched;
  const tagsByName = new Map<string, Set<string>>();
  for (const { node, service } of quiet.scan(servicesTable, '')) {
    if (filtered && !hasMeta(nodeByName(quiet, node)?.Meta ?? null, options.nodeMeta)) continue;
    const tags = tagsByName.get(service.Service) ?? new Set();
    tagsByName.set(service.Service, tags);
    for (const tag of service.Tags ?? []) tags.add(tag);
  }
  const names = [...tagsByName.keys()].sort();
  const result = Object.fromEntries(
    names.map((name) => [name, [...(tagsByName.get(name) ?? [])].sort()]),
  );
  return { index, result };
}

export interface ServiceNodesOptions {
  readonly service: string;
  /** All must match, in any case of letters. */
  readonly tags?: readonly string[] | null;
  /** Only instances with this address. */
  readonly address?: string;
  /** Proxies of the service and instances that speak Connect themselves. */
  readonly connect?: boolean;
}

/** Instances of a service, merged with their nodes. */
export function serviceNodes(
  reader: StoreReader,
  options: ServiceNodesOptions,
): Indexed<readonly ServiceNode[]> {
  const { index, rows } = serviceRows(reader, options, 'catalog');
  const quiet = reader.unwatched;
  const result: ServiceNode[] = [];
  for (const row of rows) {
    const node = nodeByName(quiet, row.node);
    if (node === undefined) continue;
    const address = row.service.Address === '' ? node.Address : row.service.Address;
    if (options.address && options.address !== address) continue;
    result.push(serviceNode(node, row.service));
  }
  return { index, result };
}

/** The rows of a service before and the index of the answer; tags are applied after "exists". */
export function serviceRows(
  reader: StoreReader,
  options: ServiceNodesOptions,
  tables: 'catalog' | 'health',
): { readonly index: number; readonly rows: readonly ServiceRow[] } {
  const key = nameKey(options.service);
  const tags = options.tags ?? [];
  const select = (rows: readonly ServiceRow[]): readonly ServiceRow[] =>
    tags.length === 0 ? rows : rows.filter((row) => hasTags(row.service.Tags, tags));
  if (options.connect !== true) {
    const rows = reader.unwatched.lookup(servicesTable.by.name, key);
    const index = serviceIndex(reader, options.service, rows.length > 0, tables);
    return { index, rows: select(rows) };
  }
  const rows = reader.lookup(servicesTable.by.connect, key);
  const names = new Set(rows.map((row) => nameKey(row.service.Service)));
  let index = 0;
  for (const name of names) index = Math.max(index, serviceIndex(reader, name, true, tables));
  if (names.size === 0) index = serviceIndex(reader, options.service, false, tables);
  return { index, rows: select(rows) };
}

/** A service instance merged with its node. */
export function serviceNode(node: Node, service: NodeService): ServiceNode {
  return {
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    Datacenter: node.Datacenter,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    ServiceKind: service.Kind,
    ServiceID: service.ID,
    ServiceName: service.Service,
    ServiceTags: service.Tags,
    ServiceAddress: service.Address,
    ServiceTaggedAddresses: service.TaggedAddresses,
    ServiceWeights: service.Weights ?? { Passing: 1, Warning: 1 },
    ServiceMeta: service.Meta,
    ServicePort: service.Port,
    ServiceEnableTagOverride: service.EnableTagOverride,
    ServiceProxy: service.Proxy,
    ServiceConnect: service.Connect,
    CreateIndex: service.CreateIndex,
    ModifyIndex: service.ModifyIndex,
  };
}

/** A node and its instances; `nameOrId` may be the beginning of exactly one node ID. */
export function nodeServiceList(reader: StoreReader, nameOrId: string): Indexed<NodeServiceList> {
  const node = nodeByName(reader, nameOrId) ?? nodeByIdPrefix(reader, nameOrId);
  if (node === undefined) return { index: 0, result: { Node: null, Services: null } };
  const rows = reader.scan(servicesTable, onNode(node.Node));
  // The node's row is watched by its own key: a name that was an ID finds it under another one.
  reader.first(nodesTable, nameKey(node.Node));
  const index = maxIndex(reader.unwatched, nodesTable.name, servicesTable.name);
  return { index, result: { Node: node, Services: rows.map((row) => row.service) } };
}

/** The same as a map by instance ID; null for an unknown node. */
export function nodeServices(reader: StoreReader, nameOrId: string): Indexed<NodeServices | null> {
  const { index, result } = nodeServiceList(reader, nameOrId);
  if (result.Node === null) return { index, result: null };
  const Services = Object.fromEntries((result.Services ?? []).map((s) => [s.ID, s]));
  return { index, result: { Node: result.Node, Services } };
}

function nodeByIdPrefix(reader: StoreReader, prefix: string): Node | undefined {
  if (prefix.length < NODE_ID_PREFIX_MIN || !/^[0-9a-f-]+$/i.test(prefix)) return undefined;
  // Consul's store compares bytes, two digits each: it cuts an odd end off, dashes counted, and
  // finds nothing when half a byte is left then.
  const even = prefix.slice(0, prefix.length - (prefix.length % 2));
  if (even.replaceAll('-', '').length % 2 === 1) return undefined;
  const wanted = nameKey(even);
  // Any node may be the one that gets this ID.
  reader.indexRow(nodesTable.name);
  const found = reader.unwatched
    .scan(nodesTable, '')
    .filter((node) => nameKey(node.ID).startsWith(wanted));
  return found.length === 1 ? found[0] : undefined;
}
