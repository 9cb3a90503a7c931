/**
 * serf's members: their status follows from what memberlist sees and from what members say of
 * themselves (join and leave intents), ordered by a Lamport clock.
 */

import { joinHostPort } from '../../src/host-port.ts';
import type { Member, MemberChangeKind, MemberStatus } from '../../src/model/member.ts';
import { encodeUser } from '../../src/wire/gossip/messages.ts';
import {
  decodeTags,
  encodeSerf,
  type JoinIntent,
  type LeaveIntent,
} from '../../src/wire/gossip/serf.ts';
import { prune } from './broadcasts.ts';
import { toU64, witnessed } from './lamport.ts';
import type { Node } from './state.ts';
import { forget } from './vivaldi.ts';
import type { QueueName, Work } from './work.ts';

/** Intents kept about members that are not known; beyond it, new ones are not kept. */
const INTENTS_MAX = 8_192;

/** Puts a serf message into one of serf's queues, which drop their most sent ones when too long. */
export function broadcastSerf(work: Work, queue: QueueName, serf: Uint8Array, wait = 0): void {
  work.broadcast(queue, encodeUser(serf), null, wait);
  const countMax = Math.max(work.config.serf.queueMin, 2 * work.members.size);
  work.changeQueue(queue, prune(work.values[queue], countMax));
}

export function witnessClock(work: Work, ltime: bigint): void {
  work.values.clock = witnessed(work.values.clock, ltime);
}

/** Stores a member and notes what happened to it. */
function change(work: Work, kind: MemberChangeKind, member: Member): void {
  work.members.set(member.name, member);
  work.changes.push({ kind, member });
}

function withStatus(member: Member, status: MemberStatus): Member {
  return { ...member, status };
}

function memberOf(node: Node, status: MemberStatus): Member {
  const [pmin = 0, pmax = 0, pcur = 0, dmin = 0, dmax = 0, dcur = 0] = node.versions;
  return {
    name: node.name,
    address: node.address,
    port: node.port,
    tags: decodeTags(node.meta),
    status,
    versions: {
      protocolMin: pmin,
      protocolMax: pmax,
      protocolCur: pcur,
      delegateMin: dmin,
      delegateMax: dmax,
      delegateCur: dcur,
    },
  };
}

/** memberlist has seen a node that was unknown, dead or gone. */
export function memberJoined(work: Work, node: Node): void {
  const { name } = node;
  if (work.members.has(name)) {
    change(work, 'join', memberOf(node, 'alive'));
  } else {
    const early = work.intents.get(name);
    work.intents.delete(name);
    work.facts.set(name, { statusTime: early?.ltime ?? 0n, goneMs: 0 });
    change(work, 'join', memberOf(node, early?.kind === 'leave' ? 'leaving' : 'alive'));
  }
  work.effects.snapshot.push({
    kind: 'alive',
    name,
    address: joinHostPort(node.address, node.port),
  });
}

/** memberlist has seen a change of what a node tells of itself. */
export function memberUpdated(work: Work, node: Node): void {
  const known = work.members.get(node.name);
  if (known === undefined) return;
  change(work, 'update', memberOf(node, known.status));
}

/** memberlist holds a node dead, or it has said goodbye. */
export function memberGone(work: Work, name: string): void {
  const known = work.members.get(name);
  if (known === undefined) return;
  if (known.status === 'leaving') {
    markGone(work, name);
    change(work, 'leave', withStatus(known, 'left'));
  } else if (known.status === 'alive') {
    markGone(work, name);
    change(work, 'failed', withStatus(known, 'failed'));
  } else return;
  work.effects.snapshot.push({ kind: 'not-alive', name });
}

function markGone(work: Work, name: string): void {
  const facts = work.facts.get(name);
  work.facts.set(name, { statusTime: facts?.statusTime ?? 0n, goneMs: work.now });
}

/** Forgets a member. */
export function eraseMember(work: Work, name: string): void {
  const known = work.members.get(name);
  if (known === undefined) return;
  work.members.delete(name);
  work.facts.delete(name);
  work.prunes.delete(name);
  work.coordinates.delete(name);
  work.values.vivaldi = forget(work.values.vivaldi, name);
  work.changes.push({ kind: 'reap', member: known });
}

/** Handles a leave intent; returns whether it is news and has to be passed on. */
export function leaveIntent(work: Work, intent: LeaveIntent): boolean {
  witnessClock(work, intent.LTime);
  const member = work.members.get(intent.Node);
  const facts = work.facts.get(intent.Node);
  if (member === undefined || facts === undefined) {
    return rememberIntent(work, 'leave', intent.Node, intent.LTime);
  }
  if (intent.LTime <= facts.statusTime) return false;
  if (intent.Node === work.config.name && work.values.leave === 'no') {
    work.log('debug', 'refuting an older leave intent');
    broadcastJoin(work);
    return false;
  }
  work.facts.set(intent.Node, { ...facts, statusTime: intent.LTime });
  if (member.status === 'alive') change(work, 'update', withStatus(member, 'leaving'));
  if (member.status === 'failed') change(work, 'leave', withStatus(member, 'left'));
  if (intent.Prune) pruneMember(work, intent.Node);
  return true;
}

function pruneMember(work: Work, name: string): void {
  const { broadcastTimeoutMs, leavePropagateDelayMs } = work.config.serf;
  if (work.members.get(name)?.status !== 'leaving') eraseMember(work, name);
  else {
    const dueMs = work.now + broadcastTimeoutMs + leavePropagateDelayMs;
    work.prunes.set(name, { name, dueMs });
  }
}

/** Handles a join intent; returns whether it is news and has to be passed on. */
export function joinIntent(work: Work, intent: JoinIntent): boolean {
  witnessClock(work, intent.LTime);
  const member = work.members.get(intent.Node);
  const facts = work.facts.get(intent.Node);
  if (member === undefined || facts === undefined) {
    return rememberIntent(work, 'join', intent.Node, intent.LTime);
  }
  if (intent.LTime <= facts.statusTime) return false;
  work.facts.set(intent.Node, { ...facts, statusTime: intent.LTime });
  if (member.status === 'leaving') change(work, 'update', withStatus(member, 'alive'));
  return true;
}

function rememberIntent(work: Work, kind: 'join' | 'leave', name: string, ltime: bigint): boolean {
  const known = work.intents.get(name);
  if (known !== undefined && ltime <= known.ltime) return false;
  if (known === undefined && work.intents.size >= INTENTS_MAX) return false;
  work.intents.set(name, { kind, ltime, heardMs: work.now });
  return true;
}

/** Tells the pool that we are in it. */
export function broadcastJoin(work: Work): void {
  const intent = { LTime: work.values.clock, Node: work.config.name };
  witnessClock(work, intent.LTime);
  joinIntent(work, intent);
  broadcastSerf(work, 'intentQueue', encodeSerf({ kind: 'join', body: intent }));
}

/** Says of `name` that it leaves; handled here at once, and told to the pool. */
export function broadcastLeave(work: Work, name: string, forgetIt: boolean, wait: number): void {
  const intent = { LTime: work.values.clock, Node: name, Prune: forgetIt };
  work.values.clock = toU64(work.values.clock + 1n);
  leaveIntent(work, intent);
  broadcastSerf(work, 'intentQueue', encodeSerf({ kind: 'leave', body: intent }), wait);
}

/** Whether somebody else is there to tell. */
export function hasAliveOthers(work: Work): boolean {
  const { name } = work.config;
  for (const member of work.members.current.values()) {
    if (member.status === 'alive' && member.name !== name) return true;
  }
  return false;
}
