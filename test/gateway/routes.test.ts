import { describe, expect, it } from 'vitest';
import { parseInstances, parseInstancesByDatacenter } from '../../src/gateway/answers.ts';
import { Candidates } from '../../src/gateway/candidates.ts';
import { Complaints } from '../../src/gateway/complaints.ts';
import { wanAddress } from '../../src/gateway/instances.ts';
import {
  addressText,
  buildRoutes,
  findRoute,
  knownNames,
  type RouteTable,
} from '../../src/gateway/routes.ts';
import { gatewaysOf, isValid } from '../../src/gateway/snapshot.ts';
import { createMemoryLog } from '../../src/log.ts';
import { gateway, server, snapshot } from '../support/instances.ts';

function addresses(table: RouteTable, name: string): string | undefined {
  const route = findRoute(table, name);
  if (route === undefined) return undefined;
  const list = (items: readonly { host: string; port: number }[]) =>
    items.map(addressText).join(' ');
  return `${list(route.healthy)} | ${list(route.unhealthy)}`;
}

describe('routes', () => {
  const table = buildRoutes(
    snapshot({
      servers: [
        server({ node: 's2', nodeAddress: '10.0.0.2', port: 8300 }),
        server({ node: 'S1', nodeAddress: '10.0.0.1', port: 8300, status: 'critical' }),
        server({ node: 's3', nodeAddress: '10.0.0.3', address: '10.1.0.3', port: 8301 }),
      ],
      federationGateways: new Map([
        ['dc1', [gateway({ address: '10.0.0.9', port: 8443 })]],
        [
          'dc2',
          [
            gateway({
              address: '10.9.0.1',
              port: 8443,
              wan: { Address: '198.51.100.2', Port: 443 },
            }),
            gateway({ address: '10.9.0.2', port: 8443, status: 'critical' }),
            gateway({ address: '10.9.0.3', port: 8443, status: 'warning' }),
          ],
        ],
        ['dc3', [gateway({ nodeAddress: 'gw.dc3.example', port: 443 })]],
        ['dc4', []],
      ]),
    }),
    [],
  );

  it.each([
    ['server.dc1.consul', '10.0.0.2:8300 10.1.0.3:8301 | 10.0.0.1:8300'],
    ['s1.server.dc1.consul', ' | 10.0.0.1:8300'],
    ['s3.server.dc1.consul', '10.1.0.3:8301 | '],
    ['s4.server.dc1.consul', undefined],
    ['server.dc2.consul', '198.51.100.2:443 10.9.0.3:8443 | 10.9.0.2:8443'],
    ['any.server.dc2.consul', '198.51.100.2:443 10.9.0.3:8443 | 10.9.0.2:8443'],
    ['a.b.server.dc2.consul', '198.51.100.2:443 10.9.0.3:8443 | 10.9.0.2:8443'],
    ['x.server.dc3.consul', 'gw.dc3.example:443 | '],
    ['server.dc4.consul', undefined],
    ['xserver.dc2.consul', undefined],
    ['dc2.consul', undefined],
    ['server.dc2.other', undefined],
    ['', undefined],
  ])('%s → %s', (name, wanted) => {
    expect(addresses(table, name)).toBe(wanted);
  });

  it('lists the names that are known', () => {
    expect(knownNames(table, 3)).toEqual([
      '*.server.dc2.consul',
      '*.server.dc3.consul',
      's1.server.dc1.consul',
    ]);
  });

  it('prefers gateways that carry federation, and takes others when none does', () => {
    const plain = gateway({ address: '10.0.0.1', port: 1, federation: false });
    const marked = gateway({ address: '10.0.0.2', port: 2, status: 'critical' });
    const of = (list: readonly (typeof plain)[]) =>
      addresses(
        buildRoutes(snapshot({ federationGateways: new Map([['dc2', list]]) }), []),
        'server.dc2.consul',
      );
    expect(of([plain, marked])).toBe(' | 10.0.0.2:2');
    expect(of([plain])).toBe('10.0.0.1:1 | ');
  });

  it('takes the newer of two sources, the asked one on a tie', () => {
    const federation = new Map([['dc2', [gateway({ address: 'f', port: 1, index: 5 })]]]);
    const asked = (index: number) =>
      new Map([['dc2', [gateway({ address: 'a', port: 1, index })]]]);
    const hosts = (index: number) =>
      gatewaysOf(
        snapshot({ federationGateways: federation, remoteGateways: asked(index) }),
        'dc2',
      ).map((one) => one.Service.Address);
    expect(hosts(4)).toEqual(['f']);
    expect(hosts(5)).toEqual(['a']);
    expect(hosts(6)).toEqual(['a']);
    expect(gatewaysOf(snapshot({ remoteGateways: asked(1) }), 'dc2')).toHaveLength(1);
  });

  it('never leads back to itself', () => {
    const looping = snapshot({
      federationGateways: new Map([['dc2', [gateway({ address: '10.0.0.9', port: 8443 })]]]),
    });
    const made = buildRoutes(looping, [{ host: '10.0.0.9', port: 8443 }]);
    expect(addresses(made, 'server.dc2.consul')).toBe(' | ');
  });

  it('shows servers only when asked to', () => {
    const closed = snapshot({ exposesServers: false, servers: [server({ port: 1 })] });
    expect(buildRoutes(closed, []).exact.size).toBe(0);
    expect(isValid(closed)).toBe(true);
    expect(isValid(snapshot())).toBe(false);
    expect(isValid(snapshot({ servers: [server({ port: 1 })] }))).toBe(true);
  });
});

describe('addresses', () => {
  it('come from the tag wan, never from wan_ipv4', () => {
    const one = gateway({ address: '10.0.0.1', port: 1 });
    const tagged = { wan_ipv4: { Address: '9.9.9.9', Port: 9 } };
    expect(wanAddress({ ...one, Service: { ...one.Service, TaggedAddresses: tagged } })).toEqual({
      host: '10.0.0.1',
      port: 1,
    });
    const node = gateway({ port: 1 });
    expect(
      wanAddress({ ...node, Node: { ...node.Node, TaggedAddresses: { wan: '8.8.8.8' } } }),
    ).toEqual({ host: '8.8.8.8', port: 1 });
  });

  it('are read from what the API answers, nulls included', () => {
    const body = [
      {
        Node: { Node: 'a', Address: '1.1.1.1', Datacenter: 'dc1', TaggedAddresses: null, ID: 'x' },
        Service: { ID: 'c', Service: 'c', Address: '', Port: 1, Meta: null, Tags: null },
        Checks: null,
      },
    ];
    expect(parseInstances(body)).toHaveLength(1);
    expect(parseInstances(null)).toEqual([]);
    expect([...parseInstancesByDatacenter({ DC2: body, dc3: null }).keys()]).toEqual([
      'dc2',
      'dc3',
    ]);
    expect(() => parseInstances({ a: 1 })).toThrow();
  });
});

describe('candidates', () => {
  const host = (name: string) => ({ host: name, port: 1 });
  const route = {
    name: 'r',
    leads: 'to all servers',
    healthy: [host('a'), host('b'), host('c')],
    unhealthy: [host('x')],
  } as const;
  const order = (candidates: Candidates, now: number) =>
    candidates
      .order(route, now)
      .map((address) => address.host)
      .join('');

  it('take turns, unhealthy ones last', () => {
    const candidates = new Candidates();
    expect([0, 0, 0, 0].map((now) => order(candidates, now))).toEqual([
      'bcax',
      'cabx',
      'abcx',
      'bcax',
    ]);
  });

  it('are put back for a while when they fail, longer each time', () => {
    const candidates = new Candidates();
    candidates.failed(host('a'), 0);
    expect(order(candidates, 999)).toBe('bcax');
    expect(order(candidates, 999)).toBe('cbax');
    expect(order(candidates, 1000)).toBe('abcx');
    candidates.failed(host('a'), 1000);
    expect(order(candidates, 2999)).toBe('bcax');
    candidates.succeeded(host('a'));
    expect(order(candidates, 2999)).toBe('cabx');
  });
});

describe('complaints', () => {
  it('are one line a subject and minute', () => {
    const log = createMemoryLog();
    const complaints = new Complaints(log);
    for (let n = 0; n < 100; n += 1) complaints.warn('no', 'x', { n }, n);
    complaints.warn('no', 'y', {}, 100);
    complaints.warn('no', 'x', { last: true }, 60_001);
    expect(log.lines.map((line) => line.fields)).toEqual([
      { n: 0 },
      {},
      { last: true, repeated: 99 },
    ]);
    for (let n = 0; n < 10_000; n += 1) complaints.warn('no', `s${n}`, {}, 60_002);
    expect(log.lines.length).toBeLessThan(300);
  });
});
