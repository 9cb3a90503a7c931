/** One event of a pool, from state to state, with the effects as data. */

import { joinHostPort } from '../../src/host-port.ts';
import { KEY_QUERY } from '../../src/wire/gossip/harmless.ts';
import type { PacketMessage } from '../../src/wire/gossip/messages.ts';
import { openPacket } from '../../src/wire/gossip/packet.ts';
import { encodeSerf, encodeTags, readSerf, type SerfMessage } from '../../src/wire/gossip/serf.ts';
import type { StreamMessage } from '../../src/wire/gossip/stream.ts';
import type { Endpoint } from '../../src/world/world.ts';
import type { Message } from '../messages.ts';
import type { GossipPeer, IncomingPacket } from '../routes/gossip.ts';
import { answering, type Effects, refusing } from './effects.ts';
import { aliveNode, broadcastAlive, deadNode, suspectNode } from './nodes.ts';
import {
  ackReceived,
  indirectPingReceived,
  nackReceived,
  pingReceived,
  sendFailed,
} from './probe.ts';
import { fireUserEvent, userEvent } from './serf-events.ts';
import {
  broadcastLeave,
  broadcastSerf,
  hasAliveOthers,
  joinIntent,
  leaveIntent,
  memberUpdated,
} from './serf-members.ts';
import {
  aliveCount,
  answerQuery,
  queryReceived,
  relayReceived,
  resolveConflict,
  responseReceived,
  startQuery,
} from './serf-queries.ts';
import type { PoolInput } from './start.ts';
import { startPool } from './start.ts';
import type { PoolState } from './state.ts';
import {
  addressesResolved,
  exchangeAnswered,
  exchangeFailed,
  exchangeRequested,
  startJoin,
} from './sync.ts';
import { tellCoordinates } from './told-coordinates.ts';
import { advance, dueMs } from './upkeep.ts';
import { type QueueName, Work } from './work.ts';

type Command =
  | 'members.join'
  | 'members.force-leave'
  | 'user-event.fire'
  | 'query.start'
  | 'query.respond'
  | 'tags.set'
  | 'keys.change';

export type PoolCommand = Message<Command>;

/** What happens to a pool. */
export type PoolEvent =
  | { readonly type: 'pool.start'; readonly input: PoolInput }
  | { readonly type: 'pool.leave' }
  | { readonly type: 'pool.depart' }
  | { readonly type: 'tick' }
  | Message<'packets.received' | 'packets.failed'>
  | PoolCommand
  | {
      readonly type: 'addresses.resolved';
      readonly joinId: number;
      readonly peers: readonly GossipPeer[];
      readonly errors: readonly string[];
    }
  | { readonly type: 'exchange.answered'; readonly id: number; readonly message: StreamMessage }
  | { readonly type: 'exchange.failed'; readonly id: number; readonly error: string }
  | { readonly type: 'exchange.refused'; readonly from: Endpoint; readonly error: string }
  | {
      readonly type: 'exchange.requested';
      readonly id: number;
      readonly from: Endpoint;
      readonly message: StreamMessage;
    };

export interface PoolStep {
  readonly state: PoolState;
  readonly effects: Effects;
  /** When a tick is due. */
  readonly wakeMs: number;
}

/** Messages that wait while others are handled. */
const QUEUED: ReadonlySet<PacketMessage['kind']> = new Set(['suspect', 'dead', 'user']);

/** Handles one event at `nowMs`. */
export function stepPool(state: PoolState, event: PoolEvent, nowMs: number): PoolStep {
  const work = new Work(state, Math.max(nowMs, state.nowMs));
  handle(work, event);
  if (work.values.conflicted) resolveConflict(work);
  saveClock(work);
  // Nothing is remembered after a leave, or the next start would call those who came meanwhile.
  if (state.leave !== 'no') work.effects.snapshot.length = 0;
  tellCoordinates(work);
  const wakeMs = dueMs(work);
  return { state: work.finish(), effects: work.effects, wakeMs };
}

function handle(work: Work, event: PoolEvent): void {
  switch (event.type) {
    case 'tick':
      advance(work);
      return;
    case 'packets.received':
      for (const packet of event.packets) packetReceived(work, packet);
      return;
    case 'packets.failed':
      for (const failure of event.failures) sendFailed(work, failure.to);
      return;
    case 'exchange.answered':
      exchangeAnswered(work, event.id, event.message);
      return;
    case 'exchange.failed':
      exchangeFailed(work, event.id, event.error);
      return;
    case 'exchange.refused':
      work.log('error', event.error, { from: endpointText(event.from) });
      return;
    case 'exchange.requested':
      if (event.message.kind === 'user') userReceived(work, event.message.data);
      exchangeRequested(work, event.id, event.from, event.message);
      return;
    case 'addresses.resolved':
      addressesResolved(work, event.joinId, event.peers, event.errors);
      return;
    case 'pool.start':
      startPool(work, event.input.snapshot);
      return;
    case 'pool.leave':
      leave(work);
      return;
    case 'pool.depart':
      depart(work);
      return;
    default:
      command(work, event);
  }
}

function command(work: Work, event: PoolCommand): void {
  const { replies } = work.effects;
  switch (event.type) {
    case 'members.join':
      startJoin(work, event.addresses, event.oldEvents, event.reply);
      return;
    case 'members.force-leave':
      forceLeave(work, event);
      return;
    case 'user-event.fire': {
      const fired = fireUserEvent(work, event.name, event.payload, event.coalesce);
      if ('ltime' in fired) replies.push(answering(event.reply, fired.ltime));
      else replies.push(refusing(event.reply, fired.refusal));
      return;
    }
    case 'query.start': {
      const refusal = startQuery(work, event, { kind: 'asker', reply: event.reply });
      if (refusal !== null) replies.push(refusing(event.reply, refusal));
      return;
    }
    case 'query.respond': {
      const refusal = answerQuery(work, event.key, event.payload);
      if (refusal === null) replies.push(answering(event.reply, null));
      else replies.push(refusing(event.reply, refusal));
      return;
    }
    case 'tags.set':
      setTags(work, event);
      return;
    case 'keys.change':
      changeKeys(work, event);
      return;
    default:
      event satisfies never;
  }
}

function packetReceived(work: Work, packet: IncomingPacket): void {
  const opened = openPacket(packet.bytes, {
    label: work.config.label,
    keys: work.values.keyRing.keys,
    plaintext: work.config.incomingPlaintext,
  });
  for (const problem of opened.problems) {
    work.count('packetsUnreadable');
    work.log('warn', problem, { from: endpointText(packet.from) });
  }
  for (const message of inOrderOfHandling(opened.messages)) {
    messageReceived(work, message, packet.from);
  }
}

/**
 * As memberlist handles what comes together: pings and acks at once, then who is alive, then the
 * rest, the last first. So the intent to leave, which stands behind the goodbye, is heard before it,
 * and who leaves is not taken for failed.
 */
function inOrderOfHandling(messages: readonly PacketMessage[]): readonly PacketMessage[] {
  if (messages.length < 2) return messages;
  const alive: PacketMessage[] = [];
  const rest: PacketMessage[] = [];
  const first: PacketMessage[] = [];
  for (const message of messages) {
    if (message.kind === 'alive') alive.push(message);
    else if (QUEUED.has(message.kind)) rest.push(message);
    else first.push(message);
  }
  return [...first, ...alive.reverse(), ...rest.reverse()];
}

function endpointText({ address, port }: Endpoint): string {
  return joinHostPort(address, port);
}

function messageReceived(work: Work, message: PacketMessage, from: Endpoint): void {
  switch (message.kind) {
    case 'ping':
      pingReceived(work, message.body, from);
      return;
    case 'indirectPing':
      indirectPingReceived(work, message.body, from);
      return;
    case 'ackResp':
      ackReceived(work, message.body);
      return;
    case 'nackResp':
      nackReceived(work, message.body);
      return;
    case 'suspect':
      suspectNode(work, message.body);
      return;
    case 'alive':
      aliveNode(work, message.body, 'pool');
      return;
    case 'dead':
      deadNode(work, message.body, 0);
      return;
    case 'user':
      userReceived(work, message.data);
  }
}

/** A serf message; what is news is passed on as it came. */
function userReceived(work: Work, data: Uint8Array): void {
  const read = readSerf(data);
  if (!read.ok) {
    work.count('messagesDropped');
    work.log('warn', 'Error decoding serf message', { error: read.error });
    return;
  }
  const queue = serfReceived(work, read.value);
  if (queue !== null) broadcastSerf(work, queue, Buffer.from(data));
}

/** Handles a serf message; the queue to pass it on through, or null. */
function serfReceived(work: Work, message: SerfMessage): QueueName | null {
  switch (message.kind) {
    case 'leave':
      return leaveIntent(work, message.body) ? 'intentQueue' : null;
    case 'join':
      return joinIntent(work, message.body) ? 'intentQueue' : null;
    case 'userEvent':
      return userEvent(work, message.body) ? 'eventQueue' : null;
    case 'query':
      return queryReceived(work, message.body) ? 'queryQueue' : null;
    case 'queryResponse':
      responseReceived(work, message.body);
      return null;
    case 'relay':
      relayReceived(work, message.header, message.inner);
      return null;
    default:
      // The others travel inside queries and push/pulls only.
      work.count('messagesDropped');
      return null;
  }
}

function forceLeave(work: Work, order: Message<'members.force-leave'>): void {
  const wait = work.newId();
  const deadlineMs = work.now + work.config.serf.broadcastTimeoutMs;
  work.waits.set(wait, { deadlineMs, purpose: 'force-leave', reply: order.reply });
  const others = hasAliveOthers(work);
  broadcastLeave(work, order.name, order.prune, wait);
  if (others) return;
  work.waits.delete(wait);
  work.effects.replies.push(answering(order.reply, null));
}

function setTags(work: Work, order: Message<'tags.set'>): void {
  const meta = encodeTags(order.tags);
  const { self } = work;
  if (!meta.ok || self === undefined) {
    work.effects.replies.push(refusing(order.reply, meta.ok ? 'not started' : meta.error));
    return;
  }
  work.values.tags = order.tags;
  work.values.incarnation += 1;
  const node = { ...self, meta: meta.value, incarnation: work.values.incarnation };
  work.nodes.set(node.name, node);
  if (!hasAliveOthers(work)) {
    broadcastAlive(work, node, 0);
    work.effects.replies.push(answering(order.reply, null));
  } else {
    const wait = work.newId();
    const deadlineMs = work.now + work.config.serf.broadcastTimeoutMs;
    work.waits.set(wait, { deadlineMs, purpose: 'tags', reply: order.reply });
    broadcastAlive(work, node, wait);
  }
  memberUpdated(work, node);
}

function changeKeys(work: Work, order: Message<'keys.change'>): void {
  const Key = order.key;
  const payload = encodeSerf({ kind: 'keyRequest', body: { Key } });
  const nodes = aliveCount(work);
  const query = { name: KEY_QUERY[order.operation], payload, filters: [], timeoutMs: 0 };
  const refusal = startQuery(
    work,
    { ...query, acks: 'none', relayFactor: order.relayFactor },
    { kind: 'keys', operation: order.operation, nodes, reply: order.reply },
  );
  if (refusal !== null) work.effects.replies.push(refusing(order.reply, refusal));
}

/** First part of a graceful leave: serf says that we mean it. */
function leave(work: Work): void {
  work.values.leave = 'leaving';
  work.effects.snapshot.push({ kind: 'leave' });
  const others = hasAliveOthers(work);
  const wait = others ? waitFor(work, 'leave-intent') : 0;
  broadcastLeave(work, work.config.name, false, wait);
}

/** Second part: memberlist says that we are gone. */
function depart(work: Work): void {
  work.values.leave = 'departed';
  const { self } = work;
  if (self === undefined) return;
  const others = hasAliveOthers(work);
  const wait = others ? waitFor(work, 'leave-dead') : 0;
  deadNode(work, { Incarnation: self.incarnation, Node: self.name, From: self.name }, wait);
}

function waitFor(work: Work, purpose: 'leave-intent' | 'leave-dead'): number {
  const wait = work.newId();
  const deadlineMs = work.now + work.config.serf.broadcastTimeoutMs;
  work.waits.set(wait, { deadlineMs, purpose, reply: null });
  return wait;
}

/** Whether a part of the leave is still being told. */
export function isTelling(state: PoolState, purpose: 'leave-intent' | 'leave-dead'): boolean {
  for (const wait of state.waits.values()) if (wait.purpose === purpose) return true;
  return false;
}

/** Whether anybody else is in the pool. */
export function hasCompany(state: PoolState): boolean {
  for (const member of state.members.values()) {
    if (member.status === 'alive' && member.name !== state.config.name) return true;
  }
  return false;
}

/** A clock that has moved is remembered for the next start. */
function saveClock(work: Work): void {
  const seen = work.values.clock - 1n;
  if (seen <= work.values.savedClock) return;
  work.values.savedClock = seen;
  work.effects.snapshot.push({ kind: 'clock', value: seen });
}
