/** Binds the founding of a raft group to RPC and consensus. */

import {
  bootstrapMachine,
  type Candidate,
  type ExistingGroup,
} from '../../machines/server/bootstrap.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { textOf } from '../../src/error-text.ts';
import type { Log } from '../../src/log.ts';

export interface BootstrapDeps {
  readonly log: Log;
  readonly consensus: Pick<Consensus, 'bootstrap'>;
  /** Raft peers of one server (`Status.Peers`), asked of exactly that server. */
  readonly peersOf: (candidate: Candidate) => Promise<readonly string[]>;
  /** This very server, which need not be asked over the network. */
  readonly selfId: string;
}

export function createBootstrapActor(deps: BootstrapDeps) {
  const { log } = deps;
  return bootstrapMachine.provide({
    actions: {
      foundGroup: (_, { servers }) => {
        const peers = servers.map((server) => server.address);
        log.info('Found expected number of peers, attempting bootstrap', { peers });
        found(deps, servers).catch((error) => {
          // Whoever was faster has founded it: the group is there, and raft will say so.
          log.warn('Failed to bootstrap cluster', { error });
        });
      },
      askCandidates: ({ self }, { candidates }) => {
        ask(deps, candidates).then(
          (existing) => self.send({ type: 'candidates.answered', existing }),
          (error) => self.send({ type: 'candidates.unreachable', text: textOf(error) }),
        );
      },
      announceConflict: (_, { text, member }) => log.error(text, { member }),
      announceState: () => log.info('Raft data found, disabling bootstrap mode'),
      announceExisting: (_, { groups }) =>
        log.info('Existing Raft peers reported by server, disabling bootstrap mode', { groups }),
      announceUnreachable: (_, { text }) =>
        log.error('Failed to confirm peer status for server (will retry).', { error: text }),
    },
  });
}

function found(deps: BootstrapDeps, servers: readonly Candidate[]): Promise<void> {
  return deps.consensus.bootstrap({
    servers: servers.map(({ id, address, voter }) => ({
      id,
      address,
      suffrage: voter ? 'voter' : 'nonvoter',
    })),
  });
}

async function ask(
  deps: BootstrapDeps,
  candidates: readonly Candidate[],
): Promise<readonly ExistingGroup[]> {
  const others = candidates.filter((candidate) => candidate.id !== deps.selfId);
  const groups = await Promise.all(
    others.map(async (candidate) => ({
      node: candidate.node,
      peers: await deps.peersOf(candidate),
    })),
  );
  return groups.filter((group) => group.peers.length > 0);
}
