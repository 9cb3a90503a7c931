/** What every implementation of UDP and of name resolution must do. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/world/world.ts';
import { type Bench, bytes, type OpenBench } from './bench.ts';

const ANY_PORT: Endpoint = { address: '127.0.0.1', port: 0 };

interface Received {
  readonly text: string;
  readonly from: Endpoint;
}

export function udpCompliance(name: string, open: OpenBench): void {
  describe(`udp of the ${name} world`, () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = await open();
    });
    afterEach(() => bench.close());

    it('carries datagrams with the address of the sender', async () => {
      const { network } = bench.world;
      let arrived: (received: Received) => void = () => {};
      const first = new Promise<Received>((resolve) => {
        arrived = resolve;
      });
      const a = await bench.settle(network.bindUdp(ANY_PORT, { received: () => {} }));
      const b = await bench.settle(
        network.bindUdp(ANY_PORT, {
          received: (datagram, from) => {
            expect(datagram.constructor).toBe(Uint8Array);
            arrived({ text: new TextDecoder().decode(datagram), from });
          },
        }),
      );
      a.send(bytes('hello'), b.endpoint);
      expect(await bench.settle(first)).toEqual({ text: 'hello', from: a.endpoint });
      await bench.settle(Promise.all([a.close(), b.close()]));
    });

    it('reports a datagram that is too long, and does not throw', async () => {
      const { network } = bench.world;
      let failed: (error: Error) => void = () => {};
      const failure = new Promise<Error>((resolve) => {
        failed = resolve;
      });
      const a = await bench.settle(
        network.bindUdp(ANY_PORT, { received: () => {}, failed: (error) => failed(error) }),
      );
      a.send(new Uint8Array(70_000), a.endpoint);
      expect(await bench.settle(failure)).toMatchObject({ code: 'EMSGSIZE' });
      await bench.settle(a.close());
      a.send(bytes('after the end'), a.endpoint);
    });

    it('refuses a port in use', async () => {
      const { network } = bench.world;
      const a = await bench.settle(network.bindUdp(ANY_PORT, { received: () => {} }));
      const again = network.bindUdp(a.endpoint, { received: () => {} });
      await expect(bench.settle(again)).rejects.toMatchObject({ code: 'EADDRINUSE' });
      await bench.settle(a.close());
    });

    it('resolves an address to itself and lists the loopback interface', async () => {
      const { network } = bench.world;
      expect(await bench.settle(network.resolve('192.0.2.1'))).toEqual(['192.0.2.1']);
      expect(network.interfaces()).toContainEqual({
        name: 'lo',
        address: '127.0.0.1',
        internal: true,
      });
    });
  });
}
