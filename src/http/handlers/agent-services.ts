/** `/v1/agent/service…`: services of this agent. */

import { createHash } from 'node:crypto';
import { NODE_SERVICE_FIELDS } from '../../filter/fields.ts';
import { compileFilter } from '../../filter/filter.ts';
import { joinedErrors } from '../../joined-errors.ts';
import { type CheckDefinition, serviceMaintenanceId } from '../../local/definitions.ts';
import { registeredService } from '../../local/registration.ts';
import type { NodeService } from '../../model/catalog.ts';
import type { HttpContext } from '../context.ts';
import { serviceRegistrationInput } from '../json/agent-bodies.ts';
import { agentServiceJson, shownService } from '../json/agent-objects.ts';
import { map } from '../json/output.ts';
import {
  badRequest,
  emptyAnswer,
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
  textAnswer,
} from '../message.ts';
import { refuseNamespace, requestToken, waitTimeNs } from '../options.ts';
import { waitMs } from '../read.ts';
import type { Route } from '../router.ts';
import { waitUntil } from '../wait.ts';
import { decodedBody } from './body.ts';
import { maintenanceCheck, maintenanceWish } from './maintenance.ts';
import { rest } from './path.ts';

const servicesJson = map(agentServiceJson, '{}');

export const AGENT_SERVICE_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/agent/services', methods: ['GET'], handler: services },
  { path: '/v1/agent/service/', methods: ['GET'], handler: service },
  { path: '/v1/agent/service/register', methods: ['PUT'], handler: register },
  { path: '/v1/agent/service/deregister/', methods: ['PUT'], handler: deregister },
  { path: '/v1/agent/service/maintenance/', methods: ['PUT'], handler: maintenance },
];

async function services(http: HttpRequest, { agent, local }: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const passes = compileFilter<NodeService>(http.query.get('filter'), NODE_SERVICE_FIELDS);
  const kept = [...local.view().services.values()].filter((one) => passes(one.service));
  const shown = kept.map((one) => [
    one.service.ID,
    shownService(one.service, agent.own.datacenter),
  ]);
  return jsonAnswer(servicesJson.text(Object.fromEntries(shown)));
}

async function service(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const id = rest(http.path, '/v1/agent/service/');
  const known = http.query.get('hash');
  const find = () => context.local.view().services.get(id)?.service;
  if (known !== '') {
    const timeoutMs = waitMs(waitTimeNs(http), context);
    const listen = (changed: () => void) => context.local.onChange(changed);
    await waitUntil(http, context, timeoutMs, listen, () => hashOf(find()) !== known);
  }
  const found = find();
  if (found === undefined) return textAnswer(404, `unknown service ID: ${id}`);
  const hash = hashOf(found);
  const shown = shownService(found, context.agent.own.datacenter, hash);
  return jsonAnswer(agentServiceJson.text(shown), { 'X-Consul-Contenthash': hash });
}

/** A 64-bit hash in hex without leading zeros; clients only compare it with an earlier one. */
function hashOf(service: NodeService | undefined): string {
  if (service === undefined) return '';
  const text = agentServiceJson.text(shownService(service, ''));
  return createHash('sha256').update(text).digest().readBigUInt64BE().toString(16);
}

async function register(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const body = await decodedBody(http, serviceRegistrationInput);
  const registered = registeredService(body, requestToken(http));
  if (!registered.ok) {
    const { texts, form } = registered;
    if (form === 'server error') throw new Error(texts[0]);
    throw badRequest(form === 'joined' ? joinedErrors(texts) : (texts[0] ?? ''));
  }
  const replace = http.query.has('replace-existing-checks');
  const value = http.query.get('replace-existing-checks');
  const others = replace && (value === '' || value === 'true') ? 'replace' : 'keep';
  await context.local.registerService(registered.service, registered.checks, others);
  return emptyAnswer();
}

async function deregister(http: HttpRequest, { local }: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const id = rest(http.path, '/v1/agent/service/deregister/');
  if (id === '') throw new Error('ServiceID missing');
  await local.deregisterService(id);
  return emptyAnswer();
}

async function maintenance(http: HttpRequest, { local }: HttpContext): Promise<HttpAnswer> {
  refuseNamespace(http);
  const serviceId = rest(http.path, '/v1/agent/service/maintenance/');
  if (serviceId === '') throw badRequest('Missing service ID');
  const wish = maintenanceWish(http);
  if (!local.view().services.has(serviceId)) {
    throw new HttpError(404, `No service registered with ID ${JSON.stringify(serviceId)}`);
  }
  const id = serviceMaintenanceId(serviceId);
  if (wish.enable === 'no') await local.deregisterCheck(id);
  else if (!local.view().checks.has(id)) {
    const check: CheckDefinition = maintenanceCheck(id, serviceId, wish.reason, requestToken(http));
    await local.registerCheck(check);
  }
  return emptyAnswer();
}
