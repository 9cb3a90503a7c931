/** Goal: a reader of the log gets lines in Consul's form, as they come, until it leaves. */

import http from 'node:http';
import { expect, test } from 'vitest';
import type { AgentFacts } from '../../src/http/agent-facts.ts';
import type { HttpContext } from '../../src/http/context.ts';
import { AGENT_INSIGHT_ROUTES } from '../../src/http/handlers/agent-insight.ts';
import { listenHttp } from '../../src/http/listen.ts';
import { lineText } from '../../src/http/monitor-line.ts';
import { RouteTable } from '../../src/http/router.ts';
import { createMemoryLog } from '../../src/log.ts';
import { tapLog } from '../../src/log-tap.ts';

function deferred() {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}

const NOW_MS = Date.UTC(2026, 10, 23, 4, 50, 14, 198);

test('lines are sent as they come, from the level that is asked for', async () => {
  const behind = createMemoryLog();
  const { log, listen } = tapLog(behind);
  const began = deferred();
  const ended = deferred();
  const onLog: AgentFacts['onLog'] = (reader) => {
    const end = listen(reader);
    began.resolve();
    return () => {
      end();
      ended.resolve();
    };
  };
  const context = { agent: { onLog }, clock: { now: () => NOW_MS } } as unknown as HttpContext;
  const listener = await listenHttp({
    at: { address: '127.0.0.1', port: 0 },
    table: new RouteTable(AGENT_INSIGHT_ROUTES),
    context,
    aclDefaultPolicy: 'allow',
  });
  const { port } = listener.endpoint;
  const request = http.get({ port, host: '127.0.0.1', path: '/v1/agent/monitor?loglevel=warn' });
  const response = await new Promise<http.IncomingMessage>((resolve) =>
    request.on('response', resolve),
  );
  expect(response.headers['content-type']).toBeUndefined();
  await began.promise;
  log.child('server').child('raft').info('not asked for');
  log
    .child('server')
    .child('raft')
    .warn('heartbeat failed', { peer: 'n2', error: new Error('x y') });
  const chunk = await new Promise<Buffer>((resolve) => response.once('data', resolve));
  expect(chunk.toString()).toBe(
    '2026-11-23T04:50:14.198Z [WARN]  agent.server.raft: heartbeat failed: peer=n2 error="x y"\n',
  );
  request.destroy();
  await ended.promise;
  expect(behind.lines.map(({ actor, text }) => [actor, text])).toEqual([
    ['server/raft', 'not asked for'],
    ['server/raft', 'heartbeat failed'],
  ]);
  await listener.close();
});

test('a line in JSON has the keys of hclog', () => {
  const line = { level: 'error', actor: '', text: 'failed', fields: { n: 1 } } as const;
  expect(JSON.parse(lineText(line, NOW_MS, 'json'))).toEqual({
    '@level': 'error',
    '@message': 'failed',
    '@module': 'agent',
    '@timestamp': '2026-11-23T04:50:14.198Z',
    n: 1,
  });
});
