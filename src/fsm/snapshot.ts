/**
 * Writes the state as state.bin: a header, then records of a type byte and one msgpack value, in the
 * order of Consul 1.9 and of no later type, so that a real server restores it.
 */

import { ACLAuthMethod, ACLBindingRule, ACLPolicy, ACLRole, ACLToken } from '../model/acl.ts';
import { type Node, RegisterRequest } from '../model/catalog.ts';
import { ConfigEntryRequest } from '../model/config-entry.ts';
import { CAConfiguration, CAConsulProviderState, CARoot } from '../model/connect-ca.ts';
import { Coordinates } from '../model/coordinate.ts';
import { FederationStateRequest } from '../model/federation-state.ts';
import { Intention } from '../model/intention.ts';
import { DirEntry } from '../model/kv.ts';
import { AutopilotConfig } from '../model/operator.ts';
import { PreparedQuery } from '../model/prepared-query.ts';
import { Session } from '../model/session.ts';
import { SystemMetadataEntry } from '../model/system-metadata.ts';
import { onNode } from '../store/index-rows.ts';
import type { Table } from '../store/table.ts';
import * as tables from '../store/tables.ts';
import type { StoreView } from '../store/view.ts';
import type { Codec } from '../wire/msgpack/schema.ts';
import { MsgpackWriter } from '../wire/msgpack/writer.ts';
import type { PendingChunks } from './chunking.ts';
import { COMMAND_TYPES } from './command-types.ts';
import { ChunkingState, IndexRecord, SnapshotHeader } from './records.ts';

/** Bytes of a slice, at least; a slice ends with the record that passes it. A millisecond's work. */
const SLICE_BYTES = 32_768;

/** A record: its type, then its value. */
type WriteRecord = <T>(type: number, codec: Codec<T>, value: T) => void;

/** Encodes a view, slice by slice. The view is immutable: nothing need be held up meanwhile. */
export function* writeState(view: StoreView, pending: PendingChunks): Generator<Uint8Array> {
  const writer = new MsgpackWriter();
  const write: WriteRecord = (type, codec, value) => {
    writer.bytes(Uint8Array.of(type));
    codec.encode(writer, value);
  };
  SnapshotHeader.encode(writer, { LastIndex: lastIndex(view) });
  for (const _ of writeRecords(view, pending, write)) {
    if (writer.length >= SLICE_BYTES) {
      yield writer.finish();
      writer.reset();
    }
  }
  yield writer.finish();
}

/** Highest of the index rows that are named after a table. */
function lastIndex(view: StoreView): number {
  const highest = TABLES_WITH_INDEX_ROW.map((name) => view.indexRow(name) ?? 0);
  return Math.max(0, ...highest);
}

const TABLES_WITH_INDEX_ROW: readonly string[] = [
  'acl-auth-methods',
  'acl-binding-rules',
  'acl-policies',
  'acl-roles',
  'acl-tokens',
  'checks',
  'config-entries',
  'connect-ca-builtin',
  'connect-ca-roots',
  'connect-intentions',
  'coordinates',
  'federation-states',
  'gateway-services',
  'kvs',
  'mesh-topology',
  'nodes',
  'prepared-queries',
  'services',
  'sessions',
  'system-metadata',
  'tombstones',
];

/** Writes all records, pausing after each. */
function* writeRecords(
  view: StoreView,
  pending: PendingChunks,
  write: WriteRecord,
): Generator<undefined> {
  const each = <Row, T>(
    table: Table<Row>,
    type: number,
    codec: Codec<T>,
    value: (row: Row) => T,
  ): Generator<undefined> => writeTable(view, table, (row) => write(type, codec, value(row)));
  const own = <Row>(row: Row): Row => row;

  yield* writeNodes(view, write);
  yield* each(tables.coordinatesTable, COMMAND_TYPES.CoordinateBatchUpdate, Coordinates, (row) => [
    row,
  ]);
  yield* each(tables.sessionsTable, COMMAND_TYPES.Session, Session, own);
  yield* each(tables.aclTokensTable, COMMAND_TYPES.ACLTokenSet, ACLToken, own);
  yield* each(tables.aclPoliciesTable, COMMAND_TYPES.ACLPolicySet, ACLPolicy, own);
  yield* each(tables.aclRolesTable, COMMAND_TYPES.ACLRoleSet, ACLRole, own);
  yield* each(tables.aclBindingRulesTable, COMMAND_TYPES.ACLBindingRuleSet, ACLBindingRule, own);
  yield* each(tables.aclAuthMethodsTable, COMMAND_TYPES.ACLAuthMethodSet, ACLAuthMethod, own);
  yield* each(tables.kvsTable, COMMAND_TYPES.KVS, DirEntry, own);
  yield* each(tables.tombstonesTable, COMMAND_TYPES.Tombstone, DirEntry, (stone) =>
    DirEntry.of({ Key: stone.key, ModifyIndex: stone.index }),
  );
  yield* each(tables.preparedQueriesTable, COMMAND_TYPES.PreparedQuery, PreparedQuery, own);
  yield* each(tables.autopilotTable, COMMAND_TYPES.Autopilot, AutopilotConfig, own);
  yield* each(tables.intentionsTable, COMMAND_TYPES.Intention, Intention, own);
  yield* each(tables.caRootsTable, COMMAND_TYPES.ConnectCA, CARoot, own);
  yield* each(
    tables.caProviderStatesTable,
    COMMAND_TYPES.ConnectCAProviderState,
    CAConsulProviderState,
    own,
  );
  yield* each(tables.caConfigTable, COMMAND_TYPES.ConnectCAConfig, CAConfiguration, own);
  yield* each(tables.configEntriesTable, COMMAND_TYPES.ConfigEntry, ConfigEntryRequest, (row) => ({
    Kind: row.Kind,
    Datacenter: '',
    Op: '',
    Token: '',
    Entry: row,
  }));
  yield* each(
    tables.federationStatesTable,
    COMMAND_TYPES.FederationState,
    FederationStateRequest,
    (State) => FederationStateRequest.of({ Op: 'upsert', State }),
  );
  yield* each(tables.systemMetadataTable, COMMAND_TYPES.SystemMetadata, SystemMetadataEntry, own);
  yield* each(tables.indexTable, COMMAND_TYPES.Index, IndexRecord, (row) => ({
    Key: row.name,
    Value: row.value,
  }));
  write(COMMAND_TYPES.ChunkingState, ChunkingState, { ChunkMap: pending });
}

function* writeTable<Row>(
  view: StoreView,
  table: Table<Row>,
  write: (row: Row) => void,
): Generator<undefined> {
  for (const row of view.rows(table)) {
    write(row);
    yield;
  }
}

/** A node bare, then once for each of its services, then once for each check. */
function* writeNodes(view: StoreView, write: WriteRecord): Generator<undefined> {
  for (const node of view.rows(tables.nodesTable)) {
    const bare = registrationOf(node);
    const prefix = onNode(node.Node);
    write(COMMAND_TYPES.Register, RegisterRequest, bare);
    yield;
    for (const { service } of view.scan(tables.servicesTable, prefix)) {
      write(COMMAND_TYPES.Register, RegisterRequest, { ...bare, Service: service });
      yield;
    }
    for (const check of view.scan(tables.checksTable, prefix)) {
      write(COMMAND_TYPES.Register, RegisterRequest, { ...bare, Check: check });
      yield;
    }
  }
}

function registrationOf(node: Node): RegisterRequest {
  return RegisterRequest.of({
    Datacenter: node.Datacenter,
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    CreateIndex: node.CreateIndex,
    ModifyIndex: node.ModifyIndex,
  });
}
