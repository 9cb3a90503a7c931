import { describe, expect, test } from 'vitest';
import {
  carriesServers,
  gatewayLists,
  lanAddress,
  wanAddress,
} from '../../src/federation/gateway-addresses.ts';
import {
  type GatewayChoices,
  gatewaysToward,
  LOCAL_TRIAL_SHARE,
  pickGateway,
} from '../../src/federation/gateway-choices.ts';
import { createGatewayPicker, FAILURE_MEMORY_MS } from '../../src/federation/gateway-picker.ts';
import { gateway, record } from '../support/federation-fixture.ts';
import { ManualClock } from '../support/manual-clock.ts';

const NOBODY = { has: () => false };

const base: GatewayChoices = {
  datacenter: 'dc2',
  primaryDatacenter: 'dc1',
  populated: true,
  mode: 'local',
  directDialing: 'allowed',
  local: ['l1:1', 'l2:1'],
  primary: ['p1:1', 'p2:1'],
  fallback: ['f1:1', 'p1:1'],
};
const primaryDc = { ...base, datacenter: 'dc1', fallback: [] };

describe('the table of Consul 1.9.3: which list leads where', () => {
  const union = ['f1:1', 'p1:1', 'p2:1'];
  const rows: readonly [string, GatewayChoices, string, readonly string[]][] = [
    ['primary → secondary: own gateways', primaryDc, 'dc2', base.local],
    ['primary → primary (tools): WAN side', primaryDc, 'dc1', base.primary],
    ['secondary → primary, local mode', base, 'dc1', base.local],
    ['secondary → primary, direct mode', { ...base, mode: 'direct' }, 'dc1', union],
    ['secondary → primary, local mode without gateways', { ...base, local: [] }, 'dc1', union],
    ['secondary → secondary', base, 'dc3', base.local],
    ['secondary → secondary, direct mode', { ...base, mode: 'direct' }, 'dc3', base.local],
    ['secondary → secondary without gateways', { ...base, local: [] }, 'dc3', []],
    ['secondary → itself', base, 'dc2', []],
    ['before the store was read', { ...base, populated: false }, 'dc1', []],
    [
      'direct mode with direct dialing forbidden',
      { ...base, mode: 'direct', directDialing: 'never' },
      'dc1',
      base.local,
    ],
    [
      'direct dialing forbidden and no own gateway yet: the first contact must be possible',
      { ...base, local: [], directDialing: 'never' },
      'dc1',
      union,
    ],
  ];
  test.each(rows)('%s', (_, choices, target, expected) => {
    expect(gatewaysToward(choices, target)).toEqual(expected);
    const picked = new Set<string>();
    for (let i = 0; i < 64; i++) {
      picked.add(pickGateway(choices, target, LOCAL_TRIAL_SHARE + (i / 64) * 0.87, NOBODY));
    }
    expect([...picked].sort()).toEqual(expected.length === 0 ? [''] : [...expected]);
  });
});

describe('what is added to the table', () => {
  test('an address that failed recently comes after the others', () => {
    for (let i = 0; i < 16; i++) {
      expect(pickGateway(base, 'dc3', i / 16, new Set(['l1:1']))).toBe('l2:1');
    }
  });

  test('when all failed recently, all are tried again', () => {
    expect(pickGateway(base, 'dc3', 0, new Set(base.local))).toBe('l1:1');
  });

  test('direct mode still tries an own gateway now and then, and only then', () => {
    const direct = { ...base, mode: 'direct' } as const;
    let local = 0;
    for (let i = 0; i < 800; i++) {
      if (base.local.includes(pickGateway(direct, 'dc1', i / 800, NOBODY))) local += 1;
    }
    expect(local).toBe(800 * LOCAL_TRIAL_SHARE);
    expect(base.local).not.toContain(pickGateway(direct, 'dc1', 0, new Set(base.local)));
  });

  test('the picker forgets a failure after some seconds and never offers what it shall avoid', async () => {
    const clock = new ManualClock();
    const failures: string[] = [];
    const picker = createGatewayPicker({
      clock,
      random: { float: () => 0, uint32: () => 0, bytes: (n) => new Uint8Array(n) },
      initial: base,
      failed: (address) => failures.push(address),
    });
    expect(picker.pickGateway('dc3')).toBe('l1:1');
    expect(picker.pickGateway('dc3', 'l1:1')).toBe('l2:1');
    picker.reportFailure('l1:1', new Error('refused'));
    expect(picker.pickGateway('dc3')).toBe('l2:1');
    await clock.advance(FAILURE_MEMORY_MS);
    expect(picker.pickGateway('dc3')).toBe('l1:1');
    picker.update({ ...base, local: [] });
    expect(picker.pickGateway('dc3')).toBeUndefined();
    expect(failures).toEqual(['l1:1']);
  });
});

describe('addresses of a gateway', () => {
  test('WAN: tagged wan, then service address, then the node', () => {
    expect(wanAddress(gateway({ lan: '10.0.0.1', wan: '1.2.3.4', wanPort: 443 }))).toBe(
      '1.2.3.4:443',
    );
    expect(wanAddress(gateway({ lan: '10.0.0.1', wan: '1.2.3.4', wanPort: 0 }))).toBe(
      '1.2.3.4:8443',
    );
    expect(wanAddress(gateway({ lan: '10.0.0.1' }))).toBe('10.0.0.1:8443');
    expect(wanAddress(gateway())).toBe('10.9.9.9:8443');
    const tagged = gateway();
    const node = tagged.Node && { ...tagged.Node, TaggedAddresses: { wan: '5.6.7.8' } };
    expect(wanAddress({ ...tagged, Node: node })).toBe('5.6.7.8:8443');
  });

  test('wan_ipv4, which agents fill with the LAN address, is never the WAN side', () => {
    const entry = gateway({ lan: '10.0.0.1', wan: '1.2.3.4' });
    const service = entry.Service && {
      ...entry.Service,
      TaggedAddresses: {
        ...entry.Service.TaggedAddresses,
        wan_ipv4: { Address: '10.0.0.1', Port: 1 },
      },
    };
    expect(wanAddress({ ...entry, Service: service })).toBe('1.2.3.4:8443');
  });

  test('LAN: service address, then node address; IPv6 gets brackets', () => {
    expect(lanAddress(gateway({ lan: '10.0.0.1', wan: '1.2.3.4' }))).toBe('10.0.0.1:8443');
    expect(lanAddress(gateway({ wan: '1.2.3.4' }))).toBe('10.9.9.9:8443');
    expect(lanAddress(gateway({ lan: 'fd00::1' }))).toBe('[fd00::1]:8443');
  });

  test('kept: marked for federation and nothing critical; warning is kept', () => {
    expect(carriesServers(gateway({ status: 'warning' }))).toBe(true);
    expect(carriesServers(gateway({ status: 'critical' }))).toBe(false);
    expect(carriesServers(gateway({ federation: false }))).toBe(false);
  });

  test('the own catalog counts only once the primary is known: before, own gateways lead nowhere', () => {
    const names = { datacenter: 'dc2', primaryDatacenter: 'dc1' };
    const ownGateways = [gateway({ lan: '10.2.0.1' })];
    const knows = (records: Parameters<typeof gatewayLists>[0]['records']) =>
      gatewayLists({ records, ownGateways }, names).local;
    expect(knows([])).toEqual([]);
    expect(knows([record('dc1', [])])).toEqual([]);
    expect(knows([record('dc1', [gateway({ status: 'critical' })])])).toEqual(['10.2.0.1:8443']);
    const primary = { datacenter: 'dc1', primaryDatacenter: 'dc1' };
    expect(gatewayLists({ records: [], ownGateways }, primary).local).toEqual(['10.2.0.1:8443']);
  });

  test('records are compared by lower-case datacenter; the own catalog goes before the own record', () => {
    const names = { datacenter: 'dc2', primaryDatacenter: 'dc1' };
    const records = [
      record('DC1', [gateway({ lan: '10.1.0.1', wan: '1.1.1.1' })]),
      record('dc2', [gateway({ lan: '10.2.0.1', wan: '2.2.2.2' })]),
    ];
    expect(gatewayLists({ records, ownGateways: [] }, names)).toEqual({
      primary: ['1.1.1.1:8443'],
      local: ['10.2.0.1:8443'],
    });
    const moved = gateway({ lan: '10.2.0.9', wan: '2.2.2.9' });
    expect(gatewayLists({ records, ownGateways: [moved] }, names).local).toEqual(['10.2.0.9:8443']);
    const dead = gateway({ lan: '10.2.0.1', status: 'critical' });
    expect(gatewayLists({ records, ownGateways: [dead] }, names).local).toEqual([]);
  });
});
