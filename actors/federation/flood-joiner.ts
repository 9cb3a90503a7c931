/** Binds the flood joiner to the WAN pool. */

import { fromPromise } from 'xstate';
import { type FloodTarget, floodJoinerMachine } from '../../machines/federation/flood-joiner.ts';
import type { Post } from '../../machines/routes.ts';
import type { Log } from '../../src/log.ts';

/** A join of one address: a dial of ten seconds and an exchange of tables. */
export const FLOOD_JOIN_TIMEOUT_MS = 30_000;

export interface FloodJoinerDeps {
  readonly post: Post<'flood-joiner'>;
  readonly log: Log;
}

export function createFloodJoinerActor(deps: FloodJoinerDeps): typeof floodJoinerMachine {
  return floodJoinerMachine.provide({
    actors: {
      joinAll: fromPromise(async ({ input }: { input: { targets: readonly FloodTarget[] } }) => {
        for (const target of input.targets) await joinOne(deps, target);
      }),
    },
    actions: {
      announceUnjoinable: (_, { names }) => {
        for (const server of names) {
          deps.log.debug('server has no WAN port, not joined', { server });
        }
      },
    },
  });
}

async function joinOne({ post, log }: FloodJoinerDeps, target: FloodTarget): Promise<void> {
  const { name, address } = target;
  const question = { type: 'members.join', addresses: [address], oldEvents: 'ignore' } as const;
  try {
    await post.ask('gossip.wan', question, { timeoutMs: FLOOD_JOIN_TIMEOUT_MS });
    log.info('Successfully performed flood-join for server at address', { server: name, address });
  } catch (error) {
    log.warn('Failed to flood-join server at address', { server: name, address, error });
  }
}
