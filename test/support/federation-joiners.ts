/** The retry-joiners of a server in a model federation. */

import type { Bus } from '../../actors/bus.ts';
import { createRetryJoinActor } from '../../actors/federation/retry-join.ts';
import type { RetryJoinInput } from '../../machines/federation/retry-join.types.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import { anyServerOf } from '../../src/federation/join-addresses.ts';
import type { Log } from '../../src/log.ts';

export interface JoinersOptions {
  readonly bus: Bus;
  readonly log: Log;
  readonly names: { readonly datacenter: string; readonly primaryDatacenter: string };
  /** WAN addresses of the primary's gateways, as they are now. */
  readonly discover: () => readonly string[];
  /** Whether configuration names addresses or a way to discover them. */
  readonly primaryGateways: 'fixed' | 'discovery';
  /** Other datacenters whose records have gateways. */
  readonly others: () => readonly string[];
  readonly child: (id: string, logic: ChildSpec['logic'], input: unknown) => ChildSpec;
}

export function joiners(options: JoinersOptions): readonly ChildSpec[] {
  const { bus, log, names, child } = options;
  const { datacenter, primaryDatacenter } = names;
  const secondary = datacenter !== primaryDatacenter;
  const discovery = { methods: ['model'], discover: async () => options.discover() };
  const joining: RetryJoinInput = {
    variant: 'wan',
    addresses: secondary ? [anyServerOf(primaryDatacenter)] : [],
    attemptsMax: 0,
    intervalMs: 30_000,
    startsWith: 'gateways',
    watched: secondary ? 'primary' : 'others',
    ...names,
  };
  const wan = createRetryJoinActor({
    variant: 'wan',
    post: bus.postFor('retry-join.wan'),
    log,
    discovery,
    ...(secondary ? {} : { moreAddresses: () => options.others().map(anyServerOf) }),
  });
  const gateways = createRetryJoinActor({
    variant: 'primary-gateways',
    post: bus.postFor('retry-join.primary-gateways'),
    log,
    discovery,
  });
  const configured = options.primaryGateways === 'fixed' ? options.discover() : ['provider=model'];
  const refreshing: RetryJoinInput = {
    ...joining,
    variant: 'primary-gateways',
    addresses: secondary ? configured : [],
    startsWith: 'at once',
    watched: 'primary',
  };
  return [
    child('retry-join.primary-gateways', gateways, refreshing),
    child('retry-join.wan', wan, joining),
  ];
}
