/** What every implementation of TCP streams must do. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, bytes, hear, isClosed, type OpenBench, streamPair } from './bench.ts';

const LOCAL = '127.0.0.1';

export function tcpCompliance(name: string, open: OpenBench): void {
  describe(`tcp of the ${name} world`, () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = await open();
    });
    afterEach(() => bench.close());

    it('carries bytes both ways and tells both ends', async () => {
      const { client, server } = await streamPair(bench);
      expect(client.remote).toEqual(server.local);
      expect(client.local).toEqual(server.remote);
      expect(client.tls).toBeUndefined();
      const heard = [hear(client), hear(server)] as const;
      client.write(bytes('ping'));
      server.write(bytes('pong'));
      await bench.settle(heard[0].until((h) => h.text === 'pong'));
      await bench.settle(heard[1].until((h) => h.text === 'ping'));
    });

    it('half-closes: after the end of one side the other may still write', async () => {
      const { client, server } = await streamPair(bench);
      const [atClient, atServer] = [hear(client), hear(server)];
      client.write(bytes('question'));
      client.end();
      await bench.settle(atServer.until((h) => h.ended));
      expect(atServer.text).toBe('question');
      server.write(bytes('late answer'));
      server.end();
      await bench.settle(Promise.all([atClient.until(isClosed), atServer.until(isClosed)]));
      expect(atClient.text).toBe('late answer');
      expect(atClient.ended).toBe(true);
      expect([atClient.closings, atServer.closings]).toEqual([[undefined], [undefined]]);
    });

    it('keeps what arrived before anybody listened', async () => {
      const { client, server } = await streamPair(bench);
      client.write(bytes('early '));
      client.write(bytes('bird'));
      client.end();
      const marker = hear(client);
      server.write(bytes('x'));
      await bench.settle(marker.until((h) => h.text === 'x'));
      const heard = hear(server);
      expect(heard.text).toBe('');
      await bench.settle(heard.until((h) => h.ended));
      expect(heard.text).toBe('early bird');
    });

    it('hands a stream over with bytes put back in front', async () => {
      const { client, server } = await streamPair(bench);
      client.write(bytes('Xhello '));
      const taken = new Promise<ReturnType<typeof hear>>((resolve) => {
        server.listen({
          data: (chunk) => {
            server.pause();
            server.unshift(chunk.subarray(1));
            client.write(bytes('world'));
            resolve(hear(server));
          },
        });
      });
      const heard = await bench.settle(taken);
      await bench.settle(heard.until((h) => h.text === 'hello world'));
    });

    it('says when the buffer is full and when it is empty again', async () => {
      const { client, server } = await streamPair(bench);
      const atClient = hear(client);
      const chunk = new Uint8Array(64 * 1024);
      let sent = 0;
      while (client.write(chunk)) {
        sent += chunk.length;
        expect(sent).toBeLessThan(256 * 1024 * 1024);
      }
      sent += chunk.length;
      expect(client.bufferedBytes).toBeGreaterThan(0);
      const atServer = hear(server);
      await bench.settle(atClient.until((h) => h.drains === 1));
      await bench.settle(atServer.until((h) => h.bytes === sent));
      expect(client.bufferedBytes).toBe(0);
    });

    it('delivers nothing while paused', async () => {
      const { client, server } = await streamPair(bench);
      const heard = hear(server);
      server.pause();
      client.write(bytes('wait'));
      const back = hear(client);
      server.write(bytes('go'));
      await bench.settle(back.until((h) => h.text === 'go'));
      expect(heard.text).toBe('');
      server.resume();
      await bench.settle(heard.until((h) => h.text === 'wait'));
    });

    it('tells both sides once that a stream was dropped', async () => {
      const { client, server } = await streamPair(bench);
      const [atClient, atServer] = [hear(client), hear(server)];
      const reason = new Error('had enough');
      client.destroy(reason);
      client.destroy();
      await bench.settle(atClient.until(isClosed));
      expect(atClient.closings).toEqual([reason]);
      expect(client.write(bytes('too late'))).toBe(false);
      await bench.settle(atServer.until((h) => h.ended || isClosed(h)));
      server.destroy();
      await bench.settle(atServer.until(isClosed));
      expect(atServer.closings).toHaveLength(1);
    });

    it('refuses a port that nobody listens on', async () => {
      const { network } = bench.world;
      const listener = await bench.settle(network.listenTcp({ address: LOCAL, port: 0 }, () => {}));
      const { port } = listener.endpoint;
      await bench.settle(listener.close());
      const dialing = network.connectTcp({ host: LOCAL, port, timeoutMs: 5000 });
      await expect(bench.settle(dialing)).rejects.toMatchObject({
        code: 'ECONNREFUSED',
        message: `dial tcp ${LOCAL}:${port}: connect: connection refused`,
      });
    });

    it('refuses to listen twice, and on an address of another host', async () => {
      const { network } = bench.world;
      const listen = (address: string, port: number) =>
        bench.settle(network.listenTcp({ address, port }, () => {}));
      const first = await listen(LOCAL, 0);
      expect(first.endpoint.port).toBeGreaterThan(0);
      await expect(listen(LOCAL, first.endpoint.port)).rejects.toMatchObject({
        code: 'EADDRINUSE',
      });
      await expect(listen('203.0.113.7', 0)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
      await bench.settle(first.close());
      const second = await listen(LOCAL, first.endpoint.port);
      await bench.settle(second.close());
    });

    it('leaves accepted streams alone when it stops listening', async () => {
      const { client, server, close } = await streamPair(bench);
      await bench.settle(close());
      const heard = hear(server);
      client.write(bytes('still here'));
      await bench.settle(heard.until((h) => h.text === 'still here'));
    });

    it('dials from the source address asked for', async () => {
      const { network } = bench.world;
      const incoming: string[] = [];
      const listener = await bench.settle(
        network.listenTcp({ address: '0.0.0.0', port: 0 }, (s) => incoming.push(s.remote.address)),
      );
      const { port } = listener.endpoint;
      const dialing = network.connectTcp({
        host: LOCAL,
        port,
        timeoutMs: 5000,
        sourceAddress: LOCAL,
      });
      const client = await bench.settle(dialing);
      expect(client.local.address).toBe(LOCAL);
      const heard = hear(client);
      client.end();
      client.destroy();
      await bench.settle(heard.until(isClosed));
      await bench.settle(listener.close());
    });
  });
}
