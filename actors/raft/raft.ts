/** The raft node in the world. */

import type { ActorRefFrom } from 'xstate';
import type { RaftNode } from '../../machines/raft/node.ts';
import { type RaftEvent, raftMachine } from '../../machines/raft/raft.ts';
import { unmoved } from '../../machines/raft/unmoved.ts';
import type { Post } from '../../machines/routes.ts';
import { withShortWay } from '../../machines/short-way.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { type RaftActorDeps, RaftBinding } from './binding.ts';
import { createConsensus } from './consensus.ts';

export type { RaftActorDeps } from './binding.ts';
export type { RaftDial } from './peer.ts';

export interface CreatedRaft {
  /** The logic of the actor with systemId `raft`; may be started again after it has ended. */
  readonly logic: typeof raftMachine;
  readonly consensus: Consensus;
}

/** The parts of an action's scope that the binding needs. */
interface Scope {
  readonly self: unknown;
}

/**
 * The state machine (actor `fsm`) must be running before this actor starts: it is given the state
 * of the newest snapshot before anything else.
 */
export function createRaft(
  deps: RaftActorDeps & { readonly consensusPost: Post<'consensus'> },
): CreatedRaft {
  const bindings = new WeakMap<object, RaftBinding>();
  let current: ActorRefFrom<typeof raftMachine> | undefined;
  let latest: RaftBinding | undefined;
  const nodeOf = (ref: ActorRefFrom<typeof raftMachine> | undefined): RaftNode | undefined => {
    const snapshot = ref?.getSnapshot();
    return snapshot?.status === 'active' ? snapshot.context.node : undefined;
  };
  const bindingOf = ({ self }: Scope): RaftBinding => {
    const ref = self as ActorRefFrom<typeof raftMachine>;
    const known = bindings.get(ref);
    if (known !== undefined) return known;
    // A predecessor that failed has closed nothing, and the files may have one writer only.
    const before = latest?.close().catch(() => {});
    const host = {
      send: (event: RaftEvent) => {
        if (ref.getSnapshot().status === 'active') ref.send(event);
        else void binding.close();
      },
      node: () => nodeOf(ref),
    };
    const binding: RaftBinding = new RaftBinding({ ...deps, ...(before && { before }) }, host);
    bindings.set(ref, binding);
    current = ref;
    latest = binding;
    return binding;
  };
  const provided = raftMachine.provide({
    actions: {
      'storage.open': (scope) => bindingOf(scope).open(),
      'storage.close': (scope, { reply }) => {
        const close = bindingOf(scope).close();
        close.then(
          () => reply?.answer(null),
          (error: Error) => reply?.refuse(error),
        );
      },
      'stream.accept': (scope, { stream }) => bindingOf(scope).accept(stream),
      'stream.refuse': (_, { stream }) => stream.destroy(),
      'report.unreadable': (_, { error }) => {
        throw error;
      },
      turnAway: (scope, { replies }) => bindingOf(scope).turnAway(replies),
      carryOut: (scope, { effects }) => bindingOf(scope).carryOut(effects),
    },
  });
  const logic = withShortWay(provided, unmoved);
  const consensus = createConsensus({
    post: deps.consensusPost,
    clock: deps.world.clock,
    node: () => nodeOf(current),
  });
  return { logic, consensus };
}
