/** Goal: what becomes of requests that are under way when the agent stops, over real sockets. */

import http from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentCache } from '../../src/http/agent-cache.ts';
import type { HttpContext } from '../../src/http/context.ts';
import { AGENT_INSIGHT_ROUTES } from '../../src/http/handlers/agent-insight.ts';
import { EVENT_ROUTES } from '../../src/http/handlers/event.ts';
import { HEALTH_ROUTES } from '../../src/http/handlers/health.ts';
import { KV_ROUTES } from '../../src/http/handlers/kv.ts';
import { type HttpListener, listenHttp } from '../../src/http/listen.ts';
import { jsonAnswer } from '../../src/http/message.ts';
import { type Route, RouteTable } from '../../src/http/router.ts';
import type { RpcMethod } from '../../src/rpc/method.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Requests that a handler holds until the test lets them go. */
let held: (() => void)[] = [];
/** Reads that wait for news, or lines of the log that somebody reads. */
let waiting = 0;
let door: HttpListener;
let clients: http.Agent;

const SLOW: Route<HttpContext> = {
  path: '/v1/slow',
  methods: ['GET'],
  handler: () => new Promise((resolve) => held.push(() => resolve(jsonAnswer('"done"')))),
};

/** A server whose index is 7, where nothing ever changes. */
async function call(
  { reply }: RpcMethod<unknown, unknown>,
  request: { readonly MinQueryIndex: number },
  signal: AbortSignal,
): Promise<unknown> {
  const known = { ...(reply as unknown as { of(fields: object): object }).of({}), Index: 7 };
  if (request.MinQueryIndex < 7) return known;
  waiting += 1;
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

const clock = new ManualClock();
const context = {
  agent: {
    own: { datacenter: 'dc1', node: 'n' },
    defaultToken: () => '',
    events: () => [],
    onEvent: () => {
      waiting += 1;
      return () => {};
    },
    onLog: () => {
      waiting += 1;
      return () => {};
    },
  },
  rpc: { call },
  cache: new AgentCache(clock),
  clock,
  random: { float: () => 0 },
} as unknown as HttpContext;

beforeEach(async () => {
  held = [];
  waiting = 0;
  clients = new http.Agent({ keepAlive: true });
  door = await listenHttp({
    at: { address: '127.0.0.1', port: 0 },
    table: new RouteTable([
      SLOW,
      ...KV_ROUTES,
      ...HEALTH_ROUTES,
      ...EVENT_ROUTES,
      ...AGENT_INSIGHT_ROUTES,
    ]),
    context,
    aclDefaultPolicy: 'allow',
  });
});
afterEach(async () => {
  clients.destroy();
  await door.close();
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

function ask(path: string): Promise<Answer> {
  const { port } = door.endpoint;
  return new Promise((resolve, reject) => {
    const request = http.get({ port, host: '127.0.0.1', path, agent: clients }, (incoming) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode, headers: incoming.headers, body }),
      );
    });
    request.on('error', reject);
  });
}

describe('a door that drains', () => {
  it('answers what is under way, and lets nobody in', async () => {
    const answer = ask('/v1/slow');
    await expect.poll(() => held.length).toBe(1);
    const drained = door.drain();
    await expect(ask('/v1/slow')).rejects.toThrow('ECONNREFUSED');
    held[0]?.();
    expect(await answer).toMatchObject({
      status: 200,
      body: '"done"',
      headers: { connection: 'close' },
    });
    await drained;
  });

  it('has nothing to wait for when its connections are idle', async () => {
    expect((await ask('/v1/kv/a')).status).toBe(404);
    await door.drain();
  });

  it.each(['/v1/kv/a?raw', '/v1/kv/a?stale', '/v1/event/list?name=x'])(
    'answers who waits for news of %s with what there is',
    async (path) => {
      const { status, body, headers } = await ask(path);
      const answer = ask(`${path}&index=${headers['x-consul-index']}`);
      await expect.poll(() => waiting).toBe(1);
      await door.drain();
      expect(await answer).toMatchObject({ status, body });
    },
  );

  it('answers a blocking query from the cache', async () => {
    expect((await ask('/v1/health/service/web?cached')).headers['x-cache']).toBe('MISS');
    const answer = ask('/v1/health/service/web?cached&index=7');
    await expect.poll(() => clock.armed).toBeGreaterThan(0);
    await door.drain();
    expect(await answer).toMatchObject({
      status: 200,
      headers: { 'x-cache': 'HIT', 'x-consul-index': '7' },
    });
  });

  it('wakes all of many', async () => {
    const answers = Array.from({ length: 150 }, () => ask('/v1/kv/a?index=7'));
    await expect.poll(() => waiting).toBe(150);
    await door.drain();
    const found = await Promise.all(answers);
    expect(new Set(found.map(({ headers }) => headers['x-consul-index']))).toEqual(new Set(['7']));
  });

  it('ends the answer of who reads the log', async () => {
    const answer = ask('/v1/agent/monitor');
    await expect.poll(() => waiting).toBe(1);
    await door.drain();
    expect(await answer).toMatchObject({ status: 200, body: '' });
  });

  it('cuts the rest when it closes', async () => {
    const answer = ask('/v1/slow');
    await expect.poll(() => held.length).toBe(1);
    const drained = door.drain();
    await Promise.all([door.close(), expect(answer).rejects.toThrow('socket hang up'), drained]);
  });
});
