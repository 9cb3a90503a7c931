/**
 * The state store in ten lines: rows live in sorted trees (table.ts, tables.ts); a command changes
 * them in a transaction, all or nothing (transaction.ts, write/); a batch of commands is published
 * as one immutable view and wakes those who wait for what changed (store.ts, watch.ts); reads are
 * functions over a view that answer `{index, result}` (read/); a blocking query runs a read again
 * when something it looked at has changed (blocking-query.ts).
 */

export * from './blocking-query.ts';
export * from './read/catalog.ts';
export * from './read/discovery-chain.ts';
export * from './read/gateways.ts';
export * from './read/health.ts';
export * from './read/intentions.ts';
export * from './read/kv.ts';
export * from './read/other.ts';
export * from './read/prepared-query.ts';
export * from './read/service-config.ts';
export * from './read/topology.ts';
export { readTxn } from './read/txn.ts';
export { Store, type StoreSource } from './store.ts';
export { type Effects, type LockDelay, StoreError } from './transaction.ts';
export { type StoreReader, StoreView, WatchingReader } from './view.ts';
export { WatchSet } from './watch.ts';
