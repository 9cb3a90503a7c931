/**
 * Echo calls a second over one yamux session on the loopback address, client and server each in a
 * process of its own: one call at a time, and 64 at a time, plain and through native TLS.
 *
 *     npx tsx test/bench/rpc-echo.ts
 */

import { fork } from 'node:child_process';
import { RpcPool } from '../../src/rpc/client/pool.ts';
import { createDialer } from '../../src/rpc/dialer.ts';
import type { GatewayPicker } from '../../src/rpc/gateway-dial.ts';
import { TlsConfigurator } from '../../src/tls/configurator.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { CA, identity, portFixture, SETTINGS } from '../support/port-fixture.ts';
import { ECHO, echo } from '../support/rpc-fixture.ts';

const WARM_UP_MS = 1000;
const MEASURE_MS = 3000;

async function serveForever(): Promise<void> {
  const fixture = await portFixture();
  process.send?.(fixture.port);
}

async function measure(pool: RpcPool, port: number, datacenter: string, width: number) {
  const server = { node: 'node1', datacenter, address: { address: '127.0.0.1', port } };
  const request = echo('x'.repeat(100));
  let calls = 0;
  let over = false;
  const caller = async (): Promise<void> => {
    while (!over) {
      await pool.call(server, ECHO, request);
      calls += 1;
    }
  };
  const callers = Array.from({ length: width }, caller);
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const before = calls;
  const since = performance.now();
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
  const perSecond = ((calls - before) / (performance.now() - since)) * 1000;
  over = true;
  await Promise.all(callers);
  return Math.round(perSecond);
}

async function main(): Promise<void> {
  const child = fork(new URL(import.meta.url), ['serve'], { execArgv: process.execArgv });
  const port = await new Promise<number>((resolve) =>
    child.once('message', (m) => resolve(Number(m))),
  );
  const world = createNodeWorld();
  const tls = new TlsConfigurator(
    { ...SETTINGS, datacenter: 'dc2' },
    { caPem: [CA], identity: identity('client') },
  );
  const gateways: GatewayPicker = {
    pickGateway: () => `127.0.0.1:${port}`,
    reportFailure: () => {},
  };
  for (const [name, datacenter] of [
    ['plain', 'dc2'],
    ['native TLS', 'dc1'],
  ] as const) {
    const dialer = createDialer({
      network: world.network,
      datacenter: 'dc2',
      role: 'server',
      tls,
      gateways,
    });
    const pool = new RpcPool({ dialer, clock: world.clock });
    for (const width of [1, 64]) {
      const perSecond = await measure(pool, port, datacenter, width);
      console.log(`rpc echo, ${name}, ${width} at a time: ${perSecond} calls/s`);
    }
    pool.close();
  }
  child.kill();
}

await (process.argv.includes('serve') ? serveForever() : main());
