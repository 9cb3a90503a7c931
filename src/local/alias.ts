/** The state of an alias check: the worst of what it stands for. */

import type { HealthCheck } from '../model/health-check.ts';
import type { LocalState } from './state.ts';

const WORSE: Readonly<Record<string, number>> = { passing: 0, warning: 1, critical: 2 };

/** `serviceId` empty = the node itself. The alias does not look at itself. */
export function aliasResult(
  state: LocalState,
  aliasId: string,
  serviceId: string,
): { readonly status: string; readonly output: string } {
  const known = serviceId === '' || (state.services.get(serviceId)?.local ?? null) !== null;
  if (!known) {
    return {
      status: 'critical',
      output: `Service ${serviceId} could not be found on node `,
    };
  }
  const checks = [...state.checks]
    .filter(([id]) => id !== aliasId)
    .map(([, entry]) => entry.local?.check)
    .filter((check) => check !== undefined)
    .filter((check) => check.ServiceID === '' || check.ServiceID === serviceId);
  return worst(checks);
}

function worst(checks: readonly HealthCheck[]): {
  readonly status: string;
  readonly output: string;
} {
  if (checks.length === 0) return { status: 'passing', output: 'No checks found.' };
  let bad: HealthCheck | null = null;
  for (const check of checks) {
    if ((WORSE[check.Status] ?? 0) > (WORSE[bad?.Status ?? 'passing'] ?? 0)) bad = check;
  }
  if (bad === null) return { status: 'passing', output: 'All checks passing.' };
  const output = `Aliased check ${JSON.stringify(bad.Name)} failing: ${bad.Output}`;
  return { status: bad.Status, output };
}
