import { expect, it } from 'vitest';
import { boundedFields, boundedJson, CONTEXT_BOUNDS } from '../../src/console/bounded-json.ts';
import {
  eventMatches,
  eventRows,
  HouseModel,
  SHOWN_EVENTS_MAX,
  shortCount,
  stateText,
  treeRows,
} from '../../src/console/drawing/house-model.ts';
import type { ActorAppeared, ForPage, Hello } from '../../src/console/stream.ts';

const hello: Hello = {
  type: '@mobius.hello',
  name: 'n',
  version: '1',
  pid: 1,
  neighbours: [],
  routes: [{ from: 'raft', type: 'raft.changed', to: 'server', why: 'w' }],
  charts: [],
};

function actor(sessionId: string, parentId: string | null, name: string): ActorAppeared {
  return {
    type: '@xstate.actor',
    sessionId,
    parentId,
    name,
    systemId: name,
    machine: null,
    rootId: 'x:0',
    createdAt: '0',
    id: sessionId,
    _version: '1',
    snapshot: { status: 'active' },
  };
}

const totals: ForPage = {
  type: '@mobius.totals',
  messages: 0,
  events: 0,
  deadLetters: 0,
  dropped: 0,
  untracked: 0,
  unlisted: 0,
  at: 0,
};

it('lists supervised children in order of start, those that do not live as well', () => {
  const model = new HouseModel();
  model.apply([
    hello,
    actor('x:0', null, 'root'),
    actor('x:2', 'x:0', 'raft'),
    actor('x:1', 'x:0', 'fsm'),
    ...Array.from({ length: 20 }, (_, n) => actor(`x:${n + 10}`, 'x:1', `link ${n}`)),
    {
      type: '@mobius.supervision',
      sessionId: 'x:0',
      strategy: 'rest-for-one',
      intensity: 1,
      recentRestarts: 0,
      children: [
        { id: 'fsm', status: 'running', restarts: 2, lastError: 'oh' },
        { id: 'gossip', status: 'waiting', restarts: 0 },
        { id: 'raft', status: 'running', restarts: 0 },
      ],
    },
  ]);
  const rows = treeRows(model).map(({ depth, name, tone, restarts }) => [
    depth,
    name,
    tone,
    restarts,
  ]);
  expect(rows.slice(0, 3)).toEqual([
    [0, 'root', 'live', 0],
    [1, 'fsm', 'live', 2],
    [2, 'link 0', 'live', 0],
  ]);
  expect(rows.slice(-3)).toEqual([
    [2, '… 8 more', 'quiet', 0],
    [1, 'gossip', 'waiting', 0],
    [1, 'raft', 'live', 0],
  ]);
});

it('takes counts of before for history, and later ones for traffic', () => {
  const model = new HouseModel();
  model.apply([hello, { type: '@mobius.traffic', counts: [[0, 500]] }, totals]);
  expect(model.traffic[0]).toMatchObject({ count: 500, recent: 0 });
  model.apply([{ type: '@mobius.traffic', counts: [[0, 510]] }, totals]);
  expect(model.traffic[0]).toMatchObject({ count: 510, recent: 10 });
  model.apply([totals]);
  expect(model.traffic[0]?.recent).toBe(0);
});

it('keeps the last thousand events', () => {
  const model = new HouseModel();
  const event = (n: number): ForPage => ({
    type: '@mobius.message',
    id: `e${n}`,
    createdAt: '5',
    from: 'raft',
    to: 'server',
    event: { type: 'raft.changed' },
    sessionId: null,
  });
  model.apply([hello]);
  for (let n = 0; n < 30; n++) model.apply(Array.from({ length: 50 }, (_, m) => event(n * 50 + m)));
  expect(model.messages.length).toBe(SHOWN_EVENTS_MAX);
  expect(model.messages.at(-1)?.id).toBe('e1499');
});

it('filters by words, and by words that must not be there', () => {
  const event = {
    id: 'e1',
    number: 1,
    at: 0,
    kind: 'message' as const,
    from: 'raft',
    to: 'server',
    type: 'raft.changed',
    body: {},
    text: 'raft raft.changed server',
  };
  expect(eventMatches(event, [])).toBe(true);
  expect(eventMatches(event, ['changed', 'server'])).toBe(true);
  expect(eventMatches(event, ['raft', '-server'])).toBe(false);
  expect(eventMatches(event, ['gossip'])).toBe(false);
});

it('shows what repeats itself as one row, newest first', () => {
  const event = (number: number, text: string) => ({
    id: `e${number}`,
    number,
    at: 0,
    kind: 'event' as const,
    from: '',
    to: '',
    type: text,
    body: {},
    text,
  });
  const rows = eventRows([event(1, 'a'), event(2, 'a'), event(3, 'b'), event(4, 'a')]);
  expect(rows.map(({ event: { id }, times }) => [id, times])).toEqual([
    ['e4', 1],
    ['e3', 1],
    ['e2', 2],
  ]);
});

it('writes states and counts short', () => {
  expect(stateText({ present: 'alone' })).toBe('present.alone');
  expect(stateText({ a: 'b', c: {} })).toBe('a.b | c');
  expect([shortCount(999), shortCount(1234), shortCount(56_789), shortCount(2_500_000)]).toEqual([
    '999',
    '1.2k',
    '57k',
    '2.5M',
  ]);
});

it('bounds what it turns into JSON: width, depth, cycles, bytes', () => {
  const cycle: Record<string, unknown> = { name: 'x' };
  cycle['self'] = cycle;
  expect(JSON.stringify(boundedJson(cycle, CONTEXT_BOUNDS)).length).toBeLessThan(300);
  const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`f${n}`, { n }]));
  expect(JSON.stringify(boundedJson(wide, CONTEXT_BOUNDS)).length).toBeLessThan(1000);
  const deepAndWide = (depth: number): unknown =>
    depth === 0 ? 'x'.repeat(10_000) : Array.from({ length: 30 }, () => deepAndWide(depth - 1));
  expect(JSON.stringify(boundedJson(deepAndWide(3), CONTEXT_BOUNDS)).length).toBeLessThan(500_000);
  expect(boundedJson(new Map([['a', new Uint8Array(3)]]), CONTEXT_BOUNDS)).toEqual({
    a: 'Uint8Array of 3 bytes',
  });
});

it('hides keys, tokens and passwords, and shows the names of things', () => {
  const shown = boundedFields(
    {
      encrypt: 'a',
      keyring: ['a'],
      keys: ['a'],
      primaryKey: 'name',
      keyPem: 'a',
      agentToken: 'a',
      SecretID: 'a',
      password: 'a',
      privateKey: 'a',
      key: 'web/config',
      tokenCount: 3,
    },
    CONTEXT_BOUNDS,
  );
  expect(Object.entries(shown).filter(([, value]) => value !== '(hidden)')).toEqual([
    ['primaryKey', 'name'],
    ['key', 'web/config'],
    ['tokenCount', 3],
  ]);
});
