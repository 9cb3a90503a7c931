/**
 * The facade of the raft node for those who call it. Proposals made in one turn of the event loop
 * go to the node as one batch.
 */

import type { Message, Reply } from '../../machines/messages.ts';
import { holdsLease } from '../../machines/raft/leader.ts';
import { hasState } from '../../machines/raft/membership.ts';
import type { RaftNode } from '../../machines/raft/node.ts';
import { viewOf } from '../../machines/raft/step.ts';
import type { MemberChange, Proposal } from '../../machines/routes/raft.ts';
import type { Post } from '../../machines/routes.ts';
import { EMPTY_CONFIGURATION } from '../../src/consensus/configuration.ts';
import {
  type CommandPiece,
  type Consensus,
  ConsensusError,
  type MemberChangeOptions,
  type RaftView,
  type StoredSnapshot,
} from '../../src/consensus/consensus.ts';
import type { Clock } from '../../src/world/world.ts';

export interface ConsensusDeps {
  readonly post: Post<'consensus'>;
  readonly clock: Clock;
  /** The node as it is now; `undefined` before the disk is read and after the end. */
  node(): RaftNode | undefined;
}

const NOTHING = new Uint8Array(0);

const STOPPED_VIEW: RaftView = {
  role: 'shutdown',
  term: 0,
  leader: undefined,
  lastContactMs: undefined,
  configuration: EMPTY_CONFIGURATION,
  configurationIndex: 0,
  lastIndex: 0,
  lastTerm: 0,
  commitIndex: 0,
  appliedIndex: 0,
  snapshotIndex: 0,
  snapshotTerm: 0,
};

export function createConsensus(deps: ConsensusDeps): Consensus {
  return new ConsensusFacade(deps);
}

type Questions =
  | 'leadership.verify'
  | 'leadership.transfer'
  | 'configuration.change'
  | 'cluster.bootstrap'
  | 'snapshot.create'
  | 'snapshot.restore';

type WithoutReply<M> = M extends unknown ? Omit<M, 'reply'> : never;

class ConsensusFacade implements Consensus {
  readonly #deps: ConsensusDeps;
  #batch: Proposal[] = [];

  constructor(deps: ConsensusDeps) {
    this.#deps = deps;
  }

  apply(command: Uint8Array): Promise<unknown> {
    return this.#propose('command', command);
  }

  applyBatch(commands: readonly Uint8Array[]): Promise<readonly unknown[]> {
    return Promise.all(commands.map((command) => this.#propose('command', command)));
  }

  applyPieces(pieces: readonly CommandPiece[]): Promise<readonly unknown[]> {
    return Promise.all(
      pieces.map(({ data, extensions }) => this.#propose('command', data, extensions)),
    );
  }

  async barrier(): Promise<void> {
    await this.#propose('barrier', NOTHING);
  }

  async verifyLeader(): Promise<void> {
    await this.#ask({ type: 'leadership.verify' });
  }

  holdsLease(): boolean {
    const node = this.#deps.node();
    return node !== undefined && holdsLease(node, this.#deps.clock.monotonic());
  }

  view(): RaftView {
    const node = this.#deps.node();
    return node === undefined ? STOPPED_VIEW : viewOf(node, this.#deps.clock.monotonic());
  }

  addVoter(id: string, address: string, options: MemberChangeOptions): Promise<void> {
    return this.#change({ kind: 'add-voter', id, address }, options);
  }

  addNonvoter(id: string, address: string, options: MemberChangeOptions): Promise<void> {
    return this.#change({ kind: 'add-nonvoter', id, address }, options);
  }

  demoteVoter(id: string, options: MemberChangeOptions): Promise<void> {
    return this.#change({ kind: 'demote-voter', id }, options);
  }

  removeServer(id: string, options: MemberChangeOptions): Promise<void> {
    return this.#change({ kind: 'remove-server', id }, options);
  }

  async bootstrap(configuration: RaftView['configuration']): Promise<void> {
    await this.#ask({ type: 'cluster.bootstrap', configuration });
  }

  hasState(): boolean {
    const node = this.#deps.node();
    // Before the disk is read nobody may conclude that there is nothing on it.
    return node === undefined || hasState(node);
  }

  async snapshot(): Promise<StoredSnapshot> {
    return (await this.#ask({ type: 'snapshot.create' })) as StoredSnapshot;
  }

  async restore(snapshot: {
    readonly index: number;
    readonly size: number;
    readonly chunks: AsyncIterable<Uint8Array>;
  }): Promise<void> {
    await this.#ask({ type: 'snapshot.restore', ...snapshot });
  }

  async leadershipTransfer(to?: { readonly id: string; readonly address: string }): Promise<void> {
    await this.#ask({ type: 'leadership.transfer', to: to ?? null });
  }

  async #change(change: MemberChange, { prevIndex }: MemberChangeOptions): Promise<void> {
    await this.#ask({ type: 'configuration.change', change, prevIndex });
  }

  #propose(
    kind: Proposal['kind'],
    data: Uint8Array,
    extensions: Uint8Array | null = null,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#batch.push({ kind, data, extensions, reply: replyTo(resolve, reject) });
      if (this.#batch.length > 1) return;
      // At the end of the turn, not of this callback: each caller comes in on a socket of its own.
      this.#deps.clock.setTimeout(() => {
        const proposals = this.#batch;
        this.#batch = [];
        const refuse = (error: Error): void => {
          for (const proposal of proposals) proposal.reply.refuse(error);
        };
        const reply = { answer: () => {}, refuse };
        this.#deps.post.send('raft', { type: 'proposals.submitted', proposals, reply });
      }, 0);
    });
  }

  #ask(question: WithoutReply<Message<Questions>>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const message = { ...question, reply: replyTo(resolve, reject) };
      this.#deps.post.send('raft', message as Message<Questions>);
    });
  }
}

/** Whatever the reason, callers see a `ConsensusError`: an undelivered message means no node. */
function replyTo(
  resolve: (value: unknown) => void,
  reject: (error: Error) => void,
): Reply<never> & Reply<unknown> {
  return {
    answer: (value: unknown) => resolve(value),
    refuse: (error: Error) =>
      reject(
        error instanceof ConsensusError
          ? error
          : new ConsensusError('shutdown', undefined, { cause: error }),
      ),
  };
}
