/** `/v1/agent/health/service/…`: how this agent's own services do, for load balancers beside it. */

import type { LocalView } from '../../local/definitions.ts';
import { NODE_MAINTENANCE_ID, serviceMaintenanceId } from '../../local/definitions.ts';
import type { NodeService } from '../../model/catalog.ts';
import type { HealthCheck } from '../../model/health-check.ts';
import type { HttpContext } from '../context.ts';
import { shownService } from '../json/agent-objects.ts';
import { localHealthJson } from '../json/local-health.ts';
import { list } from '../json/output.ts';
import type { HttpAnswer, HttpRequest } from '../message.ts';
import { refuseNamespace } from '../options.ts';
import type { Route } from '../router.ts';
import { rest } from './path.ts';

const BY_ID = '/v1/agent/health/service/id/';
const BY_NAME = '/v1/agent/health/service/name/';
const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain';
const NOT_FOUND = 404;

/** Answers by status; what is not named is the worst. */
const CODES: Readonly<Record<string, number>> = { passing: 200, warning: 429 };
const WORST_CODE = 503;

const healthListJson = list(localHealthJson);

export const AGENT_HEALTH_ROUTES: readonly Route<HttpContext>[] = [
  { path: BY_ID, methods: ['GET'], handler: byId },
  { path: BY_NAME, methods: ['GET'], handler: byName },
];

async function byId(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const id = rest(http.path, BY_ID);
  if (id === '') throw new Error('Bad request: Missing serviceID');
  refuseNamespace(http);
  const view = context.local.view();
  const service = view.services.get(id)?.service;
  if (service === undefined) {
    const reason = `ServiceId ${id} not found`;
    const unknown = { AggregatedStatus: 'critical', Service: null, Checks: null };
    const body = wantsText(http) ? reason : localHealthJson.text(unknown);
    return answer(NOT_FOUND, reason, JSON_TYPE, body);
  }
  const { status, checks } = healthOf(view, service);
  if (wantsText(http)) return answer(codeOf(status), status, TEXT_TYPE, status);
  const health = told(context, service, status, checks);
  return answer(codeOf(status), status, JSON_TYPE, localHealthJson.text(health));
}

async function byName(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const name = rest(http.path, BY_NAME);
  if (name === '') throw new Error('Bad request: Missing service Name');
  refuseNamespace(http);
  const view = context.local.view();
  const found = [...view.services.values()]
    .map(({ service }) => ({ service, ...healthOf(view, service) }))
    .filter(({ service }) => service.Service === name);
  const statuses = found.map(({ status }) => status);
  const worst = statuses.reduce<string | null>(
    (so, status) => (so === null || codeOf(status) > codeOf(so) ? status : so),
    null,
  );
  const code = worst === null ? NOT_FOUND : codeOf(worst);
  const reason = worst ?? `ServiceName ${name} Not Found`;
  if (wantsText(http)) return answer(code, reason, TEXT_TYPE, reason);
  const all = found.map(({ service, status, checks }) => told(context, service, status, checks));
  return answer(code, reason, JSON_TYPE, healthListJson.text(all));
}

function told(
  { agent }: HttpContext,
  service: NodeService,
  status: string,
  checks: readonly HealthCheck[],
) {
  const shown = shownService(service, agent.own.datacenter);
  return { AggregatedStatus: status, Service: shown, Checks: checks };
}

/** The checks of a service and of its node, and what they come to. */
function healthOf(view: LocalView, service: NodeService) {
  const checks = [...view.checks.values()]
    .map(({ check }) => check)
    .filter(({ ServiceID }) => ServiceID === '' || ServiceID === service.ID);
  return { checks, status: aggregated(checks, service.ID) };
}

/** Maintenance beats all, then the worst status counts. */
function aggregated(checks: readonly HealthCheck[], serviceId: string): string {
  const maintenance = [NODE_MAINTENANCE_ID, serviceMaintenanceId(serviceId)];
  if (checks.some(({ CheckID }) => maintenance.includes(CheckID))) return 'maintenance';
  const statuses = new Set(checks.map(({ Status }) => Status));
  return ['critical', 'warning'].find((status) => statuses.has(status)) ?? 'passing';
}

function codeOf(status: string): number {
  return CODES[status] ?? WORST_CODE;
}

function wantsText({ headers, query }: HttpRequest): boolean {
  return (headers.accept ?? '').startsWith(TEXT_TYPE) || query.get('format') === 'text';
}

function answer(status: number, reason: string, type: string, body: string): HttpAnswer {
  return { status, headers: { 'Content-Type': type, 'X-Consul-Reason': reason }, body };
}
