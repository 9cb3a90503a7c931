/** Binds the gateway locator to the store and to those who wait for its news. */

import { gatewayLocatorMachine } from '../../machines/federation/gateway-locator.ts';
import type { LocatorNews } from '../../machines/federation/gateway-locator.types.ts';
import type { Post } from '../../machines/routes.ts';
import type { Log } from '../../src/log.ts';
import type { StoreSource } from '../../src/store/store.ts';
import { createStoreWatch } from './store-watch.ts';

export interface GatewayLocatorDeps {
  readonly post: Post<'gateway-locator'>;
  readonly log: Log;
  readonly store: StoreSource;
}

export function createGatewayLocatorActor(deps: GatewayLocatorDeps): typeof gatewayLocatorMachine {
  return gatewayLocatorMachine.provide({
    actors: { storeWatch: createStoreWatch(deps.store) },
    actions: {
      tell: (_, { news }) => {
        for (const item of news) tell(deps, item);
      },
    },
  });
}

function tell({ post, log }: GatewayLocatorDeps, news: LocatorNews): void {
  switch (news.kind) {
    case 'choices': {
      const message = { type: 'gateways.changed', choices: news.choices } as const;
      post.send('wanfed-transport', message);
      post.send('rpc-router', message);
      post.send('server', message);
      return;
    }
    case 'learned':
      post.send('retry-join.primary-gateways', {
        type: 'primary-gateways.learned',
        addresses: news.addresses,
      });
      return;
    case 'ready':
      post.send('retry-join.wan', { type: 'gateways.ready', choices: news.choices });
      return;
    case 'locations':
      log.info('new cached locations of mesh gateways', {
        primary: news.choices.primary,
        local: news.choices.local,
      });
      return;
    case 'fallback':
      log.info('updated fallback list of primary mesh gateways', {
        mesh_gateways: news.addresses,
      });
      return;
    case 'mode': {
      const path = news.choices.mode === 'local' ? 'working' : 'broken';
      const message = { type: 'primary-path.changed', path } as const;
      post.send('retry-join.wan', message);
      post.send('retry-join.primary-gateways', message);
      log.info(
        news.choices.mode === 'local'
          ? 'will dial the primary datacenter using our local mesh gateways if possible'
          : 'will dial the primary datacenter through its mesh gateways',
      );
      return;
    }
    case 'fault':
      log.warn('mesh gateway cannot be dialed', { address: news.address, ...news.fault });
      return;
    default:
      news satisfies never;
  }
}
