/** Changes of the configuration, one at a time (Raft thesis 4.1), and transfer of leadership. */

import {
  configurationFault,
  type RaftConfiguration,
  type RaftServer,
} from '../../src/consensus/configuration.ts';
import { encodeConfiguration } from '../../src/wire/raft/configuration.ts';
import { ENTRY_TYPE } from '../../src/wire/raft/log-entry.ts';
import type { Reply } from '../messages.ts';
import type { MemberChange } from '../routes/raft.ts';
import { CHANGES_MAX } from './limits.ts';
import type { Leadership, Progress, QueuedChange, RaftNode } from './node.ts';
import { followProgress } from './progress.ts';
import { farewell } from './replication.ts';
import { leadingFor, newEntry, refuse } from './roles.ts';
import {
  appendEntries,
  headerOf,
  latestConfiguration,
  latestPlaced,
  note,
  type Step,
  saveHardState,
} from './step-base.ts';

/** Queues a change; it is made once the one before, and an entry of this term, are committed. */
export function requestChange(step: Step, queued: QueuedChange): void {
  const leadership = leadingFor(step, [queued.reply]);
  if (leadership === undefined) return;
  if (leadership.changes.length >= CHANGES_MAX) {
    step.effects.push({ type: 'refuse', replies: [queued.reply], error: 'enqueue-timeout' });
    return;
  }
  leadership.changes = [...leadership.changes, queued];
}

/** Makes the next change in the queue, when it may be made. */
export function makeNextChange(step: Step): void {
  const { node } = step;
  for (;;) {
    const { leadership } = node;
    const queued = leadership?.changes[0];
    if (leadership === undefined || queued === undefined) return;
    const settled =
      node.commitIndex >= leadership.firstIndex && latestPlaced(node).index <= node.commitIndex;
    if (!settled) return;
    leadership.changes = leadership.changes.slice(1);
    makeChange(step, queued);
  }
}

function makeChange(step: Step, { change, prevIndex, reply }: QueuedChange): void {
  const { node } = step;
  const latest = latestPlaced(node);
  if (prevIndex !== 0 && prevIndex !== latest.index) {
    const text = `Configuration changed since ${prevIndex} (latest is ${latest.index})`;
    refuse(step, [reply], 'configuration', text);
    return;
  }
  const next = changed(latest.configuration, change);
  const fault = configurationFault(next);
  if (fault !== undefined) {
    refuse(step, [reply], 'configuration', fault);
    return;
  }
  note(step, 'info', 'changing the configuration', { change: change.kind, id: change.id });
  const entry = newEntry(node, ENTRY_TYPE.configuration, encodeConfiguration(next));
  step.effects.push({ type: 'accept', firstIndex: entry.Index, replies: [reply] });
  appendEntries(step, [entry]);
  farewell(step);
  followProgress(step);
}

/** The configuration after a change, by hashicorp/raft's rules. */
export function changed(from: RaftConfiguration, change: MemberChange): RaftConfiguration {
  const known = from.servers.find((server) => server.id === change.id);
  const put = (server: RaftServer): RaftConfiguration => ({
    servers: known
      ? from.servers.map((one) => (one.id === server.id ? server : one))
      : [...from.servers, server],
  });
  switch (change.kind) {
    case 'add-voter':
      return put({ suffrage: 'voter', id: change.id, address: change.address });
    case 'add-nonvoter': {
      const suffrage = known?.suffrage === 'voter' ? 'voter' : 'nonvoter';
      return put({ suffrage, id: change.id, address: change.address });
    }
    case 'demote-voter':
      return known === undefined ? from : put({ ...known, suffrage: 'nonvoter' });
    case 'remove-server':
      return { servers: from.servers.filter((server) => server.id !== change.id) };
    default:
      return change satisfies never;
  }
}

/**
 * Whether bootstrapping is over. A term of 1 alone is what a crash in the middle of bootstrapping
 * leaves: elections begin at 2.
 */
export function hasState(node: RaftNode): boolean {
  return node.log.lastIndex > 0 || node.term > 1 || node.votedFor !== '';
}

/** Writes the first configuration, when there is nothing yet. */
export function bootstrap(step: Step, configuration: RaftConfiguration, reply: Reply<null>): void {
  const { node } = step;
  if (hasState(node)) {
    step.effects.push({ type: 'refuse', replies: [reply], error: 'cannot-bootstrap' });
    return;
  }
  const fault = configurationFault(configuration);
  if (fault !== undefined) {
    refuse(step, [reply], 'configuration', fault);
    return;
  }
  node.term = 1;
  node.catchingUp = false;
  saveHardState(step);
  const entry = newEntry(node, ENTRY_TYPE.configuration, encodeConfiguration(configuration));
  appendEntries(step, [entry]);
  step.effects.push({ type: 'settle', reply, after: node.persistIssued });
  electAtOnceIfAlone(step);
}

/** A server that is the only voter need not wait for a leader. */
export function electAtOnceIfAlone(step: Step): void {
  const { node } = step;
  const voters = latestConfiguration(node).servers.filter((one) => one.suffrage === 'voter');
  if (voters.length === 1 && voters[0]?.id === node.self.id) node.electionAtMs = node.nowMs;
}

/** Hands leadership over: to the one named, or to the voter that has most of the log. */
export function requestTransfer(
  step: Step,
  to: { readonly id: string; readonly address: string } | null,
  reply: Reply<null>,
): void {
  const { node } = step;
  const leadership = leadingFor(step, [reply]);
  if (leadership === undefined) return;
  const target = to === null ? bestFollower(node, leadership)?.server.id : to.id;
  if (target === undefined) {
    refuse(step, [reply], 'transfer', 'cannot find peer');
  } else if (target === node.self.id) {
    refuse(step, [reply], 'transfer', 'cannot transfer leadership to itself');
  } else if (leadership.progress.get(target)?.server.suffrage !== 'voter') {
    refuse(step, [reply], 'transfer', `cannot find replication state for ${target}`);
  } else {
    const deadlineMs = node.nowMs + node.settings.electionTimeoutMs;
    leadership.transfer = { to: target, reply, deadlineMs, sent: false };
    note(step, 'info', 'handing leadership over', { to: target });
  }
}

/** Who was not heard for a while may have most of the log and be gone. */
function bestFollower(node: RaftNode, leadership: Leadership): Progress | undefined {
  const aliveSinceMs = node.nowMs - node.settings.leaderLeaseTimeoutMs;
  let best: Progress | undefined;
  for (const peer of leadership.progress.values()) {
    if (peer.server.suffrage !== 'voter' || peer.contactAtMs < aliveSinceMs) continue;
    if (best === undefined || peer.match > best.match) best = peer;
  }
  return best;
}

/** Tells the chosen one to stand once it has the whole log, or gives up. */
export function driveTransfer(step: Step): void {
  const { node } = step;
  const { leadership } = node;
  const transfer = leadership?.transfer;
  if (leadership === undefined || transfer === undefined) return;
  const peer = leadership.progress.get(transfer.to);
  if (peer === undefined || node.nowMs >= transfer.deadlineMs) {
    leadership.transfer = undefined;
    refuse(step, [transfer.reply], 'transfer', 'leadership transfer timeout');
    return;
  }
  if (transfer.sent || peer.match < node.log.lastIndex) return;
  transfer.sent = true;
  leadership.leaseGivenUp = true;
  step.effects.push({
    type: 'send',
    to: peer.server,
    after: 0,
    message: {
      kind: 'timeout-now',
      term: node.term,
      request: { rpc: 'timeout-now', body: headerOf(node) },
    },
  });
}
