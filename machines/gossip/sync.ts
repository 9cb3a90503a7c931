/**
 * Push/pull: two members exchange their whole tables over a stream. It is how a pool is joined, and
 * how what gossip has missed is mended. Also the stream side of pings.
 */

import { joinHostPort } from '../../src/host-port.ts';
import { bytesToIp, ipToBytes } from '../../src/wire/gossip/address.ts';
import { NODE_STATE, type PushNodeState } from '../../src/wire/gossip/messages.ts';
import { decodeTags, encodeSerf, readSerf } from '../../src/wire/gossip/serf.ts';
import {
  encodeStreamMessage,
  type PushPull,
  type StreamMessage,
} from '../../src/wire/gossip/stream.ts';
import type { Endpoint } from '../../src/world/world.ts';
import type { Reply } from '../messages.ts';
import type { GossipPeer, JoinOutcome } from '../routes/gossip.ts';
import { refusalOf } from './admission.ts';
import { answering, refusing } from './effects.ts';
import { witnessed } from './lamport.ts';
import { aliveNode, deadNode, detailsProblem, suspectNode } from './nodes.ts';
import { peerOf } from './outbox.ts';
import { isForUs, streamPingAnswered } from './probe.ts';
import { randomNodes } from './random-nodes.ts';
import { userEvent } from './serf-events.ts';
import { broadcastJoin, joinIntent, leaveIntent, witnessClock } from './serf-members.ts';
import type { Join, Node } from './state.ts';
import type { Work } from './work.ts';

/** Streams that a join has open at a time; further addresses wait. */
const JOIN_STREAMS_MAX = 8;
/** Joins at a time; one more is refused. */
const JOINS_MAX = 64;
const NO_BYTES = new Uint8Array(0);

/** Our whole table and serf's state, for a stream. */
export function localState(work: Work, join: boolean): PushPull {
  const nodes = work.nodes.values().map(
    (node): PushNodeState => ({
      Name: node.name,
      Addr: ipToBytes(node.address),
      Port: node.port,
      Meta: node.meta,
      Incarnation: node.incarnation,
      State: NODE_STATE[node.state],
      Vsn: node.versions,
    }),
  );
  return { kind: 'pushPull', join, nodes, userState: serfState(work) };
}

function serfState(work: Work): Buffer {
  const { clock, eventClock, queryClock } = work.values;
  const StatusLTimes: Record<string, bigint> = {};
  for (const [name, facts] of work.facts.current) StatusLTimes[name] = facts.statusTime;
  const LeftMembers: string[] = [];
  for (const member of work.members.current.values()) {
    if (member.status === 'left') LeftMembers.push(member.name);
  }
  // Real members send all slots of their ring, used or not; receivers skip the unused ones.
  const Events = work.eventSlots.values().map((slot) => ({
    LTime: slot.ltime,
    Events: slot.events.map((event) => ({ Name: event.name, Payload: event.payload })),
  }));
  return encodeSerf({
    kind: 'pushPull',
    body: {
      LTime: clock,
      StatusLTimes,
      LeftMembers,
      EventLTime: eventClock,
      Events,
      QueryLTime: queryClock,
    },
  });
}

/** The usual exchange with one random member. */
export function startSync(work: Work): void {
  const self = work.config.name;
  const [node] = randomNodes(work, 1, (other) => other.state === 'alive' && other.name !== self);
  if (node === undefined) return;
  const id = work.newId();
  const peer = peerOf(node);
  work.exchanges.set(id, { purpose: 'sync', peer });
  openExchange(work, id, peer, false);
}

function openExchange(work: Work, id: number, to: GossipPeer, join: boolean): void {
  const { streamTimeoutMs } = work.config.timing;
  const bytes = encodeStreamMessage(localState(work, join));
  work.effects.exchanges.push({ id, to, timeoutMs: streamTimeoutMs, bytes });
}

/** Begins a join whose addresses have to be resolved. */
export function startJoin(
  work: Work,
  addresses: readonly string[],
  oldEvents: Join['oldEvents'],
  reply: Reply<JoinOutcome>,
): void {
  if (work.joins.size >= JOINS_MAX) {
    work.effects.replies.push(refusing(reply, `more than ${JOINS_MAX} joins are in progress`));
    return;
  }
  const joinId = work.newId();
  const start = { waiting: [], running: 0, joined: 0, errors: [], oldEvents, reply };
  work.joins.set(joinId, { ...start, resolving: 1, cause: 'command' });
  work.effects.resolves.push({ joinId, addresses });
}

/** Begins a join with peers that are known. */
export function joinPeers(work: Work, peers: readonly GossipPeer[], cause: Join['cause']): void {
  if (work.joins.size >= JOINS_MAX) return;
  const joinId = work.newId();
  const start = { resolving: 0, running: 0, joined: 0, errors: [], reply: null };
  // A rejoin has its snapshot against old events, and a reconnect missed those in between.
  work.joins.set(joinId, { ...start, waiting: peers, oldEvents: 'replay', cause });
  advanceJoin(work, joinId);
}

/** The addresses of a join are known, or cannot be. */
export function addressesResolved(
  work: Work,
  joinId: number,
  peers: readonly GossipPeer[],
  errors: readonly string[],
): void {
  const join = work.joins.get(joinId);
  if (join === undefined) return;
  work.joins.set(joinId, {
    ...join,
    resolving: 0,
    waiting: [...join.waiting, ...peers],
    errors: [...join.errors, ...errors],
  });
  advanceJoin(work, joinId);
}

/** Opens the next streams of a join, or ends it when there is nothing left to do. */
function advanceJoin(work: Work, joinId: number): void {
  let join = work.joins.get(joinId);
  if (join === undefined) return;
  const streams = join.cause === 'rejoin' ? 1 : JOIN_STREAMS_MAX;
  while (join.running < streams) {
    const peer: GossipPeer | undefined = join.waiting[0];
    if (peer === undefined) break;
    join = { ...join, waiting: join.waiting.slice(1) };
    if (peer.name === '' && work.config.names === 'required') {
      const text = 'memberlist: node names are required by configuration but one was not provided';
      join = { ...join, errors: [...join.errors, text] };
      continue;
    }
    const id = work.newId();
    work.exchanges.set(id, { purpose: 'join', peer, joinId });
    openExchange(work, id, peer, true);
    join = { ...join, running: join.running + 1 };
  }
  work.joins.set(joinId, join);
  if (join.running === 0 && join.resolving === 0 && join.waiting.length === 0) {
    endJoin(work, joinId, join);
  }
}

function joinProgressed(work: Work, joinId: number, peer: GossipPeer, error: string | null): void {
  const join = work.joins.get(joinId);
  if (join === undefined) return;
  const running = join.running - 1;
  if (error === null) {
    const waiting = join.cause === 'rejoin' ? [] : join.waiting;
    work.joins.set(joinId, { ...join, running, waiting, joined: join.joined + 1 });
  } else {
    const at = joinHostPort(peer.address, peer.port);
    const errors = [...join.errors, `Failed to join ${at}: ${error}`];
    work.joins.set(joinId, { ...join, running, errors });
  }
  advanceJoin(work, joinId);
}

function endJoin(work: Work, joinId: number, join: Join): void {
  work.joins.delete(joinId);
  if (join.joined > 0 && join.cause !== 'reconnect') broadcastJoin(work);
  if (join.cause === 'rejoin') {
    if (join.joined > 0) work.log('info', 'Re-joined to previously known node');
    else work.log('warn', 'Failed to re-join any previously known node', { errors: join.errors });
  }
  if (join.reply === null) return;
  if (join.joined > 0) {
    const outcome = { joined: join.joined, errors: join.errors };
    work.effects.replies.push(answering(join.reply, outcome));
  } else work.effects.replies.push(refusing(join.reply, multiError(join.errors)));
}

/** Several errors in one text, as Go's multierror prints them. */
function multiError(errors: readonly string[]): string {
  if (errors.length === 0) return 'no addresses to join';
  const head = errors.length === 1 ? '1 error occurred:' : `${errors.length} errors occurred:`;
  return `${head}\n${errors.map((error) => `\t* ${error}`).join('\n')}\n\n`;
}

/** A stream of ours has brought its answer. */
export function exchangeAnswered(work: Work, id: number, message: StreamMessage): void {
  const exchange = work.exchanges.get(id);
  if (exchange === undefined) return;
  if (message.kind === 'err') {
    exchangeFailed(work, id, `remote error: ${message.text}`);
    return;
  }
  work.exchanges.delete(id);
  if (exchange.purpose === 'ping') {
    if (message.kind !== 'ackResp') return;
    if (message.body.SeqNo === exchange.sequence) streamPingAnswered(work, exchange.sequence);
    return;
  }
  const join = exchange.purpose === 'join' ? work.joins.get(exchange.joinId) : undefined;
  const error =
    message.kind === 'pushPull'
      ? mergeState(work, message, exchange.purpose, join?.oldEvents ?? 'replay')
      : `received unexpected message of kind ${message.kind}`;
  if (exchange.purpose === 'join') joinProgressed(work, exchange.joinId, exchange.peer, error);
  else if (error !== null) logFailure(work, exchange.peer, error);
}

/** A stream of ours could not be opened, or brought no answer. */
export function exchangeFailed(work: Work, id: number, error: string): void {
  const exchange = work.exchanges.get(id);
  if (exchange === undefined) return;
  work.exchanges.delete(id);
  if (exchange.purpose === 'join') joinProgressed(work, exchange.joinId, exchange.peer, error);
  else if (exchange.purpose === 'sync') logFailure(work, exchange.peer, error);
}

function logFailure(work: Work, peer: GossipPeer, error: string): void {
  work.log('warn', 'Push/Pull failed', { peer: peer.name, address: peer.address, error });
}

/** A peer has said something on a stream of its own. Answers come before consequences. */
export function exchangeRequested(
  work: Work,
  id: number,
  from: Endpoint,
  message: StreamMessage,
): void {
  const answer = (reply: StreamMessage | null): void => {
    const bytes = reply === null ? null : encodeStreamMessage(reply);
    work.effects.answers.push({ id, bytes });
  };
  if (message.kind === 'pushPull') {
    answer(localState(work, message.join));
    const error = mergeState(work, message, message.join ? 'join' : 'sync', 'replay');
    if (error !== null) {
      work.log(
        'error',
        `Failed push/pull merge: ${error} from=${joinHostPort(from.address, from.port)}`,
      );
    }
  } else if (message.kind === 'ping') {
    const forUs = isForUs(work, message.body);
    const body = { SeqNo: message.body.SeqNo, Payload: null };
    answer(forUs ? { kind: 'ackResp', body } : null);
  } else answer(null);
}

/** Takes in a peer's table and serf state. Returns the reason for refusing all of it. */
function mergeState(
  work: Work,
  remote: PushPull,
  purpose: 'join' | 'sync',
  oldEvents: Join['oldEvents'],
): string | null {
  const refusal = versionsRefusal(work, remote.nodes) ?? admissionRefusal(work, remote, purpose);
  if (refusal !== null) return refusal;
  for (const node of remote.nodes) mergeNode(work, node);
  if (remote.userState.length > 0) {
    mergeSerf(work, remote.userState, purpose === 'join' && oldEvents === 'ignore');
  }
  return null;
}

function mergeNode(work: Work, node: PushNodeState): void {
  const { Name, Incarnation } = node;
  switch (node.State) {
    case NODE_STATE.alive: {
      const { Addr, Port, Meta, Vsn } = node;
      aliveNode(work, { Incarnation, Node: Name, Addr, Port, Meta, Vsn }, 'pool');
      return;
    }
    case NODE_STATE.left:
      deadNode(work, { Incarnation, Node: Name, From: Name }, 0);
      return;
    case NODE_STATE.dead:
    case NODE_STATE.suspect:
      // Never dead at once: the node gets the time to refute.
      suspectNode(work, { Incarnation, Node: Name, From: work.config.name });
  }
}

interface Versioned {
  readonly name: string;
  readonly alive: boolean;
  readonly versions: readonly number[];
}

/**
 * All alive members must speak what all others understand. Who names no versions does not narrow
 * what is understood; what it speaks counts as 0.
 */
function versionsRefusal(work: Work, remote: readonly PushNodeState[]): string | null {
  const local = [...work.nodes.current.values()].map(versionedNode);
  const all = [...remote.map(versionedState), ...local];
  const range = { pmin: 0, pmax: 255, dmin: 0, dmax: 255 };
  for (const { alive, versions } of all) {
    if (!alive || versions.length === 0) continue;
    const [pmin = 0, pmax = 0, , dmin = 0, dmax = 0] = versions;
    range.pmin = Math.max(range.pmin, pmin);
    range.pmax = Math.min(range.pmax, pmax);
    range.dmin = Math.max(range.dmin, dmin);
    range.dmax = Math.min(range.dmax, dmax);
  }
  const { pmin, pmax, dmin, dmax } = range;
  for (const { name, versions } of all) {
    const [, , pcur = 0, , , dcur = 0] = versions;
    if (pcur < pmin || pcur > pmax) {
      return `Node '${name}' protocol version (${pcur}) is incompatible: [${pmin}, ${pmax}]`;
    }
    if (dcur < dmin || dcur > dmax) {
      return `Node '${name}' delegate protocol version (${dcur}) is incompatible: [${dmin}, ${dmax}]`;
    }
  }
  return null;
}

function versionedNode(node: Node): Versioned {
  return { name: node.name, alive: node.state === 'alive', versions: [...node.versions] };
}

function versionedState(state: PushNodeState): Versioned {
  const alive = state.State === NODE_STATE.alive;
  return { name: state.Name, alive, versions: [...(state.Vsn ?? [])] };
}

function admissionRefusal(work: Work, remote: PushPull, purpose: 'join' | 'sync'): string | null {
  if (purpose !== 'join' || work.config.admission.kind === 'anyone') return null;
  for (const { Addr, Meta } of remote.nodes) {
    const problem = detailsProblem(Addr ?? NO_BYTES, Meta ?? NO_BYTES);
    if (problem !== null) return problem;
  }
  const candidates = remote.nodes.map((node) => ({
    name: node.Name,
    address: bytesToIp(node.Addr ?? NO_BYTES) ?? '',
    tags: decodeTags(node.Meta ?? NO_BYTES),
    left: node.State === NODE_STATE.left,
  }));
  return refusalOf(work.config.admission, candidates);
}

function mergeSerf(work: Work, userState: Uint8Array, ignoreOld: boolean): void {
  const read = readSerf(userState);
  if (!read.ok || read.value.kind !== 'pushPull') {
    work.count('messagesDropped');
    work.log('error', 'Failed to decode remote state', {
      error: read.ok ? 'wrong type' : read.error,
    });
    return;
  }
  const { body } = read.value;
  if (body.LTime > 0n) witnessClock(work, body.LTime - 1n);
  const { values } = work;
  if (body.EventLTime > 0n) values.eventClock = witnessed(values.eventClock, body.EventLTime - 1n);
  if (body.QueryLTime > 0n) values.queryClock = witnessed(values.queryClock, body.QueryLTime - 1n);

  const times = body.StatusLTimes ?? {};
  const left = new Set(body.LeftMembers ?? []);
  // The time of the leave itself is not told; it came after the last known intent.
  for (const Node of left) {
    leaveIntent(work, { LTime: (times[Node] ?? 0n) + 1n, Node, Prune: false });
  }
  for (const [Node, LTime] of Object.entries(times)) {
    if (!left.has(Node)) joinIntent(work, { LTime, Node });
  }
  if (ignoreOld && body.EventLTime > values.eventMin) values.eventMin = body.EventLTime;
  for (const slot of body.Events ?? []) {
    for (const event of slot?.Events ?? []) {
      userEvent(work, {
        LTime: slot?.LTime ?? 0n,
        Name: event.Name,
        Payload: event.Payload,
        CC: false,
      });
    }
  }
}
