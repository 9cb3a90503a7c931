/** What the endpoints look at of consensus, taken from consensus itself. */

import type { Consensus } from '../../consensus/consensus.ts';
import type { ConsensusFacts } from './deps.ts';

/** `ready` says whether, as leader, everything of former terms has been applied. */
export function consensusFacts(
  consensus: Pick<Consensus, 'view' | 'verifyLeader'>,
  ready: () => boolean,
): ConsensusFacts {
  return {
    verifyLeader: () => consensus.verifyLeader(),
    view() {
      const view = consensus.view();
      return {
        leading: view.role === 'leader',
        leaderAddress: view.leader?.address ?? null,
        lastContactMs: view.lastContactMs ?? null,
        readyForConsistentReads: ready(),
        peers: view.configuration.servers.map((server) => ({
          id: server.id,
          address: server.address,
          voter: server.suffrage === 'voter',
        })),
        lastLogTerm: view.lastTerm,
        lastLogIndex: view.lastIndex,
      };
    },
  };
}
