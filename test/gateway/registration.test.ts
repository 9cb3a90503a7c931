import { describe, expect, it } from 'vitest';
import { listenAddresses, makeRegistration } from '../../src/gateway/registration.ts';

const interfaces = [
  { name: 'lo', address: '127.0.0.1', internal: true },
  { name: 'eth0', address: '10.0.0.5', internal: false },
  { name: 'eth1', address: '198.51.100.7', internal: false },
];

function make(parts: Partial<Parameters<typeof makeRegistration>[0]> = {}) {
  return makeRegistration(
    {
      service: 'mesh-gateway',
      id: 'mesh-gateway',
      address: '',
      wanAddress: '',
      bindAddresses: [],
      exposesServers: false,
      deregisterAfter: '6h',
      ...parts,
    },
    interfaces,
  );
}

function listens(registration: ReturnType<typeof make>): readonly string[] {
  const { Address, Port, TaggedAddresses } = registration;
  const Config = { ...registration.Proxy?.Config };
  return listenAddresses({ Address, Port, TaggedAddresses, Config }).map(
    (at) => `${at.host}:${at.port}`,
  );
}

describe('registration', () => {
  it('says what Consul’s does', () => {
    expect(
      make({
        address: '10.0.0.5:8443',
        wanAddress: '203.0.113.9:443',
        exposesServers: true,
        service: 'gw',
        id: 'gw1',
      }),
    ).toEqual({
      Kind: 'mesh-gateway',
      ID: 'gw1',
      Name: 'gw',
      Address: '10.0.0.5',
      Port: 8443,
      Meta: { 'consul-wan-federation': '1' },
      TaggedAddresses: {
        lan: { Address: '10.0.0.5', Port: 8443 },
        wan: { Address: '203.0.113.9', Port: 443 },
      },
      Check: {
        Name: 'mesh-gateway listening',
        TCP: '10.0.0.5:8443',
        Interval: '10s',
        Status: 'passing',
        DeregisterCriticalServiceAfter: '6h',
      },
    });
  });

  it('listens everywhere without an address, and is probed on this host', () => {
    const made = make();
    expect(made).toMatchObject({ Address: '', Port: 8443, Check: { TCP: '127.0.0.1:8443' } });
    expect(made.TaggedAddresses).toBeUndefined();
    expect(listens(made)).toEqual(['0.0.0.0:8443']);
  });

  it('listens on both addresses when both are of this host', () => {
    const made = make({ address: '10.0.0.5', wanAddress: '198.51.100.7:443' });
    expect(made.Proxy?.Config).toEqual({
      envoy_gateway_no_default_bind: true,
      envoy_gateway_bind_tagged_addresses: true,
    });
    expect(listens(made)).toEqual(['10.0.0.5:8443', '198.51.100.7:443']);
  });

  it('listens on the LAN address when the other one is somebody else’s', () => {
    const made = make({ address: '10.0.0.5:1', wanAddress: '203.0.113.9:2' });
    expect(made.Proxy).toBeUndefined();
    expect(listens(made)).toEqual(['10.0.0.5:1']);
  });

  it('listens on what it is told to', () => {
    const made = make({ address: '203.0.113.9:1', bindAddresses: ['b=10.0.0.5:2', 'a=[::]:3'] });
    expect(made.Proxy?.Config).toEqual({
      envoy_gateway_no_default_bind: true,
      envoy_gateway_bind_addresses: {
        b: { address: '10.0.0.5', port: 2 },
        a: { address: '::', port: 3 },
      },
    });
    expect(listens(made)).toEqual([':::3', '10.0.0.5:2']);
  });

  it('expands templates, and takes any loopback address', () => {
    expect(make({ address: '{{ GetPrivateIP }}:7' }).Address).toBe('10.0.0.5');
    const loopback = make({ address: '127.9.1.2:1', wanAddress: '127.9.1.3:2' });
    expect(listens(loopback)).toEqual(['127.9.1.2:1', '127.9.1.3:2']);
    expect(make({ wanAddress: 'gw.example:443' }).TaggedAddresses).toEqual({
      wan: { Address: 'gw.example', Port: 443 },
    });
  });

  it.each([
    [
      { address: '203.0.113.9' },
      'The LAN address "203.0.113.9" will not be bindable. Either set a bindable address or ' +
        'override the bind addresses with -bind-address',
    ],
    [{ address: 'foo.example' }, 'Error parsing address "foo.example": not an IP address'],
    [{ address: '[::1' }, 'Error parsing address "[::1": address [::1: missing \']\' in address'],
    [
      { address: '10.0.0.5:abc' },
      'Error parsing port "abc": strconv.Atoi: parsing "abc": invalid syntax',
    ],
    [
      { wanAddress: '1:2:3' },
      'Error parsing address "1:2:3": address 1:2:3: too many colons in address',
    ],
    [{ bindAddresses: ['127.0.0.1:1'] }, 'Missing "=" in argument: 127.0.0.1:1'],
    [{ address: '{{ nope }}' }, 'Error parsing address "{{ nope }}": unable to parse template'],
  ])('refuses %j', (parts, text) => {
    expect(() => make(parts)).toThrow(text);
  });
});
