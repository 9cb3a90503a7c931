/**
 * One step of the algorithm: an input on a node gives the next node and effects.
 *
 * Each kind of input changes the state only; what follows from the state (votes counted, entries
 * sent, committed and applied, timers armed) is drawn at the end of every step, in one place.
 */

import { isVoter } from '../../src/consensus/configuration.ts';
import type { RaftView, StoredSnapshot } from '../../src/consensus/consensus.ts';
import { configurationOf } from '../../src/wire/raft/configuration.ts';
import { ENTRY_TYPE, type LogEntry } from '../../src/wire/raft/log-entry.ts';
import {
  isHeartbeat,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  type RaftRequest,
  type RaftResponse,
  UNSUPPORTED_PROTOCOL,
} from '../../src/wire/raft/messages.ts';
import type { Reply } from '../messages.ts';
import {
  ableToStand,
  countVotes,
  electionDue,
  leaderGone,
  preVoteAnswered,
  preVoteRequested,
  stand,
  voteAnswered,
  voteRequested,
} from './election.ts';
import { appendRequested, installAnswer, installRequested, snapshotInstalled } from './follower.ts';
import {
  advanceCommit,
  checkLease,
  leaseEndsAtMs,
  propose,
  settleVerifications,
  verify,
} from './leader.ts';
import { APPLY_BYTES_MAX, APPLY_ENTRIES_MAX, LOG_BYTES_MAX, type RaftSettings } from './limits.ts';
import type { LogPoint } from './log-view.ts';
import {
  bootstrap,
  driveTransfer,
  electAtOnceIfAlone,
  hasState,
  makeNextChange,
  requestChange,
  requestTransfer,
} from './membership.ts';
import type { Effect, Input, PlacedConfiguration, RaftNode, StoredState } from './node.ts';
import { nextSendAtMs, peerAnswered, pumpAll } from './replication.ts';
import {
  requestRestore,
  snapshotAdopted,
  snapshotLoaded,
  snapshotNotAdopted,
} from './restoring.ts';
import { becomeFollower } from './roles.ts';
import {
  beginStep,
  committedPlaced,
  headerOf,
  heardLeader,
  latestConfiguration,
  latestPlaced,
  note,
  persisted,
  randomSpanMs,
  type Step,
} from './step-base.ts';

export interface Stepped {
  readonly node: RaftNode;
  readonly effects: readonly Effect[];
}

export interface NodeOptions {
  readonly self: { readonly id: string; readonly address: string };
  readonly settings: RaftSettings;
  /** Any integer: decides the random timers. */
  readonly seed: number;
  readonly stored: StoredState;
  readonly nowMs: number;
}

/** A node as it starts from what lies on disk: a follower that has heard nothing yet. */
export function startNode(options: NodeOptions): Stepped {
  const { log, hardState, configuration } = options.stored;
  const { snapshot } = log;
  const step = beginStep({
    self: options.self,
    settings: options.settings,
    role: 'follower',
    term: hardState.term,
    votedFor: hardState.votedFor,
    catchingUp: hardState.catchingUp ?? log.lastIndex === 0,
    leader: undefined,
    leaderGone: false,
    log,
    configurations: [configuration, ...placedIn(log.entries(), snapshot.index)],
    commitIndex: snapshot.index,
    applyingIndex: snapshot.index,
    appliedIndex: snapshot.index,
    persistIssued: 0,
    persistDone: 0,
    hardStateIssued: 0,
    persistIndex: log.lastIndex,
    persistPending: [],
    storage: 'ready',
    nowMs: options.nowMs,
    wallOffsetMs: undefined,
    contactAtMs: undefined,
    electionAtMs: 0,
    votesFromMs: options.nowMs,
    snapshotAtMs: 0,
    snapshotsTaking: 0,
    installing: undefined,
    restoring: undefined,
    random: options.seed | 0,
    election: undefined,
    leadership: undefined,
  });
  const { node } = step;
  node.electionAtMs = node.nowMs + randomSpanMs(step, node.settings.heartbeatTimeoutMs);
  node.snapshotAtMs = node.nowMs + randomSpanMs(step, node.settings.snapshotIntervalMs);
  if (hasState(node)) node.votesFromMs += node.settings.leaderLeaseTimeoutMs;
  electAtOnceIfAlone(step);
  step.effects.push({ type: 'view.changed' });
  armClock(step);
  return step;
}

function placedIn(entries: readonly LogEntry[], after: number): PlacedConfiguration[] {
  return entries.flatMap((entry) => {
    const configuration = entry.Index > after ? configurationOf(entry) : undefined;
    return configuration === undefined ? [] : [{ index: entry.Index, configuration }];
  });
}

/** The next node and what is to be done. The given node stays as it is. */
export function stepNode(before: RaftNode, input: Input): Stepped {
  const step = beginStep(before);
  const { node } = step;
  if ('nowMs' in input) node.nowMs = Math.max(node.nowMs, input.nowMs);
  take(step, input);
  finish(step);
  if (viewDiffers(before, node)) step.effects.push({ type: 'view.changed' });
  armClock(step);
  return step;
}

function take(step: Step, input: Input): void {
  const { node } = step;
  switch (input.type) {
    case 'clock.reached':
      node.wallOffsetMs = input.wallMs - input.nowMs;
      clockReached(step);
      return;
    case 'requests.received':
      for (const { ticket, request } of input.requests) requestReceived(step, ticket, request);
      return;
    case 'answers.received':
      for (const { from, answer } of input.answers) {
        if (answer.kind === 'vote') voteAnswered(step, from, answer);
        else if (answer.kind === 'pre-vote') preVoteAnswered(step, from, answer);
        else peerAnswered(step, from, answer);
      }
      return;
    case 'leader.gone':
      leaderGone(step, input.address);
      return;
    case 'storage.persisted':
      persisted(node, input.sequence);
      return;
    case 'storage.failed':
      storageFailed(step, input.error);
      return;
    case 'storage.recovered':
      node.storage = 'ready';
      note(step, 'info', 'the disk takes writes again');
      return;
    case 'entries.applied':
      applied(step, input.throughIndex, input.responses);
      return;
    case 'proposals.submitted':
      propose(step, input.proposals);
      return;
    case 'leadership.verify':
      verify(step, input.reply);
      return;
    case 'leadership.transfer':
      requestTransfer(step, input.to, input.reply);
      return;
    case 'configuration.change':
      requestChange(step, input);
      return;
    case 'cluster.bootstrap':
      bootstrap(step, input.configuration, input.reply);
      return;
    default:
      takeSnapshotInput(step, input);
  }
}

type SnapshotInput = Extract<Input, { type: `snapshot.${string}` }>;

function takeSnapshotInput(step: Step, input: SnapshotInput): void {
  const { node } = step;
  switch (input.type) {
    case 'snapshot.create':
      takeSnapshot(step, input.reply);
      return;
    case 'snapshot.restore':
      requestRestore(step, input);
      return;
    case 'snapshot.adopted':
      snapshotAdopted(step, input.at, input.configuration, input.snapshot);
      return;
    case 'snapshot.unadopted':
      snapshotNotAdopted(step, input.error);
      return;
    case 'snapshot.loaded':
      snapshotLoaded(step, input.reply);
      return;
    case 'snapshot.unloaded':
      // The log is that snapshot already: without its state there is nothing to go on from.
      throw input.error;
    case 'snapshot.taken':
      snapshotTaken(step, input.at);
      return;
    case 'snapshot.progressed':
      if (node.installing === input.ticket) heardLeader(step);
      return;
    case 'snapshot.installed':
      snapshotInstalled(step, input.at, input.configuration);
      answerInstall(step, input.ticket, 'done', '');
      return;
    case 'snapshot.refused':
      node.installing = undefined;
      note(step, 'error', 'a snapshot could not be installed', { error: input.error });
      answerInstall(step, input.ticket, 'refused', input.error);
      return;
    default:
      input satisfies never;
  }
}

function answerInstall(
  step: Step,
  ticket: number,
  outcome: 'done' | 'refused',
  error: string,
): void {
  const response = {
    rpc: 'install-snapshot',
    body: installAnswer(step.node, outcome),
  } as const;
  step.effects.push({ type: 'answer', ticket, after: step.node.persistIssued, error, response });
}

function clockReached(step: Step): void {
  const { node } = step;
  checkLease(step);
  if (node.role !== 'leader' && node.nowMs >= node.electionAtMs) electionDue(step);
  if (node.nowMs < node.snapshotAtMs) return;
  node.snapshotAtMs = node.nowMs + randomSpanMs(step, node.settings.snapshotIntervalMs);
  if (node.log.lastIndex - node.log.snapshot.index < node.settings.snapshotThreshold) return;
  if (node.snapshotsTaking === 0) takeSnapshot(step, undefined);
}

function requestReceived(step: Step, ticket: number, request: RaftRequest): void {
  const { node } = step;
  const answer = (error: string, response: RaftResponse | null, after: number): void => {
    step.effects.push({ type: 'answer', ticket, after, error, response });
  };
  const heartbeat = request.rpc === 'append-entries' && isHeartbeat(request.body);
  const version = request.body.ProtocolVersion;
  if (!heartbeat && (version < PROTOCOL_VERSION_MIN || version > PROTOCOL_VERSION)) {
    answer(UNSUPPORTED_PROTOCOL, null, 0);
    return;
  }
  switch (request.rpc) {
    case 'append-entries': {
      const body = appendRequested(step, request.body);
      // A heartbeat promises nothing about entries: a slow disk must not hold it back.
      const after = heartbeat ? node.hardStateIssued : node.persistIssued;
      answer('', { rpc: request.rpc, body }, after);
      return;
    }
    case 'request-vote': {
      const body = voteRequested(step, request.body);
      answer('', { rpc: request.rpc, body }, node.hardStateIssued);
      return;
    }
    case 'request-pre-vote': {
      const body = preVoteRequested(step, request.body);
      answer('', { rpc: request.rpc, body }, node.hardStateIssued);
      return;
    }
    case 'timeout-now':
      answer('', { rpc: request.rpc, body: headerOf(node) }, 0);
      if (node.role === 'follower' && ableToStand(node)) stand(step, 'transfer');
      return;
    case 'install-snapshot': {
      const outcome = installRequested(step, ticket, request.body);
      if (outcome.kind === 'receive') {
        step.effects.push({ type: 'snapshot.receive', ticket, request: request.body });
      } else {
        answer(outcome.error, { rpc: request.rpc, body: outcome.body }, node.hardStateIssued);
      }
      return;
    }
    default:
      request satisfies never;
  }
}

function storageFailed(step: Step, error: Error): void {
  const { node } = step;
  if (node.storage === 'ready') note(step, 'error', 'the disk takes no writes', { error });
  node.storage = 'failed';
  if (node.role !== 'follower') becomeFollower(step, node.term);
}

function applied(step: Step, throughIndex: number, responses: readonly unknown[]): void {
  const { node } = step;
  if (throughIndex <= node.appliedIndex || throughIndex > node.applyingIndex) return;
  node.appliedIndex = throughIndex;
  step.effects.push({ type: 'applied', throughIndex, responses });
}

/** Draws what follows from the state, whatever changed it. */
function finish(step: Step): void {
  countVotes(step);
  advanceCommit(step);
  makeNextChange(step);
  driveTransfer(step);
  applyCommitted(step);
  stepDownIfRemoved(step);
  pumpAll(step);
  settleVerifications(step);
  const { log, snapshotsTaking } = step.node;
  if (log.bytes > LOG_BYTES_MAX && snapshotsTaking === 0) takeSnapshot(step, undefined);
}

/**
 * Hands what is committed, and durable here, to the state machine: one batch at a time. What holds
 * no command is applied by passing over it.
 */
function applyCommitted(step: Step): void {
  const { node } = step;
  const through = Math.min(node.commitIndex, node.persistIndex);
  while (node.applyingIndex === node.appliedIndex && node.applyingIndex < through) {
    if (node.installing !== undefined) return;
    const from = node.applyingIndex + 1;
    const countMax = Math.min(APPLY_ENTRIES_MAX, through - node.applyingIndex);
    const entries = node.log.slice(from, countMax, APPLY_BYTES_MAX);
    const last = entries.at(-1);
    if (last === undefined) throw new Error(`entry ${from} is committed and not in the log`);
    node.applyingIndex = last.Index;
    const commands = entries.filter((entry) => entry.Type === ENTRY_TYPE.command);
    if (commands.length > 0) {
      step.effects.push({ type: 'apply', entries: commands, throughIndex: last.Index });
      return;
    }
    node.appliedIndex = last.Index;
    step.effects.push({ type: 'applied', throughIndex: last.Index, responses: [] });
  }
}

/** A leader that a committed configuration gives no vote leads until its callers are answered. */
function stepDownIfRemoved(step: Step): void {
  const { node } = step;
  const { index } = committedPlaced(node);
  if (node.role !== 'leader' || node.configurations.length > 1 || node.appliedIndex < index) return;
  if (isVoter(latestConfiguration(node), node.self.id)) return;
  note(step, 'info', 'removed ourself, transitioning to follower', { term: node.term });
  becomeFollower(step, node.term);
}

function isMember(node: RaftNode): boolean {
  return latestConfiguration(node).servers.some((server) => server.id === node.self.id);
}

/** Freezes what is handed to the state machine, with the configuration in force there. */
function takeSnapshot(step: Step, reply: Reply<StoredSnapshot> | undefined): void {
  const { node } = step;
  const replies = reply === undefined ? [] : [reply];
  const index = node.applyingIndex;
  const term = node.log.termAt(index);
  if (index === 0 || term === undefined || node.installing !== undefined) {
    step.effects.push({ type: 'refuse', replies, error: 'nothing-to-snapshot' });
    return;
  }
  const configuration = committedPlaced(node);
  if (configuration.index > index) {
    const text =
      'cannot take snapshot now, wait until the configuration entry at ' +
      `${configuration.index} has been applied (have applied ${index})`;
    step.effects.push({ type: 'refuse', replies, error: 'configuration', text });
    return;
  }
  if (reply === undefined && index === node.log.snapshot.index) return;
  node.snapshotsTaking += 1;
  step.effects.push({ type: 'snapshot.take', at: { index, term }, configuration, reply });
}

function snapshotTaken(step: Step, at: LogPoint | undefined): void {
  const { node } = step;
  node.snapshotsTaking -= 1;
  if (at === undefined || at.index <= node.log.snapshot.index) return;
  node.log = node.log.compact(at, node.settings.trailingLogs);
  step.effects.push({ type: 'compact', through: node.log.firstIndex - 1 });
}

/** Arms the one timer for whatever comes next. */
function armClock(step: Step): void {
  const { node } = step;
  let atMs = node.snapshotAtMs;
  if (node.leadership === undefined) {
    atMs = Math.min(atMs, node.electionAtMs);
  } else {
    const { transfer } = node.leadership;
    atMs = Math.min(atMs, leaseEndsAtMs(node), nextSendAtMs(node, node.leadership));
    if (transfer !== undefined) atMs = Math.min(atMs, transfer.deadlineMs);
  }
  step.effects.push({ type: 'clock.arm', atMs });
}

function viewDiffers(before: RaftNode, after: RaftNode): boolean {
  return (
    before.role !== after.role ||
    before.term !== after.term ||
    before.leader?.address !== after.leader?.address ||
    before.leader?.id !== after.leader?.id ||
    (before.contactAtMs === undefined) !== (after.contactAtMs === undefined) ||
    latestPlaced(before) !== latestPlaced(after)
  );
}

/** The node as others see it, at `nowMs` (monotonic). */
export function viewOf(node: RaftNode, nowMs: number): RaftView {
  const latest = latestPlaced(node);
  const lastContactMs =
    node.contactAtMs === undefined ? undefined : Math.max(0, nowMs - node.contactAtMs);
  return {
    role: node.role,
    term: node.term,
    leader: node.leader,
    lastContactMs: node.role === 'leader' ? 0 : lastContactMs,
    configuration: latest.configuration,
    configurationIndex: latest.index,
    lastIndex: node.log.lastIndex,
    lastTerm: node.log.lastTerm,
    commitIndex: node.commitIndex,
    appliedIndex: node.appliedIndex,
    snapshotIndex: node.log.snapshot.index,
    snapshotTerm: node.log.snapshot.term,
  };
}

/** Where a node stands, in the words of the statechart. */
export type Phase =
  | 'unconfigured'
  | 'outsider'
  | 'follower'
  | 'installing'
  | 'canvassing'
  | 'candidate'
  | 'establishing'
  | 'leading'
  | 'transferring'
  | 'stalled';

export function phaseOf(node: RaftNode): Phase {
  if (node.storage === 'failed') return 'stalled';
  if (node.leadership !== undefined) {
    if (node.leadership.transfer !== undefined) return 'transferring';
    return node.commitIndex >= node.leadership.firstIndex ? 'leading' : 'establishing';
  }
  if (node.election !== undefined) {
    return node.election.stage === 'canvass' ? 'canvassing' : 'candidate';
  }
  if (node.installing !== undefined) return 'installing';
  if (latestConfiguration(node).servers.length === 0) return 'unconfigured';
  return isMember(node) ? 'follower' : 'outsider';
}
