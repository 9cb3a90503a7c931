/** What handlers work with. */

import type { RpcCaller } from '../rpc/method.ts';
import type { SnapshotCaller } from '../rpc/snapshots.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Clock, Random } from '../world/world.ts';
import type { AgentCache } from './agent-cache.ts';
import type { AgentFacts } from './agent-facts.ts';
import type { LocalServices } from './local-services.ts';

export interface HttpContext {
  readonly rpc: RpcCaller;
  readonly snapshots: SnapshotCaller;
  readonly agent: AgentFacts;
  readonly local: LocalServices;
  readonly cache: AgentCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** Whether metrics are told in Prometheus' form too (`telemetry.prometheus_retention_time`). */
  readonly prometheus: boolean;
  /** Whether `disable_coordinates` leaves the routes of coordinates open. */
  readonly coordinates: 'enabled' | 'disabled';
  /** `limits.kv_max_value_size`, bytes. */
  readonly kvValueBytesMax: number;
  /** The larger of that and of `limits.txn_max_req_len`: bytes of the body of a transaction. */
  readonly txnBytesMax: number;
}

/** Consul's default of `limits.kv_max_value_size`. */
export const KV_VALUE_BYTES_DEFAULT_MAX = 512 * 1024;
/** Consul's default of `limits.txn_max_req_len`. */
export const TXN_BYTES_DEFAULT_MAX = 512 * 1024;
