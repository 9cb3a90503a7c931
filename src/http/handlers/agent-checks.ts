/** `/v1/agent/check…` and node maintenance. */

import { HEALTH_CHECK_FIELDS } from '../../filter/fields.ts';
import { compileFilter } from '../../filter/filter.ts';
import { FilterError } from '../../filter/parse.ts';
import { checkComplaint, checkDefinition } from '../../local/check-rules.ts';
import { NODE_MAINTENANCE_ID } from '../../local/definitions.ts';
import type { HealthCheck } from '../../model/health-check.ts';
import type { HttpContext } from '../context.ts';
import { checkRegistrationInput, ttlUpdateInput } from '../json/agent-bodies.ts';
import { healthCheckJson } from '../json/objects.ts';
import { map } from '../json/output.ts';
import {
  badRequest,
  emptyAnswer,
  type HttpAnswer,
  type HttpRequest,
  jsonAnswer,
} from '../message.ts';
import { refuseNamespace, requestToken } from '../options.ts';
import type { Route } from '../router.ts';
import { decodedBody } from './body.ts';
import { maintenanceCheck, maintenanceWish } from './maintenance.ts';
import { rest } from './path.ts';

const checksJson = map(healthCheckJson, '{}');
const STATUSES: ReadonlySet<string> = new Set(['passing', 'warning', 'critical']);

export const AGENT_CHECK_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/agent/checks', methods: ['GET'], handler: checks },
  { path: '/v1/agent/check/register', methods: ['PUT'], handler: register },
  { path: '/v1/agent/check/deregister/', methods: ['PUT'], handler: deregister },
  { path: '/v1/agent/check/pass/', methods: ['PUT'], handler: feed('pass', 'passing') },
  { path: '/v1/agent/check/warn/', methods: ['PUT'], handler: feed('warn', 'warning') },
  { path: '/v1/agent/check/fail/', methods: ['PUT'], handler: feed('fail', 'critical') },
  { path: '/v1/agent/check/update/', methods: ['PUT'], handler: update },
  { path: '/v1/agent/maintenance', methods: ['PUT'], handler: maintenance },
];

async function checks(http: HttpRequest, { local }: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const passes = checkFilter(http.query.get('filter'));
  const kept = [...local.view().checks.values()].filter((one) => passes(one.check));
  const shown = kept.map((one) => [one.check.CheckID, one.check]);
  return jsonAnswer(checksJson.text(Object.fromEntries(shown)));
}

/** Here alone errors come without the usual prefix. */
function checkFilter(expression: string) {
  try {
    return compileFilter<HealthCheck>(expression, HEALTH_CHECK_FIELDS);
  } catch (error) {
    if (error instanceof FilterError && error.cause instanceof FilterError) throw error.cause;
    throw error;
  }
}

async function register(http: HttpRequest, { local }: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const body = await decodedBody(http, checkRegistrationInput);
  if (body.Name === '') throw badRequest('Missing check name');
  if (body.Status !== '' && !STATUSES.has(body.Status)) throw badRequest('Bad check status');
  const complaint = checkComplaint(body);
  if (complaint !== null) throw badRequest(`Invalid check: ${complaint}`);
  const token = requestToken(http) || body.Token;
  const id = body.ID || body.Name;
  await local.registerCheck(
    checkDefinition(body, { id, name: body.Name, serviceId: body.ServiceID, token }),
  );
  return emptyAnswer();
}

async function deregister(http: HttpRequest, { local }: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const id = rest(http.path, '/v1/agent/check/deregister/');
  if (id === '') throw new Error('CheckID missing');
  await local.deregisterCheck(id);
  return emptyAnswer();
}

function feed(verb: string, status: string) {
  return async (http: HttpRequest, { local }: HttpContext): Promise<HttpAnswer> => {
    refuseNamespace(http);
    const id = rest(http.path, `/v1/agent/check/${verb}/`);
    await local.updateTtl(id, status, http.query.get('note'));
    return emptyAnswer();
  };
}

async function update(http: HttpRequest, { local }: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const body = await decodedBody(http, ttlUpdateInput);
  if (!STATUSES.has(body.Status)) throw badRequest(`Invalid check status: '${body.Status}'`);
  await local.updateTtl(rest(http.path, '/v1/agent/check/update/'), body.Status, body.Output);
  return emptyAnswer();
}

async function maintenance(http: HttpRequest, { local }: HttpContext): Promise<HttpAnswer> {
  const wish = maintenanceWish(http);
  if (wish.enable === 'no') await local.deregisterCheck(NODE_MAINTENANCE_ID);
  else if (!local.view().checks.has(NODE_MAINTENANCE_ID)) {
    const check = maintenanceCheck(NODE_MAINTENANCE_ID, '', wish.reason, requestToken(http));
    await local.registerCheck(check);
  }
  return emptyAnswer();
}
