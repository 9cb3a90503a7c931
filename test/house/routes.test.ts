import { expect, expectTypeOf, it } from 'vitest';
import type { MessageType } from '../../machines/messages.ts';
import { ROUTES, type Route, type RouteShape } from '../../machines/routes.ts';

/** Names of actors, and of the few things that send or receive without being one. */
const NAMES: ReadonlySet<string> = new Set([
  'process',
  'agent',
  'server',
  'gossip.lan',
  'gossip.wan',
  'raft',
  'raft-bootstrap',
  'consensus',
  'fsm',
  'alpn-listener',
  'rpc-router',
  'gateway-locator',
  'wanfed-transport',
  'socket-transport.lan',
  'socket-transport.wan',
  'retry-join.lan',
  'retry-join.wan',
  'retry-join.primary-gateways',
  'flood-joiner',
  'leader-duties',
  'member-reconciler',
  'session-ttl',
  'tombstone-gc',
  'autopilot',
  'federation-support',
  'federation-replicator',
  'federation-anti-entropy',
  'local-services',
  'coordinate-sender',
  'coordinate-batcher',
  'proxy-watch',
  'gateway',
  'gateway-registration',
  'http',
]);

const routes: readonly RouteShape[] = ROUTES;

it('knows every name in the route table', () => {
  const unknown = routes.flatMap(({ from, to }) => [from, to]).filter((name) => !NAMES.has(name));
  expect([...new Set(unknown)]).toEqual([]);
});

it('lists no route twice, and says why each exists in one line', () => {
  const lines = routes.map(({ from, type, to }) => `${from} ${type} ${to}`);
  expect(lines.filter((line, place) => lines.indexOf(line) !== place)).toEqual([]);
  const unexplained = routes.filter(({ why }) => why.trim() === '' || why.includes('\n'));
  expect(unexplained).toEqual([]);
});

it('sends every message that is declared', () => {
  expectTypeOf<Exclude<MessageType, Route['type']>>().toEqualTypeOf<never>();
});
