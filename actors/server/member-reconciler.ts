/** Binds the member reconciler to the store, raft's configuration and the log of commands. */

import {
  memberReconcilerMachine,
  type ReconcilePass,
} from '../../machines/server/member-reconciler.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import type { Log } from '../../src/log.ts';
import type { DeregisterRequest, RegisterRequest } from '../../src/model/catalog.ts';
import { serverOfMember } from '../../src/model/consul-tags.ts';
import type { Member, MembersView } from '../../src/model/member.ts';
import {
  type CatalogChange,
  type CatalogLookup,
  catalogDifference,
  leftDifference,
} from '../../src/reconcile/catalog-difference.ts';
import {
  type ConfiguredServer,
  joinDifference,
  leaveDifference,
  type RaftChange,
  type RaftDifference,
} from '../../src/reconcile/raft-difference.ts';

export interface MemberReconcilerDeps {
  readonly log: Log;
  readonly datacenter: string;
  readonly node: string;
  readonly consensus: Pick<
    Consensus,
    'barrier' | 'view' | 'addVoter' | 'addNonvoter' | 'removeServer'
  >;
  readonly lookup: CatalogLookup;
  readonly register: (request: RegisterRequest) => Promise<void>;
  readonly deregister: (request: DeregisterRequest) => Promise<void>;
}

export function createMemberReconcilerActor(deps: MemberReconcilerDeps) {
  let running = new AbortController();
  return memberReconcilerMachine.provide({
    actions: {
      runPass: ({ self }, pass) => {
        running = new AbortController();
        const { signal } = running;
        runPass(deps, pass, signal).then(
          () => self.send({ type: 'pass.finished' }),
          (error) => {
            if (!signal.aborted) self.send({ type: 'pass.failed', error });
          },
        );
      },
      cancelPass: () => running.abort(),
      announceFailure: (_, { error }) => deps.log.error('failed to reconcile', { error }),
    },
  });
}

async function runPass(
  deps: MemberReconcilerDeps,
  pass: ReconcilePass,
  signal: AbortSignal,
): Promise<void> {
  if (pass.first) await deps.consensus.barrier();
  if (pass.view === undefined) return;
  const bootstrapServers = aliveBootstrapServers(pass.view);
  for (const member of pass.view.members.values()) {
    if (signal.aborted) return;
    await reconcileRaft(deps, member, bootstrapServers);
    await write(deps, catalogDifference(member, deps.lookup, deps));
  }
  for (const name of pass.reaped) {
    if (signal.aborted || pass.view.members.has(name)) continue;
    await write(deps, leftDifference(name, deps.lookup(name), deps));
  }
}

function aliveBootstrapServers(view: MembersView): readonly string[] {
  const names: string[] = [];
  for (const member of view.members.values()) {
    if (member.status === 'alive' && serverOfMember(member)?.bootstrap) names.push(member.name);
  }
  return names;
}

async function reconcileRaft(
  deps: MemberReconcilerDeps,
  member: Member,
  bootstrapServers: readonly string[],
): Promise<void> {
  const server = serverOfMember(member);
  if (server === null || server.datacenter !== deps.datacenter) return;
  // A failed server keeps its vote: only autopilot or an operator may decide that it is gone.
  if (member.status === 'failed') return;
  const configured = configuredServers(deps);
  const difference: RaftDifference =
    member.status === 'left'
      ? leaveDifference(server, configured)
      : joinDifference(server, configured, bootstrapServers);
  if (difference.kind === 'refused') {
    deps.log.error('not changing the raft configuration', { why: difference.why });
    return;
  }
  for (const change of difference.changes) await changeRaft(deps, change);
}

function configuredServers(deps: MemberReconcilerDeps): readonly ConfiguredServer[] {
  return deps.consensus.view().configuration.servers.map(({ id, address, suffrage }) => ({
    id,
    address,
    voter: suffrage === 'voter',
  }));
}

function changeRaft(deps: MemberReconcilerDeps, change: RaftChange): Promise<void> {
  const { consensus, log } = deps;
  log.info('changing the raft configuration', { ...change });
  switch (change.kind) {
    case 'add-voter':
      return consensus.addVoter(change.id, change.address, { prevIndex: 0 });
    case 'add-nonvoter':
      return consensus.addNonvoter(change.id, change.address, { prevIndex: 0 });
    case 'remove':
      return consensus.removeServer(change.id, { prevIndex: 0 });
  }
}

async function write(deps: MemberReconcilerDeps, change: CatalogChange | undefined): Promise<void> {
  if (change === undefined) return;
  deps.log.info(change.kind === 'register' ? 'member registered' : 'member deregistered', {
    member: change.request.Node,
  });
  if (change.kind === 'register') await deps.register(change.request);
  else await deps.deregister(change.request);
}
