/** Maintenance mode: a check that is critical for as long as it exists. */

import { parseGoBool } from '../../go-bool.ts';
import { CHECK_OUTPUT_BYTES_MAX, type CheckDefinition } from '../../local/definitions.ts';
import { badRequest, type HttpRequest } from '../message.ts';

export interface MaintenanceWish {
  readonly enable: 'yes' | 'no';
  readonly reason: string;
}

/** Reads `?enable=&reason=`; throws an HttpError (400). */
export function maintenanceWish({ query }: HttpRequest): MaintenanceWish {
  if (!query.has('enable')) throw badRequest('Missing value for enable');
  const enable = parseGoBool(query.get('enable'));
  if (enable === null) {
    throw badRequest(`Invalid value for enable: ${JSON.stringify(query.get('enable'))}`);
  }
  return { enable: enable ? 'yes' : 'no', reason: query.get('reason') };
}

export function maintenanceCheck(
  id: string,
  serviceId: string,
  reason: string,
  token: string,
): CheckDefinition {
  const what = serviceId === '' ? 'node' : 'service';
  return {
    id,
    name: serviceId === '' ? 'Node Maintenance Mode' : 'Service Maintenance Mode',
    notes:
      reason ||
      `Maintenance mode is enabled for this ${what}, but no reason was provided. This is a default message.`,
    serviceId,
    token,
    status: 'critical',
    run: { kind: 'maintenance' },
    successBeforePassing: 0,
    failuresBeforeCritical: 0,
    deregisterServiceAfterMs: 0,
    outputBytesMax: CHECK_OUTPUT_BYTES_MAX,
  };
}
