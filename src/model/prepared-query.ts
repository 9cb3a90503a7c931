/** Prepared queries. */

import {
  bool,
  i64,
  map,
  pointer,
  slice,
  str,
  struct,
  type TypeOf,
} from '../wire/msgpack/schema.ts';
import { QueryMeta, QueryOptions, QuerySource, RaftIndex, WriteRequest } from './blocks.ts';
import { CheckServiceNode } from './catalog.ts';

export const QueryTemplateOptions = struct({ Type: str, Regexp: str, RemoveEmptyTags: bool });
export const QueryDatacenterOptions = struct({ NearestN: i64, Datacenters: slice(str) });
export const QueryDNSOptions = struct({ TTL: str });

export const ServiceQuery = struct({
  Service: str,
  Failover: QueryDatacenterOptions,
  OnlyPassing: bool,
  IgnoreCheckIDs: slice(str),
  Near: str,
  Tags: slice(str),
  NodeMeta: map(str),
  ServiceMeta: map(str),
  Connect: bool,
});
export type ServiceQuery = TypeOf<typeof ServiceQuery>;

export const PreparedQuery = struct({
  ID: str,
  Name: str,
  Session: str,
  Token: str,
  Template: QueryTemplateOptions,
  Service: ServiceQuery,
  DNS: QueryDNSOptions,
  ...RaftIndex.fields,
});
export type PreparedQuery = TypeOf<typeof PreparedQuery>;

/** `Op`: `create`, `update` or `delete`. */
export const PreparedQueryRequest = struct({
  Datacenter: str,
  Op: str,
  Query: pointer(PreparedQuery),
  ...WriteRequest.fields,
});
export type PreparedQueryRequest = TypeOf<typeof PreparedQueryRequest>;

export const PreparedQuerySpecificRequest = struct({
  Datacenter: str,
  QueryID: str,
  ...QueryOptions.fields,
});
export type PreparedQuerySpecificRequest = TypeOf<typeof PreparedQuerySpecificRequest>;

export const PreparedQueryExecuteRequest = struct({
  Datacenter: str,
  QueryIDOrName: str,
  Limit: i64,
  Connect: bool,
  Source: QuerySource,
  Agent: QuerySource,
  ...QueryOptions.fields,
});
export type PreparedQueryExecuteRequest = TypeOf<typeof PreparedQueryExecuteRequest>;

export const PreparedQueryExecuteRemoteRequest = struct({
  Datacenter: str,
  Query: PreparedQuery,
  Limit: i64,
  Connect: bool,
  ...QueryOptions.fields,
});
export type PreparedQueryExecuteRemoteRequest = TypeOf<typeof PreparedQueryExecuteRemoteRequest>;

export const PreparedQueryExecuteResponse = struct({
  Service: str,
  Nodes: slice(CheckServiceNode),
  DNS: QueryDNSOptions,
  Datacenter: str,
  Failovers: i64,
  ...QueryMeta.fields,
});
export type PreparedQueryExecuteResponse = TypeOf<typeof PreparedQueryExecuteResponse>;

export const PreparedQueryExplainResponse = struct({ Query: PreparedQuery, ...QueryMeta.fields });
export type PreparedQueryExplainResponse = TypeOf<typeof PreparedQueryExplainResponse>;

export const IndexedPreparedQueries = struct({
  Queries: slice(PreparedQuery),
  ...QueryMeta.fields,
});
export type IndexedPreparedQueries = TypeOf<typeof IndexedPreparedQueries>;
