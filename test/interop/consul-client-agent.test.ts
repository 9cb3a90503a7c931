/**
 * Agents of a real Consul on servers of ours, and agents of ours on servers of a real Consul: the
 * same tour for both, driven by the real command line.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterTests } from './client-agent/cluster.ts';
import { unexplained } from './client-agent/log-lines.ts';
import { operationTests } from './client-agent/operations.ts';
import { serviceTests } from './client-agent/services.ts';
import { storageTests } from './client-agent/storage.ts';
import { type Maker, MixedDatacenter } from './mixed-datacenter.ts';
import { consulPeer, pathOr } from './peers/find.ts';

const CONSUL = pathOr('client agents and servers of a real Consul together', consulPeer());
const READY_LIMIT_MS = 90_000;

interface Variant {
  readonly title: string;
  readonly servers: Maker;
  readonly clients: Maker;
  readonly security: 'open' | 'closed';
  readonly subnet: number;
}

const VARIANTS: readonly Variant[] = [
  {
    title: 'client agents of Consul on our servers',
    servers: 'mobius',
    clients: 'consul',
    security: 'open',
    subnet: 31,
  },
  {
    title: 'client agents of Consul on our servers, encrypted',
    servers: 'mobius',
    clients: 'consul',
    security: 'closed',
    subnet: 32,
  },
  {
    title: 'our client agents on servers of Consul, encrypted',
    servers: 'consul',
    clients: 'mobius',
    security: 'closed',
    subnet: 33,
  },
];

describe.skipIf(CONSUL === null).concurrent.each(VARIANTS)('$title', (variant) => {
  let datacenter: MixedDatacenter;

  beforeAll(async () => {
    datacenter = await MixedDatacenter.start({
      consul: CONSUL ?? '',
      subnet: variant.subnet,
      servers: [variant.servers, variant.servers, variant.servers],
      clients: [variant.clients, variant.clients],
      security: variant.security,
    });
  }, READY_LIMIT_MS);

  afterAll(async () => {
    await datacenter?.stop();
  });

  describe.concurrent('at the same time', () => {
    clusterTests(() => datacenter);
    serviceTests(() => datacenter);
    storageTests(() => datacenter);
  });

  describe.sequential('one after the other', () => {
    operationTests(() => datacenter);

    test('the log of a real Consul complains of nothing', () => {
      const real = datacenter.agents.filter(({ maker }) => maker === 'consul');
      const complaints = real.flatMap(({ name, lines }) =>
        unexplained(lines).map((line) => `${name}: ${line}`),
      );
      expect(complaints).toEqual([]);
    });
  });
});
