import { networkInterfaces } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createMachine } from 'xstate';
import { startInspector } from '../../actors/console.ts';
import { ALL_MACHINES } from '../../machines/all.ts';
import { ROUTES } from '../../machines/routes.ts';
import { EVENTS_MAX } from '../../src/console/recorder.ts';
import { BATCH_INTERVAL_MS, NotLoopbackError, VIEWERS_MAX } from '../../src/console/server.ts';
import { silentLog } from '../../src/log.ts';
import { type InspectedHouse, startHouse, TestViewer } from './inspector.ts';

let house: InspectedHouse;

beforeEach(async () => {
  house = await startHouse();
});

afterEach(async () => {
  await house.close();
});

const tick = (): Promise<void> => house.clock.advance(BATCH_INTERVAL_MS);

async function viewer(path = '/stream'): Promise<TestViewer> {
  const seen = new TestViewer(house.inspector, path);
  await seen.until(({ received }) => received.some(({ type }) => type === '@xstate.actor'));
  return seen;
}

it('tells a page first who speaks, with all routes and charts, then every actor', async () => {
  const page = await viewer();
  const [hello] = page.received;
  expect(hello).toMatchObject({ type: '@mobius.hello', name: 'dc1-server1', routes: ROUTES });
  expect(page.of('@mobius.hello')[0]?.charts.map(({ id }) => id)).toEqual(
    ALL_MACHINES.map(({ id }) => id),
  );
  const names = page.of('@xstate.actor').map(({ systemId, machine }) => [systemId, machine]);
  expect(names).toEqual([
    ['root', 'supervisor'],
    ['server', 'server'],
    ['gossip.wan', null],
    ['raft', null],
  ]);
  const root = page.of('@xstate.actor')[0];
  expect(page.of('@xstate.actor')[1]?.parentId).toBe(root?.sessionId);
});

it('shows messages with their route, and the state that they lead to', async () => {
  const page = await viewer();
  house.bus.postFor('raft').send('server', { type: 'leadership.gained', term: 7 } as never);
  await tick();
  await page.until((seen) => seen.of('@xstate.snapshot').length > 0);
  expect(page.of('@mobius.message')).toMatchObject([
    { from: 'raft', to: 'server', event: { type: 'leadership.gained', term: 7 } },
  ]);
  expect(page.of('@xstate.snapshot').at(-1)).toMatchObject({
    snapshot: { status: 'active', value: 'preparing', context: { term: 7 } },
  });
  const place = ROUTES.findIndex(
    ({ from, type, to }) => from === 'raft' && type === 'leadership.gained' && to === 'server',
  );
  expect(page.of('@mobius.traffic').at(-1)?.counts).toEqual([[place, 1]]);
});

it('shows a crash: the restart count of the new one, the end of the old one', async () => {
  const page = await viewer();
  const before = page.of('@xstate.actor').find(({ systemId }) => systemId === 'gossip.wan');
  house.root.actor.system.get('gossip.wan').send({ type: 'break' });
  house.root.actor.system.get('raft').send({ type: 'break' });
  await house.clock.advance(1);
  await tick();
  await page.until((seen) => seen.of('@mobius.ended').length === 2);
  expect(page.of('@mobius.ended')).toContainEqual({
    type: '@mobius.ended',
    sessionId: before?.sessionId,
  });
  expect(page.of('@mobius.supervision').at(-1)).toMatchObject({
    strategy: 'one-for-one',
    children: [
      { id: 'server', status: 'running', restarts: 0 },
      { id: 'gossip.wan', status: 'running', restarts: 1, lastError: 'broken as told' },
      { id: 'raft', status: 'failed', restarts: 0, lastError: 'broken as told' },
    ],
  });
});

it('speaks to Stately’s inspector in its own shapes, one object a message', async () => {
  house.bus.postFor('raft').send('server', { type: 'leadership.gained', term: 7 } as never);
  await tick();
  const stately = await viewer('/');
  await stately.until((seen) => seen.of('@xstate.event').some((e) => e.sourceId !== null));
  expect(stately.frames).toBe(stately.received.length);
  for (const one of stately.received) {
    expect(one.type).toMatch(/^@xstate\.(actor|event|snapshot)$/);
    expect(one).toMatchObject({
      sessionId: expect.any(String),
      rootId: expect.any(String),
      createdAt: expect.stringMatching(/^\d+$/),
      _version: expect.any(String),
    });
  }
  const server = stately.of('@xstate.actor').find(({ name }) => name === 'server');
  const raft = stately.of('@xstate.actor').find(({ name }) => name === 'raft');
  expect(new Set(stately.received.map((one) => ('rootId' in one ? one.rootId : '')))).toEqual(
    new Set([server?.parentId]),
  );
  expect(createMachine(JSON.parse(server?.definition ?? '')).id).toBe('server');
  expect(stately.of('@xstate.event')).toContainEqual(
    expect.objectContaining({
      sessionId: server?.sessionId,
      sourceId: raft?.sessionId,
      event: { type: 'leadership.gained', term: 7 },
    }),
  );
});

it('keeps the last events for who comes later, and never shows a secret', async () => {
  for (let n = 0; n < EVENTS_MAX + 50; n++) {
    house.bus.postFor('raft').send('server', {
      type: 'leadership.gained',
      term: n,
      encryptKey: 'cGFzc3dvcmQ=',
      bytes: new Uint8Array(10),
    } as never);
  }
  await tick();
  const page = await viewer();
  const messages = page.of('@mobius.message');
  expect(messages.length).toBeLessThanOrEqual(EVENTS_MAX);
  expect(messages.at(-1)?.event).toMatchObject({
    term: EVENTS_MAX + 49,
    encryptKey: '(hidden)',
    bytes: 'Uint8Array of 10 bytes',
  });
  expect(JSON.stringify(page.received)).not.toContain('cGFzc3dvcmQ=');
});

it('listens on loopback only', async () => {
  const { clock } = house;
  const start = (address: string) =>
    startInspector({
      world: { clock },
      log: silentLog,
      bus: house.bus,
      name: 'x',
      pid: 1,
      at: { address, port: 0 },
    });
  for (const address of ['0.0.0.0', '::', '10.0.0.1', 'localhost', 'example.com']) {
    await expect(start(address)).rejects.toBeInstanceOf(NotLoopbackError);
  }
  const { port } = new URL(house.inspector.url);
  const outside = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  if (outside) await expect(fetch(`http://${outside.address}:${port}/`)).rejects.toThrow();
});

it('is no door for other pages of this machine’s browser', async () => {
  const url = `${house.inspector.url.replace('http', 'ws')}/stream`;
  const refused = (headers: Record<string, string>): Promise<number> =>
    new Promise((resolve) => {
      const socket = new WebSocket(url, { headers });
      socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
      socket.on('open', () => resolve(101));
      socket.on('error', () => {});
    });
  expect(await refused({ Origin: 'https://example.com' })).toBe(403);
  expect(await refused({ Origin: 'null' })).toBe(403);
  expect(await refused({ Host: 'rebound.example.com' })).toBe(403);
  expect(await refused({ Origin: house.inspector.url })).toBe(101);
});

it('serves the page and nothing else', async () => {
  const page = await fetch(house.inspector.url);
  expect(await page.text()).toContain('<title>page</title>');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect((await fetch(`${house.inspector.url}/etc/passwd`)).status).toBe(404);
  expect((await fetch(house.inspector.url, { method: 'POST' })).status).toBe(404);
});

it('refuses more viewers than it can feed', async () => {
  const pages = [];
  for (let n = 0; n < VIEWERS_MAX; n++) pages.push(await viewer());
  const url = `${house.inspector.url.replace('http', 'ws')}/stream`;
  const status = await new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
    socket.on('error', () => {});
  });
  expect(status).toBe(503);
});

it('ten thousand messages a second leave memory as it was; the page is told what it missed', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const page = await viewer();
  const post = house.bus.postFor('raft');
  const second = async (): Promise<void> => {
    for (let batch = 0; batch < 10; batch++) {
      for (let n = 0; n < 1000; n++) {
        post.send('server', { type: 'leadership.gained', term: n, list: [n, n, n] } as never);
      }
      const frames = page.frames;
      await tick();
      await page.until((seen) => seen.frames > frames);
      page.received.splice(0, page.received.length - 1);
    }
    collect();
  };
  for (let n = 0; n < 5; n++) await second();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 10; n++) await second();
  const grownBytes = process.memoryUsage().heapUsed - before;
  expect(grownBytes).toBeLessThan(2_000_000);
  const totals = page.of('@mobius.totals').at(-1);
  expect(totals?.messages).toBe(150_000);
  expect(totals?.dropped).toBeGreaterThan(100_000);
  console.info(`inspector: 150,000 messages, heap grew by ${Math.round(grownBytes / 1024)} KiB`);
});
