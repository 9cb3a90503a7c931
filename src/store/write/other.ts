/** Writes of the smaller tables. */

import type { ConfigEntryRow } from '../../model/config-entry.ts';
import type { Coordinate } from '../../model/coordinate.ts';
import type { Intention } from '../../model/intention.ts';
import type { AutopilotConfig } from '../../model/operator.ts';
import type { SystemMetadataEntry } from '../../model/system-metadata.ts';
import { nodeByName } from '../read/catalog.ts';
import { nameKey } from '../table.ts';
import {
  autopilotTable,
  configEntriesTable,
  coordinatesTable,
  intentionsTable,
  SINGLE_KEY,
  systemMetadataTable,
} from '../tables.ts';
import type { Transaction } from '../transaction.ts';
import { quoted, refuse } from './errors.ts';

/** Numbers in a coordinate's vector. */
const COORDINATE_DIMENSIONS = 8;

/** Invalid coordinates and those of unknown nodes are skipped. */
export function updateCoordinates(tx: Transaction, batch: readonly Coordinate[]): void {
  for (const row of batch) {
    if (nodeByName(tx, row.Node) === undefined || !isCoordinate(row.Coord)) continue;
    tx.put(coordinatesTable, row);
  }
  tx.bump(coordinatesTable.name);
}

function isCoordinate(coordinate: Coordinate['Coord']): boolean {
  if (coordinate === null) return false;
  const vector = coordinate.Vec ?? [];
  const numbers = [...vector, coordinate.Error, coordinate.Adjustment, coordinate.Height];
  return vector.length === COORDINATE_DIMENSIONS && numbers.every(Number.isFinite);
}

export function setAutopilot(tx: Transaction, config: AutopilotConfig): void {
  const before = tx.first(autopilotTable, SINGLE_KEY);
  tx.put(autopilotTable, {
    ...config,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
}

/** False without a row or when its index differs. */
export function setAutopilotCas(tx: Transaction, config: AutopilotConfig): boolean {
  const before = tx.first(autopilotTable, SINGLE_KEY);
  if (before === undefined || before.ModifyIndex !== config.ModifyIndex) return false;
  setAutopilot(tx, config);
  return true;
}

/** Index rows that a kind of config entry moves beside its table's. */
function configEntryRows(kind: string): readonly string[] {
  if (kind === 'ingress-gateway') return ['gateway-services', 'mesh-topology'];
  return kind === 'terminating-gateway' ? ['gateway-services'] : [];
}

export function setConfigEntry(tx: Transaction, entry: ConfigEntryRow): void {
  const before = tx.first(configEntriesTable, configEntriesTable.key(entry));
  refuseSameGatewayName(tx, entry);
  tx.put(configEntriesTable, {
    ...entry,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump(configEntriesTable.name, ...configEntryRows(entry.Kind));
}

function refuseSameGatewayName(tx: Transaction, entry: ConfigEntryRow): void {
  const other = OTHER_GATEWAY.get(entry.Kind);
  if (other === undefined) return;
  const key = configEntriesTable.key({ ...entry, Kind: other });
  if (tx.first(configEntriesTable, key) === undefined) return;
  refuse(
    `cannot create a ${quoted(entry.Kind)} config entry with name ${quoted(entry.Name)}, ` +
      `a ${quoted(other)} config entry with that name already exists`,
  );
}

const OTHER_GATEWAY: ReadonlyMap<string, string> = new Map([
  ['ingress-gateway', 'terminating-gateway'],
  ['terminating-gateway', 'ingress-gateway'],
]);

export function setConfigEntryCas(tx: Transaction, entry: ConfigEntryRow): boolean {
  const before = tx.first(configEntriesTable, configEntriesTable.key(entry));
  if ((before?.ModifyIndex ?? 0) !== entry.ModifyIndex) return false;
  setConfigEntry(tx, entry);
  return true;
}

export function deleteConfigEntry(tx: Transaction, entry: ConfigEntryRow): void {
  if (!tx.remove(configEntriesTable, configEntriesTable.key(entry))) return;
  tx.bump(configEntriesTable.name, ...configEntryRows(entry.Kind));
}

export function setSystemMetadata(tx: Transaction, entry: SystemMetadataEntry): void {
  if (entry.Key === '') refuse('missing key on system metadata');
  const before = tx.first(systemMetadataTable, nameKey(entry.Key));
  tx.put(systemMetadataTable, {
    ...entry,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump(systemMetadataTable.name);
}

export function deleteSystemMetadata(tx: Transaction, key: string): void {
  if (tx.remove(systemMetadataTable, nameKey(key))) tx.bump(systemMetadataTable.name);
}

/** The metadata that tells where intentions are kept. */
const INTENTION_FORMAT = 'intention-format';

export function intentionsAreConfigEntries(tx: Transaction): boolean {
  return tx.first(systemMetadataTable, INTENTION_FORMAT)?.Value === 'config-entry';
}

/** The older table, writable until its content has moved into config entries. */
export function setLegacyIntention(tx: Transaction, intention: Intention): void {
  refuseMigrated(tx);
  if (intention.ID === '') refuse('Missing Intention ID');
  const before = tx.first(intentionsTable, intention.ID);
  const twin = tx
    .scan(intentionsTable, '')
    .find(
      (other) =>
        other.ID !== intention.ID &&
        other.SourceName === intention.SourceName &&
        other.DestinationName === intention.DestinationName,
    );
  if (twin !== undefined) refuse(`duplicate intention found: ${intentionText(twin)}`);
  tx.put(intentionsTable, {
    ...intention,
    CreateIndex: before?.CreateIndex ?? tx.index,
    ModifyIndex: tx.index,
  });
  tx.bump(intentionsTable.name);
}

function intentionText(intention: Intention): string {
  const { Action, SourceNS, SourceName, DestinationNS, DestinationName, ID } = intention;
  const precedence = intention.Precedence;
  const route = `${SourceNS}/${SourceName} => ${DestinationNS}/${DestinationName}`;
  return `${Action} ${route} (ID: ${ID}, Precedence: ${precedence})`;
}

export function deleteLegacyIntention(tx: Transaction, id: string): void {
  refuseMigrated(tx);
  if (tx.remove(intentionsTable, id)) tx.bump(intentionsTable.name);
}

function refuseMigrated(tx: Transaction): void {
  if (intentionsAreConfigEntries(tx)) {
    refuse('Legacy intention modifications are disabled after the config entry migration.');
  }
}

/** The last step of that move. */
export function deleteAllLegacyIntentions(tx: Transaction): void {
  for (const intention of tx.scan(intentionsTable, '')) tx.remove(intentionsTable, intention.ID);
  tx.bump(intentionsTable.name, configEntriesTable.name, systemMetadataTable.name);
}
