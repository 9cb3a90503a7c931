/** `Intention.*`: who may connect to whom. */

import {
  IndexedIntentionMatches,
  IndexedIntentions,
  IntentionListRequest,
  IntentionQueryCheckResponse,
  IntentionQueryRequest,
  IntentionRequest,
} from '../../model/intention.ts';
import { str } from '../../wire/msgpack/schema.ts';
import type { RpcMethod } from '../method.ts';

/** Answers the ID of an intention that has one, else `''`. */
export const INTENTION_APPLY: RpcMethod<IntentionRequest, string> = {
  name: 'Intention.Apply',
  request: IntentionRequest,
  reply: str,
  routing: { to: 'primary', access: 'write' },
};

/** By `IntentionID` or `Exact`. */
export const INTENTION_GET: RpcMethod<IntentionQueryRequest, IndexedIntentions> = {
  name: 'Intention.Get',
  request: IntentionQueryRequest,
  reply: IndexedIntentions,
};

/** With `Legacy` set: only what is left in the older table. */
export const INTENTION_LIST: RpcMethod<IntentionListRequest, IndexedIntentions> = {
  name: 'Intention.List',
  request: IntentionListRequest,
  reply: IndexedIntentions,
};

/** One list for each of the names in `Match`. */
export const INTENTION_MATCH: RpcMethod<IntentionQueryRequest, IndexedIntentionMatches> = {
  name: 'Intention.Match',
  request: IntentionQueryRequest,
  reply: IndexedIntentionMatches,
};

export const INTENTION_CHECK: RpcMethod<IntentionQueryRequest, IntentionQueryCheckResponse> = {
  name: 'Intention.Check',
  request: IntentionQueryRequest,
  reply: IntentionQueryCheckResponse,
};
