/** Binds the server machine to consensus, the shared views and the snapshot door. */

import type { Post } from '../../machines/routes.ts';
import { serverMachine } from '../../machines/server/server.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import type { GatewayChoices } from '../../src/federation/gateway-choices.ts';
import type { Log } from '../../src/log.ts';
import type { ByteStream } from '../../src/world/world.ts';

export interface ServerDeps {
  readonly post: Post<'server'>;
  readonly log: Log;
  readonly consensus: Pick<Consensus, 'barrier'>;
  readonly readinessChanged: (ready: boolean) => void;
  readonly gatewaysChanged: (choices: GatewayChoices) => void;
  readonly serveSnapshot: (stream: ByteStream) => void;
}

export function createServerActor(deps: ServerDeps) {
  const { log, post } = deps;
  return serverMachine.provide({
    actions: {
      awaitBarrier: ({ self }, { term }) => {
        deps.consensus.barrier().then(
          () => self.send({ type: 'barrier.passed', term }),
          (error) => self.send({ type: 'barrier.failed', term, error }),
        );
      },
      announceReadiness: (_, { ready }) => {
        log.info(ready ? 'cluster leadership established' : 'cluster leadership lost');
        deps.readinessChanged(ready);
      },
      announceBarrierFailure: (_, { error }) =>
        log.warn('failed to wait for barrier, will retry while leading', { error }),
      shareGatewayChoices: (_, { choices }) => deps.gatewaysChanged(choices),
      refreshFallback: (_, { addresses }) =>
        post.send('gateway-locator', { type: 'fallback.refresh', addresses }),
      serveSnapshot: (_, { stream }) => deps.serveSnapshot(stream),
    },
  });
}
