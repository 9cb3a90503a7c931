/**
 * What happens by itself as time passes. Each timer keeps its own pace; a late tick makes each of
 * them happen once, not as often as it was missed.
 */

import { parseGoDurationMs } from '../../src/go-duration.ts';
import type { Member } from '../../src/model/member.ts';
import { gossipRound, hasBroadcasts } from './gossip-round.ts';
import { expireSuspicions } from './nodes.ts';
import { advanceProbe, expireRelays, probeNext } from './probe.ts';
import { eraseMember } from './serf-members.ts';
import { expireQueries } from './serf-queries.ts';
import { joinPeers, startSync } from './sync.ts';
import { endWait, type Work } from './work.ts';

/** Above this many nodes push/pulls become rarer. */
const SYNC_SCALE_FROM = 32;

/** Does all that is due. */
export function advance(work: Work): void {
  const { values, config } = work;
  const { timing, serf } = config;
  expireSuspicions(work);
  expireRelays(work);
  advanceProbe(work);
  if (values.probeAtMs <= work.now) {
    values.probeAtMs = nextTime(values.probeAtMs, timing.probeIntervalMs, work.now);
    probeNext(work);
  }
  if (values.gossipAtMs <= work.now) {
    values.gossipAtMs = nextTime(values.gossipAtMs, timing.gossipIntervalMs, work.now);
    gossipRound(work);
  }
  if (values.syncAtMs <= work.now) {
    values.syncAtMs = work.now + nextSyncMs(work);
    startSync(work);
  }
  if (values.reapAtMs <= work.now) {
    values.reapAtMs = nextTime(values.reapAtMs, serf.reapIntervalMs, work.now);
    reap(work);
  }
  if (values.reconnectAtMs <= work.now) {
    values.reconnectAtMs = nextTime(values.reconnectAtMs, serf.reconnectIntervalMs, work.now);
    reconnect(work);
  }
  expireQueries(work);
  for (const [id, wait] of work.waits.entries()) {
    if (wait.deadlineMs <= work.now) endWait(work, id, 'timeout');
  }
  for (const order of work.prunes.values()) {
    if (order.dueMs <= work.now) pruneNow(work, order.name);
  }
}

/** The next beat of a timer after `now`, in its rhythm. */
export function nextTime(atMs: number, intervalMs: number, now: number): number {
  if (atMs > now) return atMs;
  return atMs + (Math.floor((now - atMs) / intervalMs) + 1) * intervalMs;
}

export function syncIntervalMs(work: Work): number {
  const { pushPullIntervalMs } = work.config.timing;
  const n = work.nodes.size;
  if (n <= SYNC_SCALE_FROM) return pushPullIntervalMs;
  return pushPullIntervalMs * (Math.ceil(Math.log2(n) - Math.log2(SYNC_SCALE_FROM)) + 1);
}

/** When a pool that has just started makes its first push/pull. */
export function firstSyncMs(work: Work): number {
  const { youngPushPullMs, pushPullIntervalMs } = work.config.timing;
  return (1 + work.random()) * (youngPushPullMs > 0 ? youngPushPullMs : pushPullIntervalMs);
}

function nextSyncMs(work: Work): number {
  const { values } = work;
  const { youngPushPullMs } = work.config.timing;
  const usual = syncIntervalMs(work);
  if (youngPushPullMs === 0) return usual;
  const grown = work.nodes.size > values.syncedNodes;
  values.syncedNodes = work.nodes.size;
  values.syncPaceMs = grown ? youngPushPullMs : Math.min(values.syncPaceMs * 2, usual);
  return values.syncPaceMs;
}

function pruneNow(work: Work, name: string): void {
  work.prunes.delete(name);
  const status = work.members.get(name)?.status;
  if (status !== undefined && status !== 'alive') eraseMember(work, name);
}

/** Forgets members that have been gone for long, and intents that nobody came for. */
function reap(work: Work): void {
  const { serf } = work.config;
  for (const [name, member] of work.members.current) {
    if (member.status !== 'failed' && member.status !== 'left') continue;
    const goneMs = work.facts.get(name)?.goneMs ?? 0;
    const usual = member.status === 'left' ? serf.tombstoneTimeoutMs : serf.reconnectTimeoutMs;
    const timeoutMs = reconnectOverrideMs(work, member) ?? usual;
    if (work.now - goneMs > timeoutMs) eraseMember(work, name);
  }
  for (const [name, intent] of work.intents.entries()) {
    if (work.now - intent.heardMs > serf.recentIntentTimeoutMs) work.intents.delete(name);
  }
}

/** Consul clients may tell when they want to be forgotten; 0 leaves it to the others. */
function reconnectOverrideMs(work: Work, member: Member): number | null {
  const text = member.tags['rc_tm'];
  if (text === undefined) return null;
  const durationMs = parseGoDurationMs(text);
  if (durationMs === null) {
    const fields = { member: member.name, rc_tm: text };
    work.log('warn', 'Member is advertising a malformed reconnect timeout', fields);
  }
  return durationMs === 0 ? null : durationMs;
}

/** Tries one failed member again, now and then. */
function reconnect(work: Work): void {
  const all = [...work.members.current.values()];
  const failed = all.filter((member) => member.status === 'failed');
  if (failed.length === 0) return;
  const left = all.filter((member) => member.status === 'left').length;
  const chance = failed.length / Math.max(1, all.length - failed.length - left);
  if (work.random() > chance) return;
  const member = failed[work.randomInt(failed.length)];
  if (member === undefined) return;
  work.log('info', `attempting reconnect to ${member.name} ${member.address}:${member.port}`);
  joinPeers(work, [{ name: member.name, address: member.address, port: member.port }], 'reconnect');
}

/** When the next thing is due. */
export function dueMs(work: Work): number {
  const { values } = work;
  let due = Math.min(values.syncAtMs, values.reapAtMs, values.reconnectAtMs);
  const at = (time: number): void => {
    if (time < due) due = time;
  };
  if (values.probe === null) at(values.probeAtMs);
  else at(values.probe.phase === 'direct' ? values.probe.directUntilMs : values.probe.deadlineMs);
  if (hasBroadcasts(work)) {
    const { gossipIntervalMs } = work.config.timing;
    values.gossipAtMs = nextTime(values.gossipAtMs, gossipIntervalMs, work.now);
    at(values.gossipAtMs);
  }
  for (const suspicion of work.suspicions.current.values()) at(suspicion.deadlineMs);
  for (const relay of work.relays.current.values()) at(relay.deadlineMs);
  for (const query of work.queries.current.values()) at(query.deadlineMs);
  for (const open of work.open.current.values()) at(open.deadlineMs);
  for (const wait of work.waits.current.values()) at(wait.deadlineMs);
  for (const order of work.prunes.current.values()) at(order.dueMs);
  return due;
}
