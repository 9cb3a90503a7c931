import { afterEach, describe, expect, it } from 'vitest';
import { SnapshotRequest } from '../../src/model/operator.ts';
import { createDialer, type DialKind } from '../../src/rpc/dialer.ts';
import { TlsConfigurator, type TlsSettings } from '../../src/tls/configurator.ts';
import { encode } from '../../src/wire/msgpack/schema.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { decodeClientHello } from '../../src/world/simulated/client-hello.ts';
import type { ByteStream, Listener } from '../../src/world/world.ts';
import { CA, identity, SETTINGS, until } from '../support/port-fixture.ts';
import { type Collected, collect } from '../support/stream-pair.ts';
import rpcVectors from '../vectors/rpc.json' with { type: 'json' };
import wanfed from '../vectors/wanfed.json' with { type: 'json' };

const { network } = createNodeWorld();
const TLS_RECORD_HEADER_BYTES = 5;
const listeners: Listener[] = [];
const streams: ByteStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.destroy();
  for (const listener of listeners.splice(0)) await listener.close();
});

/** A peer that only listens to what a dialer says. */
async function eavesdropper(): Promise<{ port: number; heard: () => Buffer }> {
  let got: Collected | undefined;
  const listener = await network.listenTcp({ address: '127.0.0.1', port: 0 }, (stream) => {
    streams.push(stream);
    got = collect(stream);
  });
  listeners.push(listener);
  return { port: listener.endpoint.port, heard: () => got?.bytes() ?? Buffer.alloc(0) };
}

async function firstBytes(
  settings: Partial<TlsSettings>,
  kind: DialKind,
  then: Uint8Array,
  enough: number,
): Promise<Buffer> {
  const { port, heard } = await eavesdropper();
  const tls = new TlsConfigurator(
    { ...SETTINGS, ...settings },
    { caPem: [CA], identity: identity('server') },
  );
  const dialer = createDialer({ network, datacenter: 'dc1', role: 'server', tls });
  const address = { address: '127.0.0.1', port };
  void dialer.dial({ datacenter: 'dc1', node: 'n', address, kind }).then(
    (stream) => {
      streams.push(stream);
      stream.write(then);
    },
    () => {},
  );
  await until(() => heard().length >= enough);
  return heard();
}

const prefix = (name: string): string =>
  rpcVectors.find((vector) => vector.name === `conn/${name}`)?.hex ?? 'none';

describe('the first bytes of a classic dial', () => {
  it.each([
    ['rpc-multi-plain', 'rpc-multi'],
    ['raft', 'raft'],
  ] as const)('are as recorded for %s', async (name, kind) => {
    const bytes = await firstBytes({}, kind, Buffer.from('then'), 5);
    expect(bytes.toString('latin1')).toBe(
      `${Buffer.from(prefix(name), 'hex').toString('latin1')}then`,
    );
  });

  it('are as recorded for a snapshot request', async () => {
    const request = { Datacenter: 'dc1', Token: 'tok', AllowStale: true, Op: 0 };
    const bytes = await firstBytes({}, 'snapshot', encode(SnapshotRequest, request), 40);
    expect(bytes.toString('hex')).toBe(prefix('snapshot'));
  });

  it('are byte 3 and a ClientHello without a name, unless names are verified', async () => {
    const bytes = await firstBytes({ verifyOutgoing: true }, 'rpc-multi', new Uint8Array(), 100);
    expect(bytes.subarray(0, 2).toString('hex')).toBe(`${prefix('tls')}16`);
    expect(decodeClientHello(bytes.subarray(1 + TLS_RECORD_HEADER_BYTES))).toMatchObject({
      servername: null,
    });
  });
});

describe('the ClientHello toward a gateway', () => {
  const recorded = wanfed.filter((vector) => vector.name.startsWith('clienthello-'));

  it.each(recorded)('has name and protocol as in $name, and no byte before it', async (vector) => {
    const { port, heard } = await eavesdropper();
    const [first = '', ...rest] = (vector.sni ?? '').split('.');
    const node = first === 'server' ? '*' : first;
    const datacenter = (first === 'server' ? rest[0] : rest[1]) ?? '';
    const tls = new TlsConfigurator(
      { ...SETTINGS, datacenter: 'elsewhere' },
      { caPem: [CA], identity: identity('server') },
    );
    const options = tls.outgoingAlpn({ datacenter, node, alpn: vector.alpn ?? '' }, 2000);
    const stream = await network.connectTcp({ host: '127.0.0.1', port, timeoutMs: 2000 });
    void network.tlsClient(stream, options).catch(() => {});
    await until(() => heard().length > 100);
    const ours = decodeClientHello(heard().subarray(TLS_RECORD_HEADER_BYTES));
    const theirs = decodeClientHello(
      Buffer.from(vector.hex, 'hex').subarray(TLS_RECORD_HEADER_BYTES),
    );
    expect(heard()[0]).toBe(0x16);
    expect(ours?.servername).toBe(theirs?.servername);
    expect(ours?.alpn).toEqual(theirs?.alpn);
    expect(theirs?.servername).toBe(vector.sni);
  });
});
