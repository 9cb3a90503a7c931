/**
 * Reads state.bin into a new store. Records keep their indexes; the index rows at the end say what
 * the rows of the tables are, and where an old snapshot has none they follow from the records.
 */

import { ACLAuthMethod, ACLBindingRule, ACLPolicy, ACLRole, ACLToken } from '../model/acl.ts';
import type { RaftIndex } from '../model/blocks.ts';
import { RegisterRequest } from '../model/catalog.ts';
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
import { kindRowName, serviceRowName } from '../store/index-rows.ts';
import { Store } from '../store/store.ts';
import type { Table } from '../store/table.ts';
import * as tables from '../store/tables.ts';
import type { Transaction } from '../store/transaction.ts';
import { ACL_BOOTSTRAP_ROW } from '../store/write/acl.ts';
import { nodeOf } from '../store/write/node.ts';
import { keptService } from '../store/write/service.ts';
import { insertSession } from '../store/write/session.ts';
import { IncompleteError, MalformedError, MsgpackReader } from '../wire/msgpack/reader.ts';
import type { Codec } from '../wire/msgpack/schema.ts';
import { ValueSplitter } from '../wire/rpc/values.ts';
import type { PendingChunks } from './chunking.ts';
import { COMMAND_TYPES } from './command-types.ts';
import type { DecodeError } from './errors.ts';
import {
  ACLBootstrapRecord,
  ChunkingState,
  IndexRecord,
  SnapshotHeader,
  undecodable,
} from './records.ts';

/** First type of the records that later versions write and that may be left out. */
const LATER_TYPES_FIRST = COMMAND_TYPES.ServiceVirtualIP;
/** Bytes of a record; the largest are chunks of commands under way, which are held until it ends. */
export const RECORD_BYTES_MAX = 268_435_456;
/** From here on, records are Consul Enterprise's. */
const ENTERPRISE_TYPES_FIRST = 64;

export interface RestoredState {
  readonly store: Store;
  /** Highest index of a table when the snapshot was taken. */
  readonly lastIndex: number;
  readonly pendingChunks: PendingChunks;
  /** Records of later versions that were left out: how many, by type. */
  readonly skippedTypes: ReadonlyMap<number, number>;
}

/** Reads a state. Rejects with `DecodeError` for bytes that are none, and with what `chunks` throw. */
export async function restoreState(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<RestoredState> {
  const store = new Store();
  const restorer = new Restorer(store);
  for await (const chunk of chunks) restorer.add(chunk);
  return { store, ...restorer.finish() };
}

/** Reads a state and keeps nothing of it. Rejects as `restoreState` does. */
export async function checkState(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const restorer = new Restorer(null);
  for await (const chunk of chunks) restorer.add(chunk);
  restorer.finish();
}

class Restorer {
  /** Null where nothing is to be kept. */
  readonly #store: Store | null;
  #loading: Transaction | undefined;
  readonly #splitter = new ValueSplitter(
    {
      value: (bytes) => this.#value(bytes),
      failed: (reason) => {
        throw undecodable(`snapshot is not readable near byte ${this.#offset}: ${reason}`);
      },
    },
    RECORD_BYTES_MAX,
  );
  #offset = 0;
  #lastIndex: number | null = null;
  /** Of the record whose body comes next. */
  #type: number | undefined;
  #sawIndexRow = false;
  #pendingChunks: PendingChunks = new Map();
  readonly #skippedTypes = new Map<number, number>();

  constructor(store: Store | null) {
    this.#store = store;
  }

  /** Reads all records that are complete. */
  add(chunk: Uint8Array): void {
    this.#splitter.feed(chunk);
  }

  finish(): Omit<RestoredState, 'store'> {
    const cut = this.#splitter.heldBytes > 0 || this.#type !== undefined;
    if (cut) throw undecodable(`snapshot ends within a record, at byte ${this.#offset}`);
    if (this.#lastIndex === null) throw undecodable('snapshot is empty');
    const lastIndex = this.#lastIndex;
    if (!this.#sawIndexRow && lastIndex > 0) {
      this.#store?.load(lastIndex).bump('nodes', 'checks');
    }
    return {
      lastIndex,
      pendingChunks: this.#pendingChunks,
      skippedTypes: this.#skippedTypes,
    };
  }

  /** The header, then types and bodies in turn: a type below 128 is a msgpack value of its own. */
  #value(bytes: Buffer): boolean {
    try {
      if (this.#lastIndex === null) {
        this.#lastIndex = SnapshotHeader.decode(new MsgpackReader(bytes)).LastIndex;
      } else if (this.#type === undefined) {
        this.#type = bytes[0];
      } else {
        this.#readRecord(this.#type, new MsgpackReader(bytes), this.#lastIndex);
      }
      if (this.#type !== undefined) refuseForeignType(this.#type);
    } catch (error) {
      if (!(error instanceof IncompleteError) && !(error instanceof MalformedError)) throw error;
      const text = `snapshot is not readable near byte ${this.#offset}: ${error.message}`;
      throw undecodable(text, error);
    }
    this.#offset += bytes.length;
    return true;
  }

  #readRecord(type: number, reader: MsgpackReader, lastIndex: number): void {
    this.#type = undefined;
    const record = RECORDS.get(type);
    if (record !== undefined) {
      const restore = record(reader);
      if (this.#store !== null) {
        this.#loading ??= this.#store.load(lastIndex);
        restore(this.#loading);
      }
      if (type === COMMAND_TYPES.Index) this.#sawIndexRow = true;
    } else if (type === COMMAND_TYPES.ChunkingState) {
      this.#pendingChunks = ChunkingState.decode(reader).ChunkMap;
    } else {
      this.#skippedTypes.set(type, (this.#skippedTypes.get(type) ?? 0) + 1);
    }
  }
}

/** Types that are neither known nor of a later version. */
function refuseForeignType(type: number): void {
  if (type >= ENTERPRISE_TYPES_FIRST) throw enterpriseRecord(type);
  const known = RECORDS.has(type) || type === COMMAND_TYPES.ChunkingState;
  if (known || type >= LATER_TYPES_FIRST || type === COMMAND_TYPES.ACL) return;
  throw undecodable(`Unrecognized msg type ${type}`);
}

function enterpriseRecord(type: number): DecodeError {
  return undecodable(
    `msg type <${type}> is a Consul Enterprise log entry. Consul OSS cannot restore it`,
  );
}

/** Decodes a record; what comes back writes it. Decoding may fail half-way, writing may not. */
type ReadRecord = (reader: MsgpackReader) => (tx: Transaction) => void;

function record<T>(codec: Codec<T>, write: (tx: Transaction, value: T) => void): ReadRecord {
  return (reader) => {
    const value = codec.decode(reader);
    return (tx) => write(tx, value);
  };
}

/** A row of a table whose index row is at least the row's index. */
function rowRecord<Row extends RaftIndex>(table: Table<Row>, codec: Codec<Row>): ReadRecord {
  return record(codec, (tx, row) => {
    tx.put(table, row);
    tx.raiseIndexRow(table.name, row.ModifyIndex);
  });
}

const RECORDS: ReadonlyMap<number, ReadRecord> = new Map([
  [COMMAND_TYPES.Register as number, record(RegisterRequest, restoreRegistration)],
  [
    COMMAND_TYPES.CoordinateBatchUpdate,
    record(Coordinates, (tx, rows) => {
      for (const row of rows ?? []) tx.put(tables.coordinatesTable, row);
      tx.raiseIndexRow(tables.coordinatesTable.name, tx.index);
    }),
  ],
  [
    COMMAND_TYPES.Session,
    record(Session, (tx, session) => {
      insertSession(tx, session);
      tx.raiseIndexRow(tables.sessionsTable.name, session.ModifyIndex);
    }),
  ],
  [COMMAND_TYPES.ACLTokenSet, rowRecord(tables.aclTokensTable, ACLToken)],
  [COMMAND_TYPES.ACLPolicySet, rowRecord(tables.aclPoliciesTable, ACLPolicy)],
  [COMMAND_TYPES.ACLRoleSet, rowRecord(tables.aclRolesTable, ACLRole)],
  [COMMAND_TYPES.ACLBindingRuleSet, rowRecord(tables.aclBindingRulesTable, ACLBindingRule)],
  [COMMAND_TYPES.ACLAuthMethodSet, rowRecord(tables.aclAuthMethodsTable, ACLAuthMethod)],
  [
    COMMAND_TYPES.ACLBootstrap,
    record(ACLBootstrapRecord, (tx, row) => tx.setIndexRow(ACL_BOOTSTRAP_ROW, row.ModifyIndex)),
  ],
  [
    COMMAND_TYPES.KVS,
    record(DirEntry, (tx, entry) => {
      tx.put(tables.kvsTable, entry);
      tx.raiseIndexRow(tables.kvsTable.name, entry.ModifyIndex);
    }),
  ],
  [
    COMMAND_TYPES.Tombstone,
    record(DirEntry, (tx, { Key, ModifyIndex }) => {
      tx.put(tables.tombstonesTable, { key: Key, index: ModifyIndex });
      tx.raiseIndexRow(tables.tombstonesTable.name, ModifyIndex);
    }),
  ],
  [COMMAND_TYPES.PreparedQuery, rowRecord(tables.preparedQueriesTable, PreparedQuery)],
  [
    COMMAND_TYPES.Autopilot,
    record(AutopilotConfig, (tx, row) => tx.put(tables.autopilotTable, row)),
  ],
  [COMMAND_TYPES.Intention, rowRecord(tables.intentionsTable, Intention)],
  [COMMAND_TYPES.ConnectCA, rowRecord(tables.caRootsTable, CARoot)],
  [
    COMMAND_TYPES.ConnectCAProviderState,
    rowRecord(tables.caProviderStatesTable, CAConsulProviderState),
  ],
  [
    COMMAND_TYPES.ConnectCAConfig,
    record(CAConfiguration, (tx, row) => {
      if (row.Provider !== '') tx.put(tables.caConfigTable, row);
    }),
  ],
  [
    COMMAND_TYPES.ConfigEntry,
    record(ConfigEntryRequest, (tx, { Entry }) => {
      tx.put(tables.configEntriesTable, Entry);
      tx.raiseIndexRow(tables.configEntriesTable.name, Entry.ModifyIndex);
    }),
  ],
  [
    COMMAND_TYPES.FederationState,
    record(FederationStateRequest, (tx, { State }) => {
      if (State === null) return;
      tx.put(tables.federationStatesTable, State);
      tx.raiseIndexRow(tables.federationStatesTable.name, State.ModifyIndex);
    }),
  ],
  [COMMAND_TYPES.SystemMetadata, rowRecord(tables.systemMetadataTable, SystemMetadataEntry)],
  [COMMAND_TYPES.Index, record(IndexRecord, (tx, row) => tx.setIndexRow(row.Key, row.Value))],
]);

/** A node, and with it at most one service or check, all with the indexes they had. */
function restoreRegistration(tx: Transaction, request: RegisterRequest): void {
  const node = nodeOf(request);
  // Snapshots of Consul 1.8.0 to 1.8.2 hold no indexes of nodes.
  const kept = node.CreateIndex === 0 ? { ...node, ...at(tx.index) } : node;
  tx.put(tables.nodesTable, kept);
  tx.raiseIndexRow(tables.nodesTable.name, kept.ModifyIndex);
  if (request.Service !== null) {
    const service = keptService(request.Service);
    tx.put(tables.servicesTable, { node: request.Node, service });
    tx.raiseIndexRow(tables.servicesTable.name, service.ModifyIndex);
    tx.raiseIndexRow(serviceRowName(service.Service), service.ModifyIndex);
    tx.raiseIndexRow(kindRowName(service.Kind), service.ModifyIndex);
  }
  const checks = request.Check === null ? [] : [request.Check];
  for (const check of [...checks, ...(request.Checks ?? [])]) {
    tx.put(tables.checksTable, check);
    tx.raiseIndexRow(tables.checksTable.name, check.ModifyIndex);
  }
}

function at(index: number): RaftIndex {
  return { CreateIndex: index, ModifyIndex: index };
}
