/** `PreparedQuery.*`: queries kept by the servers, run by name. */

import { DCSpecificRequest } from '../../model/blocks.ts';
import {
  IndexedPreparedQueries,
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  PreparedQueryExplainResponse,
  PreparedQueryRequest,
  PreparedQuerySpecificRequest,
} from '../../model/prepared-query.ts';
import { str } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

/** The error of a query that is not there. */
export const QUERY_NOT_FOUND = 'Query not found';

/** Answers the id of the query. */
export const PREPARED_QUERY_APPLY: RpcMethod<PreparedQueryRequest, string> = {
  name: 'PreparedQuery.Apply',
  request: PreparedQueryRequest,
  reply: str,
};

export const PREPARED_QUERY_GET: RpcMethod<PreparedQuerySpecificRequest, IndexedPreparedQueries> = {
  name: 'PreparedQuery.Get',
  request: PreparedQuerySpecificRequest,
  reply: IndexedPreparedQueries,
};

export const PREPARED_QUERY_LIST: RpcMethod<DCSpecificRequest, IndexedPreparedQueries> = {
  name: 'PreparedQuery.List',
  request: DCSpecificRequest,
  reply: IndexedPreparedQueries,
};

export const PREPARED_QUERY_EXPLAIN: RpcMethod<
  PreparedQueryExecuteRequest,
  PreparedQueryExplainResponse
> = {
  name: 'PreparedQuery.Explain',
  request: PreparedQueryExecuteRequest,
  reply: PreparedQueryExplainResponse,
};

export const PREPARED_QUERY_EXECUTE: RpcMethod<
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse
> = {
  name: 'PreparedQuery.Execute',
  request: PreparedQueryExecuteRequest,
  reply: PreparedQueryExecuteResponse,
};

/** Runs a query of another datacenter here, without failover of its own. */
export const PREPARED_QUERY_EXECUTE_REMOTE: RpcMethod<
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteResponse
> = {
  name: 'PreparedQuery.ExecuteRemote',
  request: PreparedQueryExecuteRemoteRequest,
  reply: PreparedQueryExecuteResponse,
};
