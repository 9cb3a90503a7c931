/** Services and checks as this agent runs them. The catalog holds a copy. */

import type { NodeService } from '../model/catalog.ts';
import type { HealthCheck } from '../model/health-check.ts';

/** How a check comes to its status. */
export type CheckRun =
  | { readonly kind: 'ttl'; readonly ttlMs: number }
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly method: string;
      readonly body: string;
      readonly header: Readonly<Record<string, readonly string[]>>;
      readonly tlsSkipVerify: boolean;
      readonly intervalMs: number;
      readonly timeoutMs: number;
    }
  | {
      readonly kind: 'tcp';
      /** `host:port` */
      readonly address: string;
      readonly intervalMs: number;
      readonly timeoutMs: number;
    }
  | {
      readonly kind: 'alias';
      /** Empty = this node. */
      readonly node: string;
      /** Empty = the node itself. */
      readonly service: string;
    }
  /** Critical for as long as it exists. */
  | { readonly kind: 'maintenance' };

export interface CheckDefinition {
  readonly id: string;
  readonly name: string;
  readonly notes: string;
  /** Empty = a check of the node. */
  readonly serviceId: string;
  readonly token: string;
  /** Status before the first result. */
  readonly status: string;
  readonly run: CheckRun;
  /** Results in a row that are needed; 0 and 1 = each counts. */
  readonly successBeforePassing: number;
  readonly failuresBeforeCritical: number;
  /** The service goes when the check has been critical this long; 0 = never. */
  readonly deregisterServiceAfterMs: number;
  readonly outputBytesMax: number;
}

export interface LocalService {
  readonly service: NodeService;
  /** Used for writes to the catalog; never shown. */
  readonly token: string;
}

export interface LocalCheck {
  readonly check: HealthCheck;
  readonly definition: CheckDefinition;
}

/** Everything registered with this agent, immutable; a new one with each change. */
export interface LocalView {
  readonly services: ReadonlyMap<string, LocalService>;
  readonly checks: ReadonlyMap<string, LocalCheck>;
}

export const EMPTY_LOCAL_VIEW: LocalView = { services: new Map(), checks: new Map() };

/** Consul's `check_output_max_size`. */
export const CHECK_OUTPUT_BYTES_MAX = 4096;
/** Intervals below are raised to it. */
export const CHECK_INTERVAL_MIN_MS = 1000;
/** `DeregisterCriticalServiceAfter` below is raised to it. */
export const DEREGISTER_AFTER_MIN_MS = 60_000;
export const CHECK_TIMEOUT_DEFAULT_MS = 10_000;

export const NODE_MAINTENANCE_ID = '_node_maintenance';
const SERVICE_MAINTENANCE_PREFIX = '_service_maintenance:';

export function serviceMaintenanceId(serviceId: string): string {
  return SERVICE_MAINTENANCE_PREFIX + serviceId;
}
