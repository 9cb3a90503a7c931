/** What all parts of the algorithm use within one step: a working copy of the node, and effects. */

import {
  type RaftConfiguration,
  type RaftServer,
  votersOf,
} from '../../src/consensus/configuration.ts';
import { drawOf, nextState } from '../../src/mulberry32.ts';
import { configurationOf } from '../../src/wire/raft/configuration.ts';
import type { LogEntry } from '../../src/wire/raft/log-entry.ts';
import { PROTOCOL_VERSION } from '../../src/wire/raft/messages.ts';
import { copyOf } from './copy.ts';
import type { LogPoint } from './log-view.ts';
import type { Effect, PlacedConfiguration, RaftNode } from './node.ts';

/** One step under way. */
export interface Step {
  readonly node: RaftNode;
  readonly effects: Effect[];
}

/** A step on a working copy; the given node stays as it is. */
export function beginStep(node: RaftNode): Step {
  return { node: copyOf(node), effects: [] };
}

/** The configuration in use: the newest in the log, committed or not. */
export function latestConfiguration(node: RaftNode): RaftConfiguration {
  return latestPlaced(node).configuration;
}

export function latestPlaced(node: RaftNode): PlacedConfiguration {
  return node.configurations.at(-1) as PlacedConfiguration;
}

/** The newest configuration that is committed, or of the snapshot. */
export function committedPlaced(node: RaftNode): PlacedConfiguration {
  return node.configurations[0] as PlacedConfiguration;
}

export function voterIds(node: RaftNode): readonly string[] {
  return votersOf(latestConfiguration(node)).map((server) => server.id);
}

export function othersOf(node: RaftNode): readonly RaftServer[] {
  return latestConfiguration(node).servers.filter((server) => server.id !== node.self.id);
}

/** The header of every request and response, with what library 1.3.7 and newer add. */
export function headerOf(node: RaftNode): {
  readonly ProtocolVersion: number;
  readonly ID: string;
  readonly Addr: string;
} {
  return { ProtocolVersion: PROTOCOL_VERSION, ID: node.self.id, Addr: node.self.address };
}

/** Uniform in [min, 2 × min), from the node's own random numbers. */
export function randomSpanMs(step: Step, minMs: number): number {
  step.node.random = nextState(step.node.random);
  return minMs * (1 + drawOf(step.node.random) / 2 ** 32);
}

export function note(
  step: Step,
  level: 'debug' | 'info' | 'warn' | 'error',
  text: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  step.effects.push({ type: 'note', level, text, fields });
}

/** The leader was heard, or a vote given: no election for a while. */
export function heardLeader(step: Step): void {
  const { node } = step;
  node.contactAtMs = node.nowMs;
  node.leaderGone = false;
  node.electionAtMs = node.nowMs + randomSpanMs(step, node.settings.heartbeatTimeoutMs);
}

/** Asks for the hard state to be persisted. What is sent from now on in this step waits for it. */
export function saveHardState(step: Step): void {
  const { node } = step;
  const { term, votedFor, catchingUp } = node;
  const hardState = { term, votedFor, catchingUp };
  node.hardStateIssued = ++node.persistIssued;
  step.effects.push({ type: 'persist', sequence: node.hardStateIssued, hardState });
}

/**
 * Puts entries into the log, in place of everything from the first one's index on, and brings
 * configurations among them into force.
 */
export function appendEntries(step: Step, entries: readonly LogEntry[]): void {
  const { node } = step;
  const first = entries[0];
  if (first === undefined) return;
  if (first.Index <= node.log.lastIndex) truncateFrom(node, first.Index);
  node.log = node.log.append(entries);
  for (const entry of entries) {
    const configuration = configurationOf(entry);
    if (configuration === undefined) continue;
    node.configurations = [...node.configurations, { index: entry.Index, configuration }];
  }
  const sequence = ++node.persistIssued;
  const pending = { sequence, lastIndex: node.log.lastIndex };
  node.persistPending = [...node.persistPending, pending];
  step.effects.push({ type: 'persist', sequence, entries });
}

function truncateFrom(node: RaftNode, index: number): void {
  if (index <= node.commitIndex) {
    throw new Error(`truncation at ${index} of a log committed up to ${node.commitIndex}`);
  }
  node.log = node.log.truncateFrom(index);
  node.configurations = node.configurations.filter((placed) => placed.index < index);
  node.persistIndex = Math.min(node.persistIndex, index - 1);
  node.persistPending = node.persistPending.map((pending) => ({
    sequence: pending.sequence,
    lastIndex: Math.min(pending.lastIndex, index - 1),
  }));
}

/** Everything up to `sequence` is durable. */
export function persisted(node: RaftNode, sequence: number): void {
  node.persistDone = Math.max(node.persistDone, sequence);
  const done = node.persistPending.filter((pending) => pending.sequence <= sequence);
  const newest = done.at(-1);
  if (newest === undefined) return;
  node.persistIndex = Math.max(node.persistIndex, newest.lastIndex);
  node.persistPending = node.persistPending.slice(done.length);
}

/** The log becomes nothing but a snapshot, and everything up to it is applied. */
export function resetLog(step: Step, at: LogPoint, configuration: PlacedConfiguration): void {
  const { node } = step;
  node.log = node.log.reset(at);
  node.configurations = [configuration];
  node.persistPending = [];
  node.persistIndex = at.index;
  step.effects.push({ type: 'persist', sequence: ++node.persistIssued, reset: at });
}

/** The commit index moves up; older committed configurations are forgotten. */
export function commitThrough(node: RaftNode, index: number): void {
  if (index <= node.commitIndex) return;
  node.commitIndex = index;
  const newest = node.configurations.findLastIndex((placed) => placed.index <= index);
  if (newest > 0) node.configurations = node.configurations.slice(newest);
}
