/** `/v1/event/…` */

import { textOf } from '../../error-text.ts';
import { goPattern } from '../../filter/filter.ts';
import type { SeenEvent } from '../agent-facts.ts';
import type { HttpContext } from '../context.ts';
import { eventJson } from '../json/agent-objects.ts';
import { list } from '../json/output.ts';
import { badRequest, type HttpAnswer, type HttpRequest, jsonAnswer } from '../message.ts';
import { queryIndex, requestToken, waitTimeNs } from '../options.ts';
import type { Route } from '../router.ts';
import { waitUntil } from '../wait.ts';
import { rest } from './path.ts';

const eventsJson = list(eventJson);
const EVENT_VERSION = 1;
const NS_PER_MS = 1e6;
/** An event list waits this long, at most and when nothing is said. */
const WAIT_MAX_MS = 600_000;

export const EVENT_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/event/fire/', methods: ['PUT'], handler: fire },
  { path: '/v1/event/list', methods: ['GET'], handler: seen },
];

async function fire(http: HttpRequest, { agent }: HttpContext): Promise<HttpAnswer> {
  const name = rest(http.path, '/v1/event/fire/');
  if (name === '') throw badRequest('Missing name');
  const { query } = http;
  const filters = {
    nodeFilter: query.get('node'),
    serviceFilter: query.get('service'),
    tagFilter: query.get('tag'),
  };
  refuseFilters(filters);
  const payload = (http.contentLength ?? 0) > 0 ? await http.body() : null;
  const datacenter = query.get('dc') || agent.own.datacenter;
  const event = { name, payload, ...filters };
  const id = await agent.fireEvent(datacenter, event, requestToken(http) || agent.defaultToken());
  return jsonAnswer(eventJson.text({ ...event, id, version: EVENT_VERSION, ltime: 0n }));
}

interface EventFilters {
  readonly nodeFilter: string;
  readonly serviceFilter: string;
  readonly tagFilter: string;
}

function refuseFilters({ nodeFilter, serviceFilter, tagFilter }: EventFilters): void {
  if (tagFilter !== '' && serviceFilter === '') {
    throw new Error('Cannot provide tag filter without service filter');
  }
  for (const [name, source] of [
    ['node', nodeFilter],
    ['service', serviceFilter],
    ['tag', tagFilter],
  ] as const) {
    try {
      goPattern(source);
    } catch (error) {
      const cause = textOf(error);
      throw new Error(`Invalid ${name} filter: ${cause}`, { cause: error });
    }
  }
}

async function seen(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const name = http.query.get('name');
  const find = (): readonly SeenEvent[] =>
    context.agent.events().filter((event) => name === '' || event.name === name);
  const known = queryIndex(http);
  const text = http.query.get('index');
  if (known > 0) {
    const listen = (changed: () => void) => context.agent.onEvent(changed);
    await waitUntil(http, context, timeoutMs(http), listen, () => indexOf(find()) !== BigInt(text));
  }
  const events = find();
  return jsonAnswer(eventsJson.text(events), { 'X-Consul-Index': String(indexOf(events)) });
}

/** Not ordered: the two halves of the last event's UUID, XORed. */
function indexOf(events: readonly SeenEvent[]): bigint {
  const last = events.at(-1);
  if (last === undefined) return 1n;
  const bytes = Buffer.from(last.id.replaceAll('-', ''), 'hex');
  return bytes.length === 16 ? bytes.readBigUInt64BE(0) ^ bytes.readBigUInt64BE(8) : 1n;
}

function timeoutMs(http: HttpRequest): number {
  const wished = waitTimeNs(http) / NS_PER_MS;
  return wished > 0 ? Math.min(wished, WAIT_MAX_MS) : WAIT_MAX_MS;
}
