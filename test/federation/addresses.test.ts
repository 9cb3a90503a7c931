import { describe, expect, test } from 'vitest';
import { readGatewayAddress } from '../../src/federation/gateway-address.ts';
import { anyServerOf, noDiscovery, resolveEntries } from '../../src/federation/join-addresses.ts';

describe('primary_gateways entries', () => {
  const good: readonly [string, string][] = [
    ['127.0.0.1', '127.0.0.1:8443'],
    ['127.0.0.1:443', '127.0.0.1:443'],
    ['gw.example.com', 'gw.example.com:8443'],
    ['gw.example.com:9443', 'gw.example.com:9443'],
    ['::1', '[::1]:8443'],
    ['fd00::1', '[fd00::1]:8443'],
    ['[::1]', '[::1]:8443'],
    ['[::1]:17399', '[::1]:17399'],
    ['::ffff:10.0.0.1', '[::ffff:10.0.0.1]:8443'],
    ['provider=aws tag_key=gw', 'provider=aws tag_key=gw'],
  ];
  test.each(good)('%s → %s', (entry, address) => {
    expect(readGatewayAddress(entry)).toEqual({ ok: true, address });
  });

  const bad: readonly [string, string][] = [
    ['', 'it is empty'],
    ['1.2.3.4:0', '"0" is no port between 1 and 65535'],
    ['1.2.3.4:abc', '"abc" is no port between 1 and 65535'],
    ['1.2.3.4:65536', '"65536" is no port between 1 and 65535'],
    ['1.2.3.4:', '"" is no port between 1 and 65535'],
    ['1.2.3', '"1.2.3" is no IPv4 address'],
    ['1.2.3.256', '"1.2.3.256" is no IPv4 address'],
    ['[::1', 'its brackets do not match'],
    ['[gw]:1', '"gw" is no IPv6 address'],
    ['a:b:c', 'it has too many colons and is no IPv6 address'],
    ['https://gw', '"https" is neither'],
    [':8443', '"" is neither an IP address nor a host name'],
    ['gw/1', '"gw/1" is neither an IP address nor a host name'],
  ].map(([entry = '', why = '']) => [entry, why]);
  test.each(bad)('"%s" is refused at start and the text says which and why', (entry, why) => {
    const read = readGatewayAddress(entry);
    if (read.ok) throw new Error(`accepted as ${read.address}`);
    if (entry !== 'https://gw') expect(read.text).toContain(why);
    expect(read.text).toContain(`"${entry}"`);
  });
});

describe('join addresses', () => {
  test('the placeholder names any server of the datacenter', () => {
    expect(anyServerOf('dc1')).toBe('*.dc1/192.0.2.2');
  });

  test('a discovery entry is answered with a clear error and the others are kept', async () => {
    const resolved = await resolveEntries(['a:1', 'provider=bogus key=x', 'b:2'], noDiscovery);
    expect(resolved.addresses).toEqual(['a:1', 'b:2']);
    expect(resolved.failures).toMatchObject([
      {
        address: 'provider=bogus key=x',
        error: {
          message: 'discover: unknown provider bogus: write addresses or host names instead',
        },
      },
    ]);
  });
});
