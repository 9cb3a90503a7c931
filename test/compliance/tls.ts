/** What every implementation of TLS over a stream must do. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ByteStream, TlsClientOptions, TlsServerOptions } from '../../src/world/world.ts';
import {
  authority,
  type Bench,
  bytes,
  foreignAuthority,
  hear,
  identity,
  isClosed,
  type OpenBench,
  streamPair,
} from './bench.ts';

const CLIENT: TlsClientOptions = {
  caPem: [authority],
  identity: identity('client'),
  servername: 'server.dc1.consul',
  verify: 'name',
  minVersion: 'TLSv1.2',
  handshakeTimeoutMs: 5000,
};

const SERVER: TlsServerOptions = {
  caPem: [authority],
  identity: identity('server'),
  clientCertificate: 'require',
  minVersion: 'TLSv1.2',
  handshakeTimeoutMs: 5000,
};

type Outcome = ByteStream | Error;

/** Both sides' outcomes: the stream, or why there is none. */
async function handshake(
  bench: Bench,
  client: Partial<TlsClientOptions>,
  server: Partial<TlsServerOptions>,
): Promise<{ client: Outcome; server: Outcome }> {
  const pair = await streamPair(bench);
  const { network } = bench.world;
  const asError = (error: Error): Error => error;
  const [atClient, atServer] = await bench.settle(
    Promise.all([
      network.tlsClient(pair.client, { ...CLIENT, ...client }).catch(asError),
      network.tlsServer(pair.server, { ...SERVER, ...server }).catch(asError),
    ]),
  );
  return { client: atClient, server: atServer };
}

function opened(outcome: Outcome): ByteStream {
  if (outcome instanceof Error) throw outcome;
  return outcome;
}

export function tlsCompliance(name: string, open: OpenBench): void {
  describe(`tls of the ${name} world`, () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = await open();
    });
    afterEach(() => bench.close());

    it('agrees on a protocol and tells both sides who the other is', async () => {
      const { client, server } = await handshake(
        bench,
        { alpn: ['consul/rpc-single', 'consul/rpc-multi'] },
        { alpn: ['consul/rpc-multi', 'consul/rpc-single'] },
      );
      expect(opened(client).tls).toMatchObject({
        alpn: 'consul/rpc-multi',
        servername: 'server.dc1.consul',
        peer: { commonName: 'server.dc1.consul' },
      });
      expect(opened(server).tls).toMatchObject({
        alpn: 'consul/rpc-multi',
        servername: 'server.dc1.consul',
        peer: {
          commonName: 'client.dc1.consul',
          dnsNames: ['client.dc1.consul'],
          extendedKeyUsage: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
          fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
      });
    });

    it('carries bytes both ways, half-closes, and drops', async () => {
      const { client, server } = await handshake(bench, {}, {});
      const [atClient, atServer] = [hear(opened(client)), hear(opened(server))];
      expect(opened(client).tls?.alpn).toBeNull();
      opened(client).write(bytes('question'));
      opened(client).end();
      await bench.settle(atServer.until((h) => h.ended));
      expect(atServer.text).toBe('question');
      opened(server).write(bytes('answer'));
      opened(server).end();
      await bench.settle(Promise.all([atClient.until(isClosed), atServer.until(isClosed)]));
      expect(atClient.text).toBe('answer');
      expect([atClient.closings, atServer.closings]).toEqual([[undefined], [undefined]]);
    });

    it('starts on a stream whose first byte was looked at and put back', async () => {
      const pair = await streamPair(bench);
      const { network } = bench.world;
      const dialing = network.tlsClient(pair.client, CLIENT);
      const sniffed = new Promise<number>((resolve) => {
        pair.server.listen({
          data: (chunk) => {
            pair.server.pause();
            pair.server.unshift(chunk);
            resolve(chunk[0] ?? -1);
          },
        });
      });
      // 22 = a TLS handshake record (RFC 8446 5.1).
      expect(await bench.settle(sniffed)).toBe(22);
      const [client, server] = await bench.settle(
        Promise.all([dialing, network.tlsServer(pair.server, SERVER)]),
      );
      const heard = hear(server);
      client.write(bytes('sealed'));
      await bench.settle(heard.until((h) => h.text === 'sealed'));
    });

    it('starts after a byte of another protocol was read', async () => {
      const pair = await streamPair(bench);
      const { network } = bench.world;
      pair.client.write(new Uint8Array([3]));
      const dialing = network.tlsClient(pair.client, CLIENT);
      const rest = new Promise<void>((resolve) => {
        pair.server.listen({
          data: (chunk) => {
            pair.server.pause();
            pair.server.unshift(chunk.subarray(1));
            resolve();
          },
        });
      });
      await bench.settle(rest);
      await bench.settle(Promise.all([dialing, network.tlsServer(pair.server, SERVER)]));
    });

    it('names a client certificate of a foreign authority', async () => {
      const { client, server } = await handshake(bench, { identity: identity('foreign') }, {});
      expect(server).toMatchObject({ name: 'TlsError', failure: 'untrusted' });
      if (client instanceof Error) return;
      const heard = hear(client);
      await bench.settle(heard.until((h) => h.ended || isClosed(h)));
    });

    it('names a missing client certificate, on both sides', async () => {
      const pair = await streamPair(bench);
      const { network } = bench.world;
      const { identity: _left, ...without } = CLIENT;
      const accepting = network.tlsServer(pair.server, SERVER).catch((error: Error) => error);
      const dialing = network.tlsClient(pair.client, without).catch((error: Error) => error);
      const [server, client] = await bench.settle(Promise.all([accepting, dialing]));
      expect(server).toMatchObject({ failure: 'no-certificate' });
      if (client instanceof Error) {
        expect(client).toMatchObject({ failure: 'refused' });
        return;
      }
      // With TLS 1.3 the client's handshake is over before the server looks at the certificate.
      const heard = hear(client);
      await bench.settle(heard.until(isClosed));
      expect(heard.closings[0]).toMatchObject({ name: 'TlsError', failure: 'refused' });
    });

    it('asks for no client certificate when none is wanted', async () => {
      const { client, server } = await handshake(bench, {}, { clientCertificate: 'none' });
      expect(opened(client).tls?.peer?.commonName).toBe('server.dc1.consul');
      expect(opened(server).tls?.peer).toBeUndefined();
    });

    it('names a server certificate of a foreign authority', async () => {
      const { client } = await handshake(bench, { caPem: [foreignAuthority] }, {});
      expect(client).toMatchObject({ failure: 'untrusted' });
      const nobody = await handshake(bench, { caPem: [], verify: 'chain' }, {});
      expect(nobody.client).toMatchObject({ failure: 'untrusted' });
    });

    it('names a server certificate that has expired', async () => {
      const { client } = await handshake(bench, {}, { identity: identity('expired') });
      expect(client).toMatchObject({ failure: 'expired' });
    });

    it('names a server certificate for another host', async () => {
      const { client } = await handshake(bench, { servername: 'server.dc2.consul' }, {});
      expect(client).toMatchObject({
        failure: 'name-mismatch',
        message: expect.stringContaining('not server.dc2.consul'),
      });
    });

    it('verifies as much as it is told to', async () => {
      const other = 'server.dc2.consul';
      const chain = await handshake(bench, { servername: other, verify: 'chain' }, {});
      expect(opened(chain.server).tls?.servername).toBe(other);
      const none = await handshake(bench, { caPem: [foreignAuthority], verify: 'none' }, {});
      expect(opened(none.client).tls?.peer).toBeUndefined();
    });

    it('sends no server name when there is none', async () => {
      const { servername: _left, ...nameless } = CLIENT;
      const pair = await streamPair(bench);
      const { network } = bench.world;
      const [, server] = await bench.settle(
        Promise.all([
          network.tlsClient(pair.client, { ...nameless, verify: 'chain' }),
          network.tlsServer(pair.server, SERVER),
        ]),
      );
      expect(server.tls?.servername).toBeNull();
    });

    it('fails when no protocol is shared', async () => {
      const { client, server } = await handshake(bench, { alpn: ['a'] }, { alpn: ['b'] });
      expect(client).toMatchObject({ failure: 'no-protocol' });
      expect(server).toMatchObject({ failure: 'no-protocol' });
    });

    it('names what is not TLS', async () => {
      const pair = await streamPair(bench);
      const accepting = bench.world.network.tlsServer(pair.server, SERVER);
      pair.client.write(bytes('GET / HTTP/1.1\r\nHost: example\r\n\r\n'));
      await expect(bench.settle(accepting)).rejects.toMatchObject({ failure: 'not-tls' });
    });

    it('gives up a handshake that takes too long', async () => {
      const limit = { handshakeTimeoutMs: 30 };
      const silent = await streamPair(bench);
      const accepting = bench.world.network.tlsServer(silent.server, { ...SERVER, ...limit });
      await expect(bench.settle(accepting)).rejects.toMatchObject({ failure: 'timeout' });
      const mute = await streamPair(bench);
      const dialing = bench.world.network.tlsClient(mute.client, { ...CLIENT, ...limit });
      await expect(bench.settle(dialing)).rejects.toMatchObject({ failure: 'timeout' });
    });

    it('fails at once when the peer goes away', async () => {
      const pair = await streamPair(bench);
      const accepting = bench.world.network.tlsServer(pair.server, SERVER);
      pair.client.destroy();
      await expect(bench.settle(accepting)).rejects.toMatchObject({ failure: 'closed' });
      const other = await streamPair(bench);
      const dialing = bench.world.network.tlsClient(other.client, CLIENT);
      other.server.destroy();
      await expect(bench.settle(dialing)).rejects.toMatchObject({ failure: 'closed' });
    });

    it('names an identity that cannot be used', async () => {
      const pair = await streamPair(bench);
      const dialing = bench.world.network.tlsClient(pair.client, {
        ...CLIENT,
        identity: { certPem: 'no', keyPem: 'pem' },
      });
      await expect(bench.settle(dialing)).rejects.toMatchObject({ failure: 'bad-identity' });
    });
  });
}
