/** Goal: what every answer has in common, over a real socket. */

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpListener, listenHttp } from '../../src/http/listen.ts';
import { emptyAnswer, HttpError, jsonAnswer } from '../../src/http/message.ts';
import { type Route, RouteTable } from '../../src/http/router.ts';
import { sendRequest } from '../replay/client.ts';

const aborted: string[] = [];

const ROUTES: readonly Route<null>[] = [
  { path: '/v1/thing', methods: ['GET', 'PUT'], handler: async () => jsonAnswer('{"a":[1]}') },
  { path: '/v1/large', methods: ['GET'], handler: async () => jsonAnswer(`"${'x'.repeat(2000)}"`) },
  {
    path: '/v1/below/',
    methods: ['GET'],
    handler: async ({ path, query }) => jsonAnswer(JSON.stringify([path, query.all('q')])),
  },
  {
    path: '/v1/denied',
    methods: ['GET'],
    handler: async () => {
      throw new Error('rpc error making call: Permission denied');
    },
  },
  {
    path: '/v1/broken',
    methods: ['GET'],
    handler: async () => {
      throw new Error('No cluster leader');
    },
  },
  {
    path: '/v1/refused',
    methods: ['GET'],
    handler: async () => {
      throw new HttpError(400, 'Missing thing', { 'X-Consul-Index': '7' });
    },
  },
  {
    path: '/v1/echo',
    methods: ['PUT'],
    handler: async (http) => ({ ...emptyAnswer(), body: await http.body() }),
  },
  {
    path: '/v1/wait',
    methods: ['GET'],
    handler: ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted.push(String(signal.reason));
          reject(signal.reason);
        });
      }),
  },
];

let door: HttpListener;

beforeAll(async () => {
  door = await listenHttp({
    at: { address: '127.0.0.1', port: 0 },
    table: new RouteTable(ROUTES),
    context: null,
    aclDefaultPolicy: 'allow',
    connectionsPerClientMax: 20,
  });
});
afterAll(() => door.close());

function ask(path: string, method = 'GET', headers: Readonly<Record<string, string>> = {}) {
  const url = `http://127.0.0.1:${door.endpoint.port}`;
  return sendRequest(url, { method, path, headers, body: null, framing: 'length' });
}

describe('the HTTP door', () => {
  it.each([
    ['GET', '/v1/nope', 404, ''],
    ['GET', '/v1/denied', 403, 'rpc error making call: Permission denied'],
    ['GET', '/v1/broken', 500, 'No cluster leader'],
    ['GET', '/v1/refused', 400, 'Missing thing'],
    ['POST', '/v1/thing', 405, 'method POST not allowed'],
    ['HEAD', '/v1/thing', 405, ''],
    ['OPTIONS', '/v1/thing', 200, ''],
    ['GET', '/v1/thing?x=%zz', 500, ''],
    ['GET', '/v1/thing%00', 400, ''],
    ['GET', '/v1/below', 301, '<a href="/v1/below/">Moved Permanently</a>.\n\n'],
    ['PUT', '/v1//thing', 301, ''],
    ['GET', '/v1/below/a%2Fb%20c?q=1&q=a+b', 200, '["/v1/below/a/b c",["1","a b"]]'],
    ['GET', '/v1/thing?pretty', 200, '{\n    "a": [\n        1\n    ]\n}\n'],
  ])('%s %s is %d', async (method, path, status, body) => {
    const answer = await ask(path, method);
    expect([answer.status, answer.body.toString()]).toEqual([status, body]);
  });

  it('names the methods that are allowed, OPTIONS first', async () => {
    expect((await ask('/v1/thing', 'POST')).headers.get('allow')).toBe('OPTIONS,GET,PUT');
  });

  it('tells the default policy on known routes only', async () => {
    const header = 'x-consul-default-acl-policy';
    expect((await ask('/v1/broken')).headers.get(header)).toBe('allow');
    expect((await ask('/v1/nope')).headers.has(header)).toBe(false);
  });

  it('keeps the headers that go with an error', async () => {
    expect((await ask('/v1/refused')).headers.get('x-consul-index')).toBe('7');
  });

  it('compresses what is large, for who accepts it', async () => {
    const accepts = { 'Accept-Encoding': 'deflate, gzip' };
    const packed = await ask('/v1/large', 'GET', accepts);
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(packed.json).toBe('x'.repeat(2000));
    expect((await ask('/v1/thing', 'GET', accepts)).headers.has('content-encoding')).toBe(false);
    const refuses = { 'Accept-Encoding': 'gzip;q=0' };
    expect((await ask('/v1/large', 'GET', refuses)).headers.has('content-encoding')).toBe(false);
  });

  it('ends a waiting handler when its client goes', async () => {
    const client = connect(door.endpoint.port, '127.0.0.1');
    await new Promise((resolve) => client.once('connect', resolve));
    client.write('GET /v1/wait HTTP/1.1\r\nHost: x\r\n\r\n');
    await ask('/v1/thing');
    client.destroy();
    await expect.poll(() => aborted).toEqual(['Error: client disconnected']);
  });

  it('refuses more connections of one address than allowed, in words', async () => {
    const clients = Array.from({ length: 21 }, () => connect(door.endpoint.port, '127.0.0.1'));
    const last = clients.at(-1);
    const heard = await new Promise<string>((resolve) => {
      for (const client of clients) {
        client.on('error', () => {});
        client.on('data', (chunk) => resolve(chunk.toString()));
      }
    });
    expect(last).toBeDefined();
    expect(heard).toContain('429 Too Many Requests');
    expect(heard).toContain('Your IP is issuing too many concurrent connections');
    for (const client of clients) client.destroy();
  });
});
