/** Reads of the smaller tables. Lists have the index of their table. */

import type { ConfigEntryRow } from '../../model/config-entry.ts';
import type { CAConfiguration, CAConsulProviderState, CARoot } from '../../model/connect-ca.ts';
import type { Coordinate } from '../../model/coordinate.ts';
import type { FederationState } from '../../model/federation-state.ts';
import type { Intention } from '../../model/intention.ts';
import type { AutopilotConfig } from '../../model/operator.ts';
import type { Session } from '../../model/session.ts';
import type { SystemMetadataEntry } from '../../model/system-metadata.ts';
import type { Indexed } from '../blocking-query.ts';
import { maxIndex, onNode } from '../index-rows.ts';
import { compoundKey, nameKey, type Table } from '../table.ts';
import {
  autopilotTable,
  caConfigTable,
  caProviderStatesTable,
  caRootsTable,
  configEntriesTable,
  coordinatesTable,
  federationStatesTable,
  intentionsTable,
  SINGLE_KEY,
  sessionsTable,
  systemMetadataTable,
} from '../tables.ts';
import type { StoreReader } from '../view.ts';

/** The federation state of a datacenter, in any case of letters. */
export function federationState(
  reader: StoreReader,
  datacenter: string,
): Indexed<FederationState | null> {
  return single(reader, federationStatesTable, nameKey(datacenter));
}

/** All federation states, in order of datacenters. */
export function federationStates(reader: StoreReader): Indexed<readonly FederationState[]> {
  return whole(reader, federationStatesTable);
}

export function sessionById(reader: StoreReader, id: string): Indexed<Session | null> {
  return single(reader, sessionsTable, nameKey(id));
}

export function sessions(reader: StoreReader): Indexed<readonly Session[]> {
  return whole(reader, sessionsTable);
}

export function nodeSessions(reader: StoreReader, node: string): Indexed<readonly Session[]> {
  const result = reader.lookup(sessionsTable.by.node, nameKey(node));
  return { index: maxIndex(reader.unwatched, sessionsTable.name), result };
}

export function coordinates(reader: StoreReader): Indexed<readonly Coordinate[]> {
  return whole(reader, coordinatesTable);
}

/** Coordinates of one node, one for each segment. */
export function nodeCoordinates(reader: StoreReader, node: string): Indexed<readonly Coordinate[]> {
  const result = reader.scan(coordinatesTable, onNode(node));
  return { index: maxIndex(reader.unwatched, coordinatesTable.name), result };
}

export function configEntry(
  reader: StoreReader,
  kind: string,
  name: string,
): Indexed<ConfigEntryRow | null> {
  return single(reader, configEntriesTable, compoundKey(kind, nameKey(name)));
}

/** Config entries of a kind, or all. */
export function configEntries(
  reader: StoreReader,
  kind?: string,
): Indexed<readonly ConfigEntryRow[]> {
  const result = reader.scan(configEntriesTable, kind === undefined ? '' : compoundKey(kind, ''));
  return { index: maxIndex(reader.unwatched, configEntriesTable.name), result };
}

export function caRoots(reader: StoreReader): Indexed<readonly CARoot[]> {
  return whole(reader, caRootsTable);
}

/** Index: that of the object, as for autopilot's. */
export function caConfiguration(reader: StoreReader): Indexed<CAConfiguration | null> {
  const row = reader.first(caConfigTable, SINGLE_KEY);
  return { index: row?.ModifyIndex ?? 0, result: row ?? null };
}

export function caProviderState(
  reader: StoreReader,
  id: string,
): Indexed<CAConsulProviderState | null> {
  return single(reader, caProviderStatesTable, id);
}

/** Intentions that are not config entries yet. */
export function legacyIntentions(reader: StoreReader): Indexed<readonly Intention[]> {
  return whole(reader, intentionsTable);
}

/** In order of their IDs. */
export function caProviderStates(reader: StoreReader): Indexed<readonly CAConsulProviderState[]> {
  return whole(reader, caProviderStatesTable);
}

export function autopilotConfiguration(reader: StoreReader): Indexed<AutopilotConfig | null> {
  const row = reader.first(autopilotTable, SINGLE_KEY);
  return { index: row?.ModifyIndex ?? 0, result: row ?? null };
}

export function systemMetadata(
  reader: StoreReader,
  key: string,
): Indexed<SystemMetadataEntry | null> {
  return single(reader, systemMetadataTable, nameKey(key));
}

export function systemMetadataEntries(
  reader: StoreReader,
): Indexed<readonly SystemMetadataEntry[]> {
  return whole(reader, systemMetadataTable);
}

function single<Row>(reader: StoreReader, table: Table<Row>, key: string): Indexed<Row | null> {
  const row = reader.first(table, key);
  return { index: maxIndex(reader.unwatched, table.name), result: row ?? null };
}

function whole<Row>(reader: StoreReader, table: Table<Row>): Indexed<readonly Row[]> {
  return { index: maxIndex(reader, table.name), result: reader.unwatched.scan(table, '') };
}
