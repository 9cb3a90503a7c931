/** Binds the leader's duties to consensus and the LAN pool. */

import { fromPromise } from 'xstate';
import { leaderDutiesMachine } from '../../machines/federation/leader-duties.ts';
import type { Post } from '../../machines/routes.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import type { Log } from '../../src/log.ts';
import { NEW_LEADER_EVENT } from '../../src/wire/gossip/consul-event.ts';
import { createSupervisorActor } from '../supervisor.ts';
import { createConfigReplicatorActor } from './config-replicator.ts';
import {
  createFederationAntiEntropyActor,
  type FederationAntiEntropyDeps,
} from './federation-anti-entropy.ts';
import { createFederationPrunerActor, type FederationPrunerDeps } from './federation-pruner.ts';
import {
  createFederationReplicatorActor,
  type FederationReplicatorDeps,
} from './federation-replicator.ts';

const FIRE_TIMEOUT_MS = 5000;

export interface LeaderDutiesDeps {
  readonly post: Post<'leader-duties'>;
  readonly log: Log;
  readonly consensus: Pick<Consensus, 'barrier'>;
  readonly node: string;
}

export function createLeaderDutiesActor(deps: LeaderDutiesDeps) {
  const { post, log, consensus, node } = deps;
  return leaderDutiesMachine.provide({
    actors: {
      barrier: fromPromise(() => consensus.barrier()),
      supervisor: createSupervisorActor({ log }),
    },
    actions: {
      announceLeader: () => {
        const question = {
          type: 'user-event.fire',
          name: NEW_LEADER_EVENT,
          payload: Buffer.from(node),
          coalesce: false,
        } as const;
        post
          .ask('gossip.lan', question, { timeoutMs: FIRE_TIMEOUT_MS })
          .catch((error) => log.error('failed to broadcast new leader event', { error }));
      },
      announceBarrierFailure: (_, { error }) => log.error('failed to wait for barrier', { error }),
      announceGivenUp: (_, { error }) =>
        log.error('leader duties failed too often, will be started again', { error }),
    },
  });
}

/** The duties of the federation, in order of start. */
export function federationDuties(
  deps: FederationReplicatorDeps & FederationAntiEntropyDeps & FederationPrunerDeps,
): readonly ChildSpec[] {
  const primary = deps.datacenter === deps.primaryDatacenter;
  const duty = (id: string, logic: ChildSpec['logic']): ChildSpec => ({
    id,
    logic,
    restart: 'permanent',
    shutdownMs: 0,
  });
  const antiEntropy = duty('federation-anti-entropy', createFederationAntiEntropyActor(deps));
  return primary
    ? [antiEntropy, duty('federation-pruner', createFederationPrunerActor(deps))]
    : [
        duty('federation-replicator', createFederationReplicatorActor(deps)),
        duty('config-replicator', createConfigReplicatorActor(deps)),
        antiEntropy,
      ];
}
