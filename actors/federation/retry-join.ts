/** Binds the retry-joiner, one of its three instances, to pools and gateways. */

import { fromPromise } from 'xstate';
import { retryJoinMachine } from '../../machines/federation/retry-join.ts';
import type { RetryJoinVariant } from '../../machines/federation/retry-join.types.ts';
import type { JoinOutcome } from '../../machines/routes/gossip.ts';
import type { Post } from '../../machines/routes.ts';
import { type Discovery, resolveEntries } from '../../src/federation/join-addresses.ts';
import type { Log } from '../../src/log.ts';

/** A join dials several addresses, each of which may take ten seconds and more. */
export const JOIN_TIMEOUT_MS = 120_000;

/** Words of Consul's log, by what is looked for. */
const WORDS = {
  servers: {
    supported: 'Retry join is supported for the following discovery methods',
    running: 'Joining cluster...',
    discovered: 'Discovered servers',
    list: 'servers',
    ok: 'Join cluster completed. Synced with initial agents',
    retry: 'Join cluster failed, will retry',
  },
  gateways: {
    supported: 'Refreshing mesh gateways is supported for the following discovery methods',
    running: 'Refreshing mesh gateways...',
    discovered: 'Discovered mesh gateways',
    list: 'mesh_gateways',
    ok: 'Refreshing mesh gateways completed',
    retry: 'Refreshing mesh gateways failed, will retry',
  },
} as const;

const EXHAUSTED: Readonly<Record<RetryJoinVariant, string>> = {
  lan: 'agent: max join LAN retry exhausted, exiting',
  wan: 'agent: max join WAN retry exhausted, exiting',
  'primary-gateways': 'agent: max refresh of primary mesh gateways retry exhausted, exiting',
};

const CLUSTER: Readonly<Record<RetryJoinVariant, string>> = {
  lan: 'LAN',
  wan: 'WAN',
  'primary-gateways': 'primary',
};

const wordsOf = (variant: RetryJoinVariant) =>
  variant === 'primary-gateways' ? WORDS.gateways : WORDS.servers;

/** What all three instances need. */
interface CommonDeps {
  readonly log: Log;
  readonly discovery: Discovery;
  /** Added to the configured entries at each attempt. */
  readonly moreAddresses?: () => readonly string[];
}

export type RetryJoinDeps = CommonDeps &
  (
    | { readonly variant: 'lan'; readonly post: Post<'retry-join.lan'> }
    | { readonly variant: 'wan'; readonly post: Post<'retry-join.wan'> }
    | { readonly variant: 'primary-gateways'; readonly post: Post<'retry-join.primary-gateways'> }
  );

export function createRetryJoinActor(deps: RetryJoinDeps): typeof retryJoinMachine {
  const { log, discovery } = deps;
  const words = wordsOf(deps.variant);
  return retryJoinMachine.provide({
    actors: {
      discover: fromPromise(async ({ input }: { input: { addresses: readonly string[] } }) => {
        const entries = [...input.addresses, ...(deps.moreAddresses?.() ?? [])];
        const { addresses, failures } = await resolveEntries(entries, discovery);
        for (const { address, error } of failures) {
          log.error('Cannot discover address', { address, error: error.message });
        }
        if (addresses.length > 0) {
          log.debug(words.discovered, {
            cluster: CLUSTER[deps.variant],
            [words.list]: addresses.join(' '),
          });
        }
        return addresses;
      }),
      join: fromPromise(({ input }: { input: { addresses: readonly string[] } }) =>
        join(deps, input.addresses),
      ),
    },
    actions: {
      announceStart: (_, { repeated }) => {
        if (repeated) return log.debug(words.running);
        log.info(words.supported, { discovery_methods: discovery.methods.join(' ') });
        return log.info(words.running);
      },
      announceSuccess: (_, { variant, count, repeated }) => {
        const fields = variant === 'primary-gateways' ? {} : { num_agents: count };
        if (repeated) log.debug(words.ok, fields);
        else log.info(words.ok, fields);
      },
      announceRetry: (_, { intervalMs, error }) =>
        log.warn(words.retry, { retry_interval: `${intervalMs / 1000}s`, error }),
      announceLoss: () =>
        log.warn('the other datacenter cannot be reached any more, will join anew', {
          cluster: CLUSTER[deps.variant],
        }),
      giveUp: () => {
        const error = EXHAUSTED[deps.variant];
        tellAgent(deps, error);
      },
    },
  });
}

/** The agent logs it and ends. */
function tellAgent(deps: RetryJoinDeps, error: string): void {
  const message = { type: 'retry-join.exhausted', error } as const;
  if (deps.variant === 'lan') deps.post.send('agent', message);
  else if (deps.variant === 'wan') deps.post.send('agent', message);
  else deps.post.send('agent', message);
}

async function join(deps: RetryJoinDeps, addresses: readonly string[]): Promise<number> {
  const question = { type: 'members.join', addresses, oldEvents: 'ignore' } as const;
  const limit = { timeoutMs: JOIN_TIMEOUT_MS };
  let outcome: JoinOutcome;
  switch (deps.variant) {
    case 'lan':
      outcome = await deps.post.ask('gossip.lan', question, limit);
      break;
    case 'wan':
      outcome = await deps.post.ask('gossip.wan', question, limit);
      break;
    case 'primary-gateways':
      deps.post.send('agent', { type: 'primary-gateways.discovered', addresses });
      return addresses.length;
    default:
      throw new Error(`unknown variant ${String(deps satisfies never)}`);
  }
  return outcome.joined;
}
