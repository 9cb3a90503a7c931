/** `Intention.*`, as far as secondaries of Consul 1.9 need it of their primary. */

import { IndexedIntentions, IntentionListRequest } from '../../model/intention.ts';
import type { RpcMethod } from '../method.ts';

/** With `Legacy` set: only what is left in the older table. */
export const INTENTION_LIST: RpcMethod<IntentionListRequest, IndexedIntentions> = {
  name: 'Intention.List',
  request: IntentionListRequest,
  reply: IndexedIntentions,
};
