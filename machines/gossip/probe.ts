/**
 * The failure detector: one node at a time is pinged; without an ack some others are asked to ping
 * it and a stream is tried; without any sign of life it is suspected (SWIM, section 3; Lifeguard for
 * nacks and the health score).
 */

import { bytesToIp, ipToBytes } from '../../src/wire/gossip/address.ts';
import {
  type Ack,
  encodeAck,
  encodeIndirectPing,
  encodeNack,
  encodePing,
  encodeSuspect,
  type IndirectPing,
  type Nack,
  type Ping,
} from '../../src/wire/gossip/messages.ts';
import { encodePingPayload, readPingPayload } from '../../src/wire/gossip/serf.ts';
import { encodeStreamMessage } from '../../src/wire/gossip/stream.ts';
import type { Endpoint } from '../../src/world/world.ts';
import type { GossipPeer } from '../routes/gossip.ts';
import { datacenterOfName } from './config.ts';
import { adjustHealth, suspectNode } from './nodes.ts';
import { peerOf, sendMessage, sendToNode } from './outbox.ts';
import { randomNodes } from './random-nodes.ts';
import type { Node, Probe } from './state.ts';
import { isValidCoordinate, observe } from './vivaldi.ts';
import type { Work } from './work.ts';

/** Pings on behalf of others at a time; more are not answered. */
const RELAYS_MAX = 1_024;
/** memberlist protocols that answer stream pings, and that can send nacks. */
const STREAM_PING_SINCE = 3;
const NACK_SINCE = 4;

/** Starts the next probe, or lets the tick pass while one runs. */
export function probeNext(work: Work): void {
  if (work.values.probe !== null) return;
  const node = nextTarget(work);
  if (node !== null) startProbe(work, node);
}

/** The next node in the list that can be probed; at its end the list is cleaned and shuffled. */
function nextTarget(work: Work): Node | null {
  for (let looked = 0; looked < work.nodes.size; looked++) {
    if (work.values.orderAt >= work.values.order.length) {
      dropLongDead(work);
      shuffleOrder(work);
    }
    const name = work.values.order[work.values.orderAt];
    if (name === undefined) return null;
    work.values.orderAt += 1;
    const node = work.nodes.get(name);
    if (node === undefined || name === work.config.name) continue;
    if (node.state === 'alive' || node.state === 'suspect') return node;
  }
  return null;
}

function dropLongDead(work: Work): void {
  const before = work.now - work.config.timing.gossipToTheDeadMs;
  for (const [name, node] of work.nodes.entries()) {
    const gone = node.state === 'dead' || node.state === 'left';
    if (gone && node.changedMs < before) work.nodes.delete(name);
  }
}

function shuffleOrder(work: Work): void {
  const order = work.values.order.filter((name) => work.nodes.has(name));
  for (let at = order.length - 1; at > 0; at--) {
    const other = work.randomInt(at + 1);
    const name = order[at] as string;
    order[at] = order[other] as string;
    order[other] = name;
  }
  work.values.order = order;
  work.values.orderAt = 0;
}

function nextSequence(work: Work): number {
  work.values.sequence = (work.values.sequence + 1) >>> 0;
  return work.values.sequence;
}

/** The fields by which an answer finds us. */
function source(work: Work): Pick<Ping, 'SourceAddr' | 'SourcePort' | 'SourceNode'> {
  const { address, port, name } = work.config;
  return { SourceAddr: ipToBytes(address), SourcePort: port, SourceNode: name };
}

function startProbe(work: Work, node: Node): void {
  const { probeIntervalMs, probeTimeoutMs } = work.config.timing;
  const sequence = nextSequence(work);
  work.values.probe = {
    sequence,
    target: node.name,
    peer: peerOf(node),
    sentMs: work.now,
    directUntilMs: work.now + probeTimeoutMs,
    deadlineMs: work.now + probeIntervalMs * (work.values.health + 1),
    phase: 'direct',
    nacksExpected: 0,
    nacks: 0,
    streamPing: 'none',
  };
  const ping = encodePing({ SeqNo: sequence, Node: node.name, ...source(work) });
  if (node.state !== 'suspect') sendMessage(work, peerOf(node), ping);
  else {
    // A suspect is told so with the ping, that it may refute.
    const accusation = { Incarnation: node.incarnation, Node: node.name, From: work.config.name };
    sendToNode(work, node, [ping, encodeSuspect(accusation)]);
  }
}

/** Moves the running probe on when its time has come. */
export function advanceProbe(work: Work): void {
  const { probe } = work.values;
  if (probe === null) return;
  if (probe.phase === 'direct' && probe.directUntilMs <= work.now) goIndirect(work, probe);
  const current = work.values.probe;
  if (current !== null && current.deadlineMs <= work.now) failProbe(work, current);
}

function goIndirect(work: Work, probe: Probe): void {
  const node = work.nodes.get(probe.target);
  const self = work.config.name;
  const helpers = randomNodes(
    work,
    work.config.timing.indirectChecks,
    (other) => other.state === 'alive' && other.name !== self && other.name !== probe.target,
  );
  let nacksExpected = 0;
  for (const helper of helpers) {
    const canNack = (helper.versions[1] ?? 0) >= NACK_SINCE;
    if (canNack) nacksExpected += 1;
    const request = encodeIndirectPing({
      SeqNo: probe.sequence,
      Target: ipToBytes(probe.peer.address),
      Port: probe.peer.port,
      Node: probe.target,
      Nack: canNack,
      ...source(work),
    });
    sendMessage(work, peerOf(helper), request);
  }
  const streamPing = node !== undefined && mayStreamPing(work, node) ? 'pending' : 'none';
  work.values.probe = { ...probe, phase: 'indirect', nacksExpected, streamPing };
  if (streamPing === 'pending') startStreamPing(work, probe);
}

function mayStreamPing(work: Work, node: Node): boolean {
  if ((node.versions[1] ?? 0) < STREAM_PING_SINCE) return false;
  switch (work.config.streamPings) {
    case 'everyone':
      return true;
    case 'nobody':
      return false;
    case 'own-datacenter':
      return datacenterOfName(node.name) === datacenterOfName(work.config.name);
  }
}

function startStreamPing(work: Work, probe: Probe): void {
  const id = work.newId();
  work.exchanges.set(id, { purpose: 'ping', peer: probe.peer, sequence: probe.sequence });
  const body = { SeqNo: probe.sequence, Node: probe.target, ...source(work) };
  work.effects.exchanges.push({
    id,
    to: probe.peer,
    timeoutMs: Math.max(1, probe.deadlineMs - work.now),
    bytes: encodeStreamMessage({ kind: 'ping', body }),
  });
}

/** The stream ping was answered: the node lives, though datagrams do not pass. */
export function streamPingAnswered(work: Work, sequence: number): void {
  const { probe } = work.values;
  if (probe?.sequence !== sequence) return;
  work.values.probe = { ...probe, streamPing: 'answered' };
}

function failProbe(work: Work, probe: Probe): void {
  work.values.probe = null;
  if (probe.streamPing === 'answered') {
    const text = `Was able to connect to ${probe.target} but other probes failed, network may be misconfigured`;
    work.log('warn', text);
    adjustHealth(work, -1);
    return;
  }
  work.count('probesFailed');
  const missingNacks = Math.max(0, probe.nacksExpected - probe.nacks);
  adjustHealth(work, probe.nacksExpected > 0 ? missingNacks : 1);
  const node = work.nodes.get(probe.target);
  if (node === undefined) return;
  work.log('info', `Suspect ${node.name} has failed, no acks received`);
  suspectNode(work, { Incarnation: node.incarnation, Node: node.name, From: work.config.name });
}

/** A packet could not be sent: the probe it belongs to goes another way at once. */
export function sendFailed(work: Work, to: GossipPeer): void {
  const { probe } = work.values;
  if (probe === null || probe.phase !== 'direct') return;
  const same = to.name === '' ? isPeerAddress(probe.peer, to) : to.name === probe.target;
  if (same) goIndirect(work, probe);
}

function isPeerAddress(peer: GossipPeer, to: Endpoint): boolean {
  return peer.address === to.address && peer.port === to.port;
}

/** Whom an answer goes to: what the question says of its source, else where it came from. */
function requester(body: Ping | IndirectPing, from: Endpoint): GossipPeer {
  const address = body.SourceAddr === null ? null : bytesToIp(body.SourceAddr);
  if (address === null || body.SourcePort === 0) {
    return { name: body.SourceNode, address: from.address, port: from.port };
  }
  return { name: body.SourceNode, address, port: body.SourcePort };
}

/** The ack to a ping, with our coordinate. */
export function pingReceived(work: Work, ping: Ping, from: Endpoint): void {
  if (!isForUs(work, ping)) return;
  const payload = encodePingPayload(work.values.vivaldi.coordinate);
  sendMessage(work, requester(ping, from), encodeAck({ SeqNo: ping.SeqNo, Payload: payload }));
}

/** Whether a ping is meant for us; one for another is left unanswered. */
export function isForUs(work: Work, ping: Ping): boolean {
  if (ping.Node === '' || ping.Node === work.config.name) return true;
  work.count('messagesDropped');
  work.log('warn', `Got ping for unexpected node '${ping.Node}'`);
  return false;
}

/** Pings a node on behalf of another. */
export function indirectPingReceived(work: Work, request: IndirectPing, from: Endpoint): void {
  const address = bytesToIp(request.Target ?? new Uint8Array(0));
  if (address === null || work.relays.size >= RELAYS_MAX) {
    work.count('messagesDropped');
    return;
  }
  const sequence = nextSequence(work);
  work.relays.set(sequence, {
    requester: requester(request, from),
    sequence: request.SeqNo,
    nack: request.Nack,
    deadlineMs: work.now + work.config.timing.probeTimeoutMs,
  });
  const ping = encodePing({ SeqNo: sequence, Node: request.Node, ...source(work) });
  sendMessage(work, { name: request.Node, address, port: request.Port || work.config.port }, ping);
}

export function ackReceived(work: Work, ack: Ack): void {
  const relay = work.relays.get(ack.SeqNo);
  if (relay !== undefined) {
    work.relays.delete(ack.SeqNo);
    sendMessage(work, relay.requester, encodeAck({ SeqNo: relay.sequence, Payload: null }));
    return;
  }
  const { probe } = work.values;
  if (probe?.sequence !== ack.SeqNo) return;
  work.values.probe = null;
  adjustHealth(work, -1);
  if (probe.phase === 'direct') learnDistance(work, probe, ack);
}

/** Moves our coordinate by what a direct ack tells of the way. */
function learnDistance(work: Work, probe: Probe, ack: Ack): void {
  if (ack.Payload === null || ack.Payload.length === 0) return;
  const read = readPingPayload(ack.Payload);
  if (!read.ok) {
    work.count('messagesDropped');
    work.log('warn', read.error, { from: probe.target });
    return;
  }
  const other = { ...read.value, Vec: read.value.Vec ?? [] };
  if (!isValidCoordinate(other)) return;
  const rttSeconds = (work.now - probe.sentMs) / 1000;
  const { vivaldi } = work.values;
  work.values.vivaldi = observe(vivaldi, probe.target, other, rttSeconds, () => work.random());
  work.coordinates.set(probe.target, other);
}

export function nackReceived(work: Work, nack: Nack): void {
  const { probe } = work.values;
  if (probe?.sequence !== nack.SeqNo) return;
  work.values.probe = { ...probe, nacks: probe.nacks + 1 };
}

/** Tells those whose ping found nobody that at least we are here. */
export function expireRelays(work: Work): void {
  for (const [sequence, relay] of work.relays.entries()) {
    if (relay.deadlineMs > work.now) continue;
    work.relays.delete(sequence);
    if (relay.nack) sendMessage(work, relay.requester, encodeNack({ SeqNo: relay.sequence }));
  }
}
