/** Watches every step of a cluster for what Raft promises (Raft paper, figure 3). */

import type { RaftNode } from '../../../machines/raft/node.ts';

export class SafetyViolation extends Error {
  override readonly name = 'SafetyViolation';
}

interface Committed {
  readonly term: number;
  readonly data: string;
  /** Of the leader that committed it. */
  readonly inTerm: number;
}

export class RaftChecker {
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  readonly #committed = new Map<number, Committed>();
  readonly #appliedThrough = new Map<string, number>();
  #commands: { readonly index: number; readonly data: string }[] = [];
  #commitMax = 0;

  /** Highest index that any server has known as committed. */
  get commitMax(): number {
    return this.#commitMax;
  }

  /** A life begins, or a snapshot was installed: what follows is applied on top of `index`. */
  started(id: string, index: number): void {
    this.#appliedThrough.set(id, index);
  }

  /** The state of a machine that has applied everything up to `index`. */
  stateAt(index: number): readonly string[] {
    return this.#commands.filter((one) => one.index <= index).map((one) => one.data);
  }

  stepped(id: string, before: RaftNode | undefined, after: RaftNode): void {
    if (before !== undefined) this.#monotonic(id, before, after);
    if (after.role === 'leader' && before?.role !== 'leader') this.#elected(id, after);
    const from = Math.max(before?.commitIndex ?? 0, after.log.firstIndex - 1);
    for (let index = from + 1; index <= after.commitIndex; index++) this.#commit(id, after, index);
  }

  #monotonic(id: string, before: RaftNode, after: RaftNode): void {
    const same = (what: 'term' | 'commitIndex' | 'appliedIndex'): void => {
      if (after[what] < before[what]) {
        throw new SafetyViolation(`${what} of ${id} fell from ${before[what]} to ${after[what]}`);
      }
    };
    same('term');
    same('commitIndex');
    same('appliedIndex');
    if (after.appliedIndex > after.commitIndex) {
      throw new SafetyViolation(`${id} applied ${after.appliedIndex} over ${after.commitIndex}`);
    }
    const ledOn = before.role === 'leader' && after.role === 'leader';
    if (ledOn && after.log.lastIndex < before.log.lastIndex) {
      throw new SafetyViolation(`leader ${id} shortened its log`);
    }
  }

  /** Election safety, and leader completeness. */
  #elected(id: string, node: RaftNode): void {
    const other = this.#leaders.get(node.term);
    if (other !== undefined && other !== id) {
      throw new SafetyViolation(`term ${node.term} has leaders ${other} and ${id}`);
    }
    this.#leaders.set(node.term, id);
    for (const [index, { term, inTerm }] of this.#committed) {
      // An election that took longer than the next one is none of a later leader.
      if (inTerm >= node.term) continue;
      if (index <= node.log.snapshot.index) continue;
      if (node.log.termAt(index) === term) continue;
      throw new SafetyViolation(`leader ${id} of term ${node.term} lacks committed ${index}`);
    }
  }

  #commit(id: string, node: RaftNode, index: number): void {
    const entry = node.log.entryAt(index);
    if (entry === undefined) return;
    const data = `${entry.Type}:${Buffer.from(entry.Data ?? []).toString('latin1')}`;
    const known = this.#committed.get(index);
    if (known === undefined) {
      this.#committed.set(index, { term: entry.Term, data, inTerm: node.term });
      this.#commitMax = Math.max(this.#commitMax, index);
      if (entry.Type === 0) this.#commands.push({ index, data: data.slice(2) });
    } else if (known.term !== entry.Term || (known.data !== data && entry.Term > 1)) {
      // The first entry, which each server of a new group writes for itself, may differ in bytes.
      throw new SafetyViolation(`${id} commits another entry at ${index} than was committed`);
    }
  }

  applied(id: string, index: number, data: string): void {
    const known = this.#committed.get(index);
    if (known?.data !== `0:${data}`) throw new SafetyViolation(`${id} applied a stranger ${index}`);
    if (index <= (this.#appliedThrough.get(id) ?? 0)) {
      throw new SafetyViolation(`${id} applied ${index} twice`);
    }
    this.#appliedThrough.set(id, index);
  }

  voted(id: string, term: number, candidate: string): void {
    const key = `${id}@${term}`;
    const other = this.#votes.get(key);
    if (other !== undefined && other !== candidate) {
      throw new SafetyViolation(`${id} voted for ${other} and ${candidate} in term ${term}`);
    }
    this.#votes.set(key, candidate);
  }

  acknowledged(id: string, index: number, data: string): void {
    if (this.#committed.get(index)?.data === `0:${data}`) return;
    throw new SafetyViolation(`${id} acknowledged ${data} at ${index}, which is not committed`);
  }
}
