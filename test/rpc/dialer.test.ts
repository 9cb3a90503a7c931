import { afterEach, describe, expect, it } from 'vitest';
import { splitHostPort } from '../../src/host-port.ts';
import { RpcPool } from '../../src/rpc/client/pool.ts';
import { createDialer, type Dialer } from '../../src/rpc/dialer.ts';
import type { GatewayPicker } from '../../src/rpc/gateway-dial.ts';
import { TlsConfigurator } from '../../src/tls/configurator.ts';
import type { ByteStream, Listener } from '../../src/world/world.ts';
import { CA, identity, type PortFixture, portFixture, SETTINGS } from '../support/port-fixture.ts';
import { ECHO, echo } from '../support/rpc-fixture.ts';

let fixture: PortFixture | undefined;
const listeners: Listener[] = [];
afterEach(async () => {
  fixture?.stop();
  for (const listener of listeners.splice(0)) await listener.close();
});

/** A gateway: passes bytes on to the server port and sees nothing. Returns its address. */
async function gateway(to: PortFixture): Promise<string> {
  const splice = (from: ByteStream, onto: ByteStream): void =>
    from.listen({
      data: (chunk) => void onto.write(chunk),
      end: () => onto.end(),
      closed: () => onto.destroy(),
    });
  const listener = await to.world.network.listenTcp({ address: '127.0.0.1', port: 0 }, (stream) => {
    void to.connect().then((onward) => {
      splice(stream, onward);
      splice(onward, stream);
    });
  });
  listeners.push(listener);
  return `127.0.0.1:${listener.endpoint.port}`;
}

interface Picker extends GatewayPicker {
  readonly failures: string[];
  readonly asked: (string | undefined)[];
}

function picker(...addresses: readonly string[]): Picker {
  const failures: string[] = [];
  const asked: (string | undefined)[] = [];
  return {
    failures,
    asked,
    pickGateway(datacenter, avoid) {
      asked.push(`${datacenter} not ${avoid ?? 'any'}`);
      return addresses.find((address) => address !== avoid);
    },
    reportFailure: (address, error) => void failures.push(`${address}: ${error.message}`),
  };
}

/** A server of dc2 that dials dc1. */
function remoteDialer(to: PortFixture, gateways: GatewayPicker, certificates = true): Dialer {
  return createDialer({
    network: to.world.network,
    datacenter: 'dc2',
    role: 'server',
    tls: new TlsConfigurator(
      { ...SETTINGS, datacenter: 'dc2' },
      certificates ? { caPem: [CA], identity: identity('client') } : { caPem: [CA] },
    ),
    gateways,
  });
}

const target = (node = 'node1') =>
  ({
    datacenter: 'dc1',
    node,
    // An address of another network: it must never be dialed.
    address: { address: '192.0.2.1', port: 8300 },
    kind: 'rpc-multi',
  }) as const;

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

describe('a dial to another datacenter', () => {
  it('goes through a gateway: TLS at once, node name as SNI, no type byte', async () => {
    fixture = await portFixture();
    const gateways = picker(await gateway(fixture));
    const pool = new RpcPool({
      dialer: remoteDialer(fixture, gateways),
      clock: fixture.world.clock,
    });
    await expect(pool.call(target(), ECHO, echo('far'))).resolves.toMatchObject({ Text: 'far' });
    expect(fixture.counts.handedOver['rpc-multi']).toBe(1);
    expect(gateways.failures).toEqual([]);
    pool.close();
  });

  it('tries one other gateway when the first cannot be dialed, and tells of it', async () => {
    fixture = await portFixture();
    const dead = '127.0.0.1:1';
    const gateways = picker(dead, await gateway(fixture));
    const stream = await remoteDialer(fixture, gateways).dial(target());
    expect(stream.tls).toMatchObject({ alpn: 'consul/rpc-multi' });
    expect(gateways.failures).toEqual([`${dead}: dial tcp ${dead}: connect: connection refused`]);
    expect(gateways.asked).toEqual(['dc1 not any', `dc1 not ${dead}`]);
    stream.destroy();
  });

  it('gives up with the words of the dial when no gateway answers', async () => {
    fixture = await portFixture();
    const gateways = picker('127.0.0.1:1', '127.0.0.1:2');
    expect(await remoteDialer(fixture, gateways).dial(target()).catch(text)).toBe(
      'dial tcp 127.0.0.1:2: connect: connection refused',
    );
    expect(gateways.failures).toHaveLength(2);
  });

  it('says that nothing is reachable when there is no gateway', async () => {
    fixture = await portFixture();
    expect(await remoteDialer(fixture, picker()).dial(target()).catch(text)).toBe(
      'Remote DC has no server currently reachable',
    );
  });

  it('is refused when the server behind the gateway is another one', async () => {
    fixture = await portFixture();
    const dialer = remoteDialer(fixture, picker(await gateway(fixture)));
    expect(await dialer.dial(target('node2')).catch(text)).toMatch(
      /^x509: certificate is valid for .*not node2\.server\.dc1\.consul$/,
    );
    const wild = await dialer.dial(target('*'));
    expect(wild.tls?.servername).toBe('server.dc1.consul');
    wild.destroy();
  });

  it('wants certificates and a node name', async () => {
    fixture = await portFixture();
    const bare = remoteDialer(fixture, picker('127.0.0.1:1'), false);
    expect(await bare.dial(target()).catch(text)).toBe(
      'cannot dial via a mesh gateway when outgoing TLS is disabled',
    );
    expect(await bare.dial(target('')).catch(text)).toBe(
      'pool: ConnPool.getNewConn requires a node name',
    );
  });
});

describe('a gateway address', () => {
  it.each([
    ['10.0.0.1:443', { host: '10.0.0.1', port: 443 }],
    ['gateway.example:8443', { host: 'gateway.example', port: 8443 }],
    ['[2001:db8::1]:443', { host: '2001:db8::1', port: 443 }],
  ])('%s', (address, expected) => {
    expect(splitHostPort(address)).toEqual(expected);
  });

  it.each(['', 'host', 'host:', 'host:0', 'host:70000', 'host:x'])('%j is refused', (address) => {
    expect(() => splitHostPort(address)).toThrow('missing port in address');
  });
});
