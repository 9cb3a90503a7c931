/** From a check as a client describes it to one that the agent can run. */

import {
  CHECK_INTERVAL_MIN_MS,
  CHECK_OUTPUT_BYTES_MAX,
  CHECK_TIMEOUT_DEFAULT_MS,
  type CheckDefinition,
  type CheckRun,
  DEREGISTER_AFTER_MIN_MS,
} from './definitions.ts';

/** What a client says of a check; durations in nanoseconds. */
export interface CheckDescription {
  readonly Name: string;
  readonly Notes: string;
  readonly Status: string;
  readonly ScriptArgs: readonly string[] | null;
  readonly HTTP: string;
  readonly Header: Readonly<Record<string, readonly string[] | null>> | null;
  readonly Method: string;
  readonly Body: string;
  readonly TCP: string;
  readonly Interval: number;
  readonly Timeout: number;
  readonly TTL: number;
  readonly DockerContainerID: string;
  readonly GRPC: string;
  readonly TLSSkipVerify: boolean;
  readonly AliasNode: string;
  readonly AliasService: string;
  readonly SuccessBeforePassing: number;
  readonly FailuresBeforeCritical: number;
  readonly DeregisterCriticalServiceAfter: number;
  readonly OutputMaxSize: number;
}

const NS_PER_MS = 1e6;

function isAlias(check: CheckDescription): boolean {
  return check.AliasNode !== '' || check.AliasService !== '';
}

/** What is wrong with a check, in Consul's words; `null` when nothing is. */
export function checkComplaint(check: CheckDescription): string | null {
  const script = (check.ScriptArgs ?? []).length > 0 || check.DockerContainerID !== '';
  const probes = script || check.HTTP !== '' || check.TCP !== '' || check.GRPC !== '';
  if (check.Interval > 0 && check.TTL > 0) return 'Interval and TTL cannot both be specified';
  if (probes && check.Interval <= 0) {
    return 'Interval must be > 0 for Script, HTTP, or TCP checks';
  }
  if (probes && isAlias(check)) return 'Interval cannot be set for Alias checks';
  if (isAlias(check) && check.TTL > 0) return 'TTL must be not be set for Alias checks';
  if (!probes && !isAlias(check) && check.TTL <= 0) return 'TTL must be > 0 for TTL checks';
  if (check.OutputMaxSize < 0) return 'MaxOutputMaxSize must be positive';
  if (script) return SCRIPTS_DISABLED;
  return check.GRPC === '' ? null : 'gRPC checks are not supported by this agent';
}

/** What Consul says when scripts are not allowed; here they never are. */
const SCRIPTS_DISABLED =
  "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true";

/** The definition of a check without complaints. */
export function checkDefinition(
  check: CheckDescription,
  own: {
    readonly id: string;
    readonly name: string;
    readonly serviceId: string;
    readonly token: string;
  },
): CheckDefinition {
  const reapAfterMs = check.DeregisterCriticalServiceAfter / NS_PER_MS;
  const outputMax = check.OutputMaxSize || CHECK_OUTPUT_BYTES_MAX;
  return {
    ...own,
    notes: check.Notes,
    status: check.Status || 'critical',
    run: checkRun(check),
    successBeforePassing: check.SuccessBeforePassing,
    failuresBeforeCritical: check.FailuresBeforeCritical,
    deregisterServiceAfterMs: reapAfterMs > 0 ? Math.max(reapAfterMs, DEREGISTER_AFTER_MIN_MS) : 0,
    outputBytesMax: Math.min(outputMax, CHECK_OUTPUT_BYTES_MAX),
  };
}

function checkRun(check: CheckDescription): CheckRun {
  const intervalMs = Math.max(check.Interval / NS_PER_MS, CHECK_INTERVAL_MIN_MS);
  const timeoutMs = check.Timeout > 0 ? check.Timeout / NS_PER_MS : CHECK_TIMEOUT_DEFAULT_MS;
  if (isAlias(check)) return { kind: 'alias', node: check.AliasNode, service: check.AliasService };
  if (check.TCP !== '') return { kind: 'tcp', address: check.TCP, intervalMs, timeoutMs };
  if (check.HTTP === '') return { kind: 'ttl', ttlMs: check.TTL / NS_PER_MS };
  return {
    kind: 'http',
    url: check.HTTP,
    method: check.Method || 'GET',
    body: check.Body,
    header: Object.fromEntries(
      Object.entries(check.Header ?? {}).map(([name, values]) => [name, values ?? []]),
    ),
    tlsSkipVerify: check.TLSSkipVerify,
    intervalMs,
    timeoutMs,
  };
}
