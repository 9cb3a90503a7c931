/**
 * Federation with a real Consul 1.9.1 through mesh gateways, in both roles. Both gateways are ours,
 * also the one that stands beside the real server and knows nothing but its HTTP API.
 */

import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ask,
  type Datacenter,
  type MixedFederation,
  type Program,
  startMixedFederation,
  untilHolds,
} from '../support/mixed-federation.ts';

const CONSUL = process.env['CONSUL_BIN'] ?? '';
const installed = CONSUL !== '' && spawnSync(CONSUL, ['version']).status === 0;
if (!installed) {
  process.stderr.write('SKIPPED: federation with a real Consul: CONSUL_BIN names no consul\n');
}

const READY_MS = 150_000;
/** Longer than a round of gossip probes, and than most pauses after failures. */
const QUIET_MS = 25_000;
const LAST_PROBES_MS = 12_000;
const MOVED_HOST = 101;
const BROKEN_MS = 10_000;
const ALIVE = 1;

interface Member {
  readonly Name: string;
  readonly Status: number;
}
interface FederationState {
  readonly Datacenter: string;
  readonly MeshGateways: readonly unknown[] | null;
}
interface Named {
  readonly Name: string;
}
interface Roots {
  readonly ActiveRootID: string;
  readonly TrustDomain: string;
  readonly Roots: readonly { readonly RootCert: string }[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const bothAlive = (body: unknown): boolean => {
  const names = (body as readonly Member[]).filter(({ Status }) => Status === ALIVE);
  return names.length === 2;
};

const bothHaveGateways = (body: unknown): boolean => {
  const states = body as readonly FederationState[];
  return states.length === 2 && states.every(({ MeshGateways }) => MeshGateways?.length === 1);
};

describe.skipIf(!installed).each<[string, readonly [Program, Program]]>([
  ['our primary, a real secondary', ['mobius', 'consul']],
  ['a real primary, our secondary', ['consul', 'mobius']],
])('%s', (_, programs) => {
  let federation: MixedFederation;
  let pairs: readonly (readonly [Datacenter, Datacenter])[];
  /** Lines of the real server's log up to the moment when all was federated. */
  let settledAt = 0;
  const real = (): Datacenter =>
    programs[0] === 'consul' ? federation.primary : federation.secondary;

  beforeAll(async () => {
    federation = startMixedFederation({ consul: CONSUL, programs });
    const { primary, secondary } = federation;
    pairs = [
      [primary, secondary],
      [secondary, primary],
    ];
    for (const datacenter of [primary, secondary]) {
      await untilHolds(datacenter, '/v1/agent/members?wan=1', bothAlive);
      await untilHolds(datacenter, '/v1/internal/federation-states', bothHaveGateways);
    }
    for (const [here, there] of pairs) {
      await untilHolds(here, `/v1/catalog/nodes?dc=${there.name}`, () => true);
    }
    settledAt = real().log.length;
  }, READY_MS);

  afterAll(async () => {
    if (process.env['INTEROP_LOGS'] !== undefined) {
      for (const { name, log } of [federation.primary, federation.secondary]) {
        process.stdout.write(`--- ${name}\n${log.join('\n')}\n`);
      }
    }
    await federation?.stop();
  });

  it('each answers for the other', async () => {
    for (const [here, there] of pairs) {
      const nodes = await ask(here, `/v1/catalog/nodes?dc=${there.name}`);
      expect(JSON.parse(nodes.text)).toMatchObject([{ Node: there.node, Datacenter: there.name }]);
      const gateways = await ask(here, `/v1/health/service/mesh-gateway?passing&dc=${there.name}`);
      expect(JSON.parse(gateways.text)).toHaveLength(1);
      const leader = await ask(here, `/v1/status/leader?dc=${there.name}`);
      expect(leader.text).toContain(':8300');
    }
  });

  it('each knows both datacenters, and the gateways of both', async () => {
    for (const [here] of pairs) {
      const names = await ask(here, '/v1/catalog/datacenters');
      expect(JSON.parse(names.text).toSorted()).toEqual(['dc1', 'dc2']);
      const gateways = await ask(here, '/v1/internal/federation-states/mesh-gateways');
      const byName = JSON.parse(gateways.text) as Readonly<Record<string, readonly unknown[]>>;
      expect(Object.keys(byName).toSorted()).toEqual(['dc1', 'dc2']);
    }
  });

  it('keys are written and read across', async () => {
    for (const [here, there] of pairs) {
      const written = await ask(here, `/v1/kv/from/${here.name}?dc=${there.name}`, 'hello');
      expect(written).toEqual({ status: 200, text: 'true' });
      expect((await ask(there, `/v1/kv/from/${here.name}?raw`)).text).toBe('hello');
      const read = await ask(here, `/v1/kv/from/${here.name}?raw&dc=${there.name}`);
      expect(read.text).toBe('hello');
      expect((await ask(here, `/v1/kv/from/${here.name}`)).status).toBe(404);
    }
  });

  it('a service of one is found from the other', async () => {
    for (const [here, there] of pairs) {
      const service = JSON.stringify({ Name: `web-${there.name}`, Port: 80 });
      expect((await ask(there, '/v1/agent/service/register', service)).status).toBe(200);
      const path = `/v1/health/service/web-${there.name}?dc=${there.name}`;
      await untilHolds(here, path, (body) => (body as readonly unknown[]).length === 1);
    }
  });

  it('both trust the same roots', async () => {
    const { primary, secondary } = federation;
    const first = JSON.parse((await ask(primary, '/v1/connect/ca/roots')).text) as Roots;
    expect(first.Roots[0]?.RootCert).toContain('BEGIN CERTIFICATE');
    await untilHolds(secondary, '/v1/connect/ca/roots', (body) => {
      const { ActiveRootID, TrustDomain, Roots } = body as Roots;
      const [root] = Roots as readonly {
        readonly RootCert: string;
        readonly IntermediateCerts: readonly string[] | null;
      }[];
      return (
        ActiveRootID === first.ActiveRootID &&
        TrustDomain === first.TrustDomain &&
        root?.RootCert === first.Roots[0]?.RootCert &&
        root?.IntermediateCerts?.length === 1
      );
    });
  });

  it('config entries of the primary come to the secondary, from wherever they were written', async () => {
    const { primary, secondary } = federation;
    for (const [here, name] of [
      [primary, 'written-there'],
      [secondary, 'written-here'],
    ] as const) {
      const entry = JSON.stringify({ Kind: 'service-defaults', Name: name, Protocol: 'http' });
      expect((await ask(here, '/v1/config', entry)).text).toBe('true');
      for (const datacenter of [primary, secondary]) {
        const path = `/v1/config/service-defaults/${name}`;
        await untilHolds(datacenter, path, (body) => (body as Named).Name === name);
      }
    }
  });

  it(
    'the real server has no complaints',
    async () => {
      // Probes that began before there was a way through both gateways may still fail.
      await pause(LAST_PROBES_MS);
      const quietFrom = real().log.length;
      await pause(QUIET_MS);
      const { log } = real();
      const complaints = log.slice(settledAt).filter((line) => /\[(WARN|ERROR)\]/.test(line));
      // What was asked too early over HTTP is this test's own doing.
      const own = /agent\.http|memberlist/;
      expect(complaints.filter((line) => !own.test(line))).toEqual([]);
      expect(log.slice(quietFrom).filter((line) => line.includes('memberlist'))).toEqual([]);
    },
    2 * (LAST_PROBES_MS + QUIET_MS),
  );

  it('a dead gateway is an error at once, and a new one heals', async () => {
    const { primary, secondary } = federation;
    await federation.stopGateway(primary);
    const began = performance.now();
    const broken = await ask(secondary, '/v1/catalog/nodes?dc=dc1');
    expect(broken.status).toBe(500);
    expect(performance.now() - began).toBeLessThan(BROKEN_MS);
    federation.startGateway(primary);
    await untilFederated(federation);
  });

  it(
    'a gateway of the secondary that moves is found at its new address',
    async () => {
      const { primary, secondary } = federation;
      await federation.stopGateway(secondary);
      federation.startGateway(secondary, MOVED_HOST);
      await untilHolds(primary, '/v1/internal/federation-state/dc2', (body) =>
        JSON.stringify(body).includes(`.2.${MOVED_HOST}"`),
      );
      await untilFederated(federation);
    },
    READY_MS,
  );

  it.each(['secondary', 'primary'] as const)(
    'the server of the %s is killed, comes back, and nothing is lost',
    async (role) => {
      const killed = federation[role];
      const before = await ask(killed, '/v1/connect/ca/roots');
      const state = await ask(killed, '/v1/kv/?recurse&keys');
      await federation.restartServer(killed);
      await untilHolds(killed, '/v1/status/leader', (leader) => leader !== '');
      await untilFederated(federation);
      const { ActiveRootID, Roots } = JSON.parse(before.text) as Roots;
      await untilHolds(killed, '/v1/connect/ca/roots', (body) => {
        // A real secondary writes its roots again at each start: only indexes differ then.
        const after = body as Roots;
        const [root] = after.Roots;
        return after.ActiveRootID === ActiveRootID && root?.RootCert === Roots[0]?.RootCert;
      });
      expect(await ask(killed, '/v1/kv/?recurse&keys')).toEqual(state);
    },
    READY_MS,
  );
});

/** Both alive for both, and each answers for the other. */
async function untilFederated({ primary, secondary }: MixedFederation): Promise<void> {
  for (const [here, there] of [
    [primary, secondary],
    [secondary, primary],
  ] as const) {
    await untilHolds(here, `/v1/catalog/nodes?dc=${there.name}`, () => true);
    await untilHolds(here, '/v1/agent/members?wan=1', bothAlive);
  }
}
