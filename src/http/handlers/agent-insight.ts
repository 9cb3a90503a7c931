/** `/v1/agent/metrics`, `/v1/agent/monitor`, `/v1/agent/host`: looking into a running agent. */

import type { HostFacts } from '../../agent/host-facts.ts';
import type { LogLine } from '../../log.ts';
import { PROMETHEUS_TYPE, prometheusText } from '../../telemetry/prometheus.ts';
import type { HttpContext } from '../context.ts';
import { metricsText } from '../json/metrics.ts';
import { any, int, list, nullable, object, str } from '../json/output.ts';
import {
  type HttpAnswer,
  HttpError,
  type HttpRequest,
  jsonAnswer,
  prefixedBadRequest,
} from '../message.ts';
import { type LineForm, lineText } from '../monitor-line.ts';
import type { Route } from '../router.ts';

export const AGENT_INSIGHT_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/agent/metrics', methods: ['GET'], handler: metrics },
  { path: '/v1/agent/monitor', methods: ['GET'], handler: monitor },
  { path: '/v1/agent/host', methods: ['GET'], handler: host },
];

async function metrics(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  if (!wantsPrometheus(http)) return jsonAnswer(metricsText(context.metrics.interval()));
  if (!context.prometheus) {
    throw new HttpError(415, 'Prometheus is not enabled since its retention time is not positive');
  }
  return {
    status: 200,
    headers: { 'Content-Type': PROMETHEUS_TYPE },
    body: prometheusText(context.metrics.totals()),
  };
}

function wantsPrometheus({ query, headers }: HttpRequest): boolean {
  if (query.get('format') === 'prometheus') return true;
  return (headers.accept ?? '').split(',').some((accepted) => {
    const [type = '', parameter = ''] = accepted.split(';').map((part) => part.trim());
    const kind = type.toLowerCase();
    // The version is as Consul's clients write it; the format itself says 0.0.4.
    return (
      kind === 'application/openmetrics-text' ||
      (kind === 'text/plain' && parameter === 'version=0.4.0')
    );
  });
}

/** Levels by name, with the least of ours that they show. */
const LEVELS: Readonly<Record<string, number>> = {
  TRACE: 0,
  DEBUG: 0,
  INFO: 1,
  WARN: 2,
  ERR: 3,
  ERROR: 3,
};
const RANK: Readonly<Record<LogLine['level'], number>> = { debug: 0, info: 1, warn: 2, error: 3 };

async function monitor(http: HttpRequest, { agent, clock }: HttpContext): Promise<HttpAnswer> {
  const named = http.query.get('loglevel') || 'INFO';
  const least = LEVELS[named.toUpperCase()];
  if (least === undefined) throw prefixedBadRequest(`Unknown log level: ${named}`);
  const form: LineForm = http.query.has('logjson') ? 'json' : 'text';
  return {
    status: 200,
    headers: {},
    body: null,
    stream: (send) =>
      agent.onLog((line) => {
        if (RANK[line.level] >= least) send(lineText(line, clock.now(), form));
      }),
  };
}

const hostJson = object<HostFacts>({
  Memory: any,
  CPU: list(any),
  Host: any,
  Disk: nullable(any),
  CollectionTime: int,
  Errors: list(str, 'null'),
} as never);

async function host(_http: HttpRequest, { agent }: HttpContext): Promise<HttpAnswer> {
  return jsonAnswer(hostJson.text(await agent.host()));
}
