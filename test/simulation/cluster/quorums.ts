/**
 * Who stands behind what a leader does: a majority of voters with a durable vote behind its election
 * (I7, I9), a majority of voters with durable entries behind what it commits (I9, I10), and entries
 * of its own term only, as long as it counts (I8). The simulation knows all disks, so that it need
 * not wait for the crash that would show the lie.
 */

import type { RaftNode } from '../../../machines/raft/node.ts';
import {
  type RaftConfiguration,
  type RaftServer,
  votersOf,
} from '../../../src/consensus/configuration.ts';
import { SafetyViolation } from './violation.ts';

interface PendingVote {
  readonly term: number;
  readonly votedFor: string;
  /** Sequence number of the write that makes it durable. */
  readonly after: number;
}

export class Quorums {
  /** The latest step of each server, also of those that are down: what was durable still is. */
  readonly #nodes = new Map<string, RaftNode>();
  /** Durable votes, by server and term. */
  readonly #votes = new Map<string, string>();

  /** Votes on their way to disk, by server. A newer term does not take them back. */
  readonly #pending = new Map<string, PendingVote[]>();

  stepped(id: string, before: RaftNode | undefined, after: RaftNode): void {
    this.#nodes.set(id, after);
    this.#votesOf(id, before, after);
    if (after.role !== 'leader') return;
    if (before?.role !== 'leader') this.#elected(id, after);
    if (before === undefined || after.commitIndex <= before.commitIndex) return;
    // What is committed lets the next change of members begin within the same step.
    this.#committed(id, after, latest(before.configurations));
  }

  #votesOf(id: string, before: RaftNode | undefined, after: RaftNode): void {
    const { term, votedFor, hardStateIssued, persistDone } = after;
    const pending = before === undefined ? [] : (this.#pending.get(id) ?? []);
    if (votedFor !== '' && (before?.votedFor !== votedFor || before.term !== term)) {
      pending.push({ term, votedFor, after: hardStateIssued });
    }
    if (pending.length === 0 && before !== undefined) return;
    for (const vote of pending) if (vote.after <= persistDone) this.#voted(id, vote);
    const left = pending.filter((vote) => vote.after > persistDone);
    this.#pending.set(id, left);
  }

  #voted(id: string, { term, votedFor }: PendingVote): void {
    const key = `${id}@${term}`;
    const other = this.#votes.get(key);
    if (other !== undefined && other !== votedFor) {
      throw new SafetyViolation(`I7: ${id} voted for ${other} and ${votedFor} in term ${term}`);
    }
    this.#votes.set(key, votedFor);
  }

  #elected(id: string, { term, self, configurations }: RaftNode): void {
    const voters = votersOf(latest(configurations));
    const behind = voters.filter((one) => this.#votes.get(`${one.id}@${term}`) === self.address);
    if (behind.length * 2 > voters.length) return;
    throw new SafetyViolation(
      `I9: ${id} leads term ${term} with the votes of ${names(behind)} out of ${names(voters)}`,
    );
  }

  #committed(id: string, node: RaftNode, { servers }: RaftConfiguration): void {
    const { commitIndex, term, log } = node;
    const entryTerm = log.termAt(commitIndex);
    // A snapshot from outside is committed by decree: it has the leader's term, and no log.
    if (commitIndex <= log.snapshot.index) return;
    if (entryTerm !== term) {
      throw new SafetyViolation(
        `I8: leader ${id} of term ${term} commits ${commitIndex} of term ${entryTerm} by counting`,
      );
    }
    const voters = votersOf({ servers });
    const behind = voters.filter((one) => this.#holds(one, commitIndex, term));
    if (behind.length * 2 > voters.length) return;
    throw new SafetyViolation(
      `I9: leader ${id} commits ${commitIndex} that is durable on ${names(behind)} ` +
        `out of ${names(voters)}`,
    );
  }

  #holds({ id }: RaftServer, index: number, term: number): boolean {
    const node = this.#nodes.get(id);
    if (node === undefined || node.persistIndex < index) return false;
    return index <= node.log.snapshot.index || node.log.termAt(index) === term;
  }
}

function latest(configurations: RaftNode['configurations']): RaftConfiguration {
  return (configurations.at(-1) as RaftNode['configurations'][number]).configuration;
}

function names(servers: readonly RaftServer[]): string {
  return servers.length === 0 ? 'nobody' : servers.map(({ id }) => id).join(' ');
}
