/**
 * What must hold at every step of every server, whatever befalls them (Raft paper, figure 3; the
 * names I1 to I13 are those of the checklist in raft.md).
 */

import type { LogPoint } from '../../../machines/raft/log-view.ts';
import type { RaftNode } from '../../../machines/raft/node.ts';
import { ENTRY_TYPE, type LogEntry } from '../../../src/wire/raft/log-entry.ts';
import { Quorums } from './quorums.ts';
import type { SimulatedServer } from './server.ts';
import { SafetyViolation } from './violation.ts';

/** What an entry says, kept apart from whatever becomes of the bytes in a server. */
interface Content {
  readonly type: number;
  readonly data: Buffer;
}

/** An entry as the first server to have it had it. */
interface KnownEntry {
  readonly content: Content;
  readonly termBefore: number | undefined;
}

interface CommittedEntry {
  readonly term: number;
  readonly content: Content;
  /** Of the leader that committed it. */
  readonly inTerm: number;
}

interface Delivered {
  readonly type: string;
  readonly entries?: readonly { readonly index: number; readonly data: Uint8Array }[];
}

export class Invariants {
  readonly #quorums = new Quorums();
  readonly #leaders = new Map<number, string>();
  readonly #terms = new Map<string, number>();
  readonly #durable = new Map<string, LogPoint>();
  readonly #entries = new Map<string, KnownEntry>();
  readonly #committed = new Map<number, CommittedEntry>();
  readonly #appliedThrough = new Map<string, number>();
  #commitMax = 0;
  /** Steps that were checked. */
  steps = 0;

  /** Highest index that any server has known as committed. */
  get commitMax(): number {
    return this.#commitMax;
  }

  stepped(server: SimulatedServer, before: RaftNode | undefined, after: RaftNode): void {
    this.steps += 1;
    const { id } = server;
    if (before === undefined) this.#restarted(id, after);
    else this.#forward(id, before, after);
    if (after.persistDone >= after.hardStateIssued) this.#terms.set(id, after.term);
    const { persistIndex, log } = after;
    if (persistIndex !== before?.persistIndex || log !== before.log) {
      this.#durable.set(id, { index: persistIndex, term: log.termAt(persistIndex) ?? 0 });
    }
    this.#quorums.stepped(id, before, after);
    if (after.role === 'leader' && before?.role !== 'leader') this.#elected(id, after);
    if (after.log !== before?.log) this.#matched(before, after);
    if (after.log.snapshot !== before?.log.snapshot) this.#keptAtSnapshot(id, after);
    const from = Math.max(before?.commitIndex ?? 0, after.log.firstIndex - 1);
    for (let index = from + 1; index <= after.commitIndex; index++) this.#commit(id, after, index);
    this.#oneChange(id, after);
  }

  /** Commands on their way to the state machine. */
  delivered({ id }: SimulatedServer, message: Delivered): void {
    if (message.type !== 'entries.committed' || message.entries === undefined) return;
    for (const { index, data } of message.entries) this.#applied(id, index, data);
  }

  /** I6: what was promised outlives the process. A server without its disk has another id. */
  #restarted(id: string, after: RaftNode): void {
    const term = this.#terms.get(id) ?? 0;
    if (after.term < term) {
      throw new SafetyViolation(`I6: ${id} came back in term ${after.term} after term ${term}`);
    }
    const durable = this.#durable.get(id);
    const found = after.log.termAt(durable?.index ?? 0);
    if (
      durable !== undefined &&
      durable.index > after.log.snapshot.index &&
      found !== durable.term
    ) {
      throw new SafetyViolation(
        `I6: ${id} came back without durable ${durable.index} of term ${durable.term}`,
      );
    }
    this.#appliedThrough.set(id, after.appliedIndex);
  }

  /** A disk that has only lost power is never called damaged: that server would be lost for nothing. */
  refused({ id }: SimulatedServer, reason: string): void {
    throw new SafetyViolation(`${id} refuses to start: ${reason}`);
  }

  /** I2 and I6. */
  #forward(id: string, before: RaftNode, after: RaftNode): void {
    neverLess(id, 'term', before.term, after.term);
    neverLess(id, 'commitIndex', before.commitIndex, after.commitIndex);
    neverLess(id, 'appliedIndex', before.appliedIndex, after.appliedIndex);
    if (after.appliedIndex > after.commitIndex) {
      throw new SafetyViolation(
        `I5: ${id} applied ${after.appliedIndex} over ${after.commitIndex}`,
      );
    }
    const led = before.role === 'leader' && after.role === 'leader' && before.term === after.term;
    if (led && after.log.lastIndex < before.log.lastIndex) {
      throw new SafetyViolation(`I2: leader ${id} shortened its log`);
    }
    // What the leader of this term has sent stands in its log, and is taken back by no one.
    const lost = after.persistIndex + 1;
    const sameTerm = before.term === after.term && before.log.termAt(lost) === after.term;
    if (sameTerm && lost <= before.persistIndex) {
      throw new SafetyViolation(`I2: ${id} took back durable ${lost} of its term ${after.term}`);
    }
    // A snapshot of the leader, or of an operator, has taken the place of what was applied.
    if (after.log.snapshot.index > before.appliedIndex) {
      this.#appliedThrough.set(id, after.log.snapshot.index);
    }
  }

  /** I13. Others may not know yet that the changes before the last are committed. */
  #oneChange(id: string, { leadership, commitIndex, configurations }: RaftNode): void {
    if (leadership === undefined || commitIndex < leadership.firstIndex) return;
    if (configurations.length <= 2) return;
    throw new SafetyViolation(`I13: leader ${id} has two changes of members under way`);
  }

  /** I1 and I4. */
  #elected(id: string, node: RaftNode): void {
    const other = this.#leaders.get(node.term);
    if (other !== undefined && other !== id) {
      throw new SafetyViolation(`I1: term ${node.term} has leaders ${other} and ${id}`);
    }
    this.#leaders.set(node.term, id);
    for (const [index, { term, inTerm }] of this.#committed) {
      // Who was stopped while it was elected leads a term that is over: it knows nothing of later ones.
      if (inTerm >= node.term) continue;
      if (index <= node.log.snapshot.index || node.log.termAt(index) === term) continue;
      throw new SafetyViolation(`I4: leader ${id} of term ${node.term} lacks committed ${index}`);
    }
  }

  /** I3: the same index and term, the same entry and the same before it. Looks at what is new only. */
  #matched(before: RaftNode | undefined, after: RaftNode): void {
    const { log } = after;
    for (let index = log.lastIndex; index >= log.firstIndex; index--) {
      const entry = log.entryAt(index) as LogEntry;
      if (before?.log.entryAt(index) === entry) return;
      // The first entries of a group are written by each for itself.
      if (entry.Term <= 1) return;
      const key = `${index}@${entry.Term}`;
      const termBefore = log.termAt(index - 1);
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, { content: contentOf(entry), termBefore });
      else if (!says(entry, known.content)) throw new SafetyViolation(`I3: two entries are ${key}`);
      else if (differ(known.termBefore, termBefore)) {
        throw new SafetyViolation(
          `I3: ${key} stands behind terms ${known.termBefore}, ${termBefore}`,
        );
      }
    }
  }

  /** I3: entries kept at a snapshot are those that it was made of, and those that follow it. */
  #keptAtSnapshot(id: string, { log }: RaftNode): void {
    const { snapshot, firstIndex, lastIndex } = log;
    const next = log.entryAt(snapshot.index + 1);
    const known = next && this.#entries.get(`${next.Index}@${next.Term}`);
    if (known !== undefined && differ(known.termBefore, snapshot.term)) {
      throw new SafetyViolation(
        `I3: ${id} keeps ${next?.Index}@${next?.Term} behind a snapshot of term ${snapshot.term}`,
      );
    }
    for (let index = firstIndex; index <= Math.min(snapshot.index, lastIndex); index++) {
      const known = this.#committed.get(index);
      if (known === undefined || known.term === log.entryAt(index)?.Term) continue;
      throw new SafetyViolation(
        `I3: ${id} keeps another entry at ${index} than its snapshot of ${snapshot.index} holds`,
      );
    }
  }

  /** I5: committed once, committed for all. */
  #commit(id: string, node: RaftNode, index: number): void {
    const entry = node.log.entryAt(index);
    if (entry === undefined) return;
    const known = this.#committed.get(index);
    if (known === undefined) {
      const inTerm = node.term;
      this.#committed.set(index, { content: contentOf(entry), term: entry.Term, inTerm });
      this.#commitMax = Math.max(this.#commitMax, index);
    } else if (known.term !== entry.Term || (entry.Term > 1 && !says(entry, known.content))) {
      throw new SafetyViolation(`I5: ${id} commits another entry at ${index} than was committed`);
    }
  }

  /** I5 and I10: in order, once in a life, and only what is committed. */
  #applied(id: string, index: number, data: Uint8Array): void {
    const committed = this.#committed.get(index)?.content;
    if (committed?.type !== ENTRY_TYPE.command || !committed.data.equals(data)) {
      throw new SafetyViolation(`I5: ${id} applied at ${index} what was not committed there`);
    }
    if (index <= (this.#appliedThrough.get(id) ?? 0)) {
      throw new SafetyViolation(`I10: ${id} applied ${index} twice`);
    }
    this.#appliedThrough.set(id, index);
  }
}

/** I6. */
function neverLess(id: string, what: string, before: number, after: number): void {
  if (after >= before) return;
  throw new SafetyViolation(`I6: ${what} of ${id} fell from ${before} to ${after}`);
}

function contentOf(entry: LogEntry): Content {
  return { type: entry.Type, data: Buffer.from(entry.Data ?? NOTHING) };
}

function says(entry: LogEntry, { type, data }: Content): boolean {
  return entry.Type === type && data.equals(entry.Data ?? NOTHING);
}

function differ(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}

const NOTHING = new Uint8Array(0);
