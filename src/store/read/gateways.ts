/** Which services stand behind ingress and terminating gateways, as their config entries say. */

import { GatewayService } from '../../model/catalog.ts';
import type { ConfigEntryRow } from '../../model/config-entry.ts';
import { IngressGatewayEntry, TerminatingGatewayEntry } from '../../model/gateway-entries.ts';
import { decode } from '../../wire/msgpack/schema.ts';
import type { Indexed } from '../blocking-query.ts';
import { kindRowName, maxIndex } from '../index-rows.ts';
import { nameKey } from '../table.ts';
import { servicesTable } from '../tables.ts';
import type { StoreReader } from '../view.ts';
import { protocolOfService } from './discovery-chain.ts';
import { configEntries } from './other.ts';

export const INGRESS_GATEWAY = 'ingress-gateway';
export const TERMINATING_GATEWAY = 'terminating-gateway';
const EVERY_SERVICE = '*';
/** The servers themselves, which no gateway carries. */
const OWN_SERVICE = 'consul';

/** Services behind one gateway, or behind all of them, in order of gateways, services and ports. */
export function gatewayServices(
  reader: StoreReader,
  gateway?: string,
): Indexed<readonly GatewayService[]> {
  const rows = [INGRESS_GATEWAY, TERMINATING_GATEWAY].flatMap(
    (kind) => configEntries(reader, kind).result,
  );
  const wanted = rows.filter(
    ({ Name }) => gateway === undefined || nameKey(Name) === nameKey(gateway),
  );
  const links = wanted.flatMap(linksOf);
  const wild = links.some(({ Service }) => Service.Name === EVERY_SERVICE);
  // Entries of services decide over protocols, and the catalog over what `*` stands for.
  const { index } = configEntries(reader);
  const result = wild ? links.flatMap((link) => resolved(reader, link, links)) : links;
  return {
    index: wild ? Math.max(index, maxIndex(reader, kindRowName(''))) : index,
    result: result.toSorted(inOrder),
  };
}

function linksOf(row: ConfigEntryRow): readonly GatewayService[] {
  const common = {
    Gateway: { Name: row.Name },
    GatewayKind: row.Kind,
    CreateIndex: row.ModifyIndex,
    ModifyIndex: row.ModifyIndex,
  };
  if (row.Kind === TERMINATING_GATEWAY) {
    const { Services } = decode(TerminatingGatewayEntry, row.body);
    return (Services ?? []).map(({ Name, ...files }) =>
      GatewayService.of({ ...common, ...files, Service: { Name } }),
    );
  }
  const { Listeners } = decode(IngressGatewayEntry, row.body);
  return (Listeners ?? []).flatMap(({ Port, Protocol, Services }) =>
    (Services ?? []).map(({ Name, Hosts }) =>
      GatewayService.of({ ...common, Service: { Name }, Port, Protocol, Hosts }),
    ),
  );
}

/** What a link stands for; a service that is named itself is not taken from `*` again. */
function resolved(
  reader: StoreReader,
  link: GatewayService,
  links: readonly GatewayService[],
): readonly GatewayService[] {
  if (link.Service.Name !== EVERY_SERVICE) return [link];
  const named = new Set(
    links
      .filter((other) => other.Gateway.Name === link.Gateway.Name && other.Port === link.Port)
      .map(({ Service }) => Service.Name),
  );
  return typicalServices(reader)
    .filter((name) => name !== OWN_SERVICE && !named.has(name))
    .filter(
      (name) =>
        link.GatewayKind !== INGRESS_GATEWAY || protocolOfService(reader, name) === link.Protocol,
    )
    .map((Name) => ({ ...link, Service: { Name }, FromWildcard: true }));
}

function typicalServices(reader: StoreReader): readonly string[] {
  const rows = reader.unwatched.lookup(servicesTable.by.kind, '');
  return [...new Set(rows.map(({ service }) => service.Service))];
}

function inOrder(a: GatewayService, b: GatewayService): number {
  return (
    compare(a.Gateway.Name, b.Gateway.Name) ||
    compare(a.Service.Name, b.Service.Name) ||
    a.Port - b.Port
  );
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
