/**
 * What the gateway's data path carries: bytes a second over one and over eight connections, and
 * connections a second, all over loopback in one process (client, gateway and server share a core,
 * so that these are lower bounds). Plain bytes behind a real ClientHello: the ends' TLS is not what
 * is measured.
 */

import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { GatewayProxy } from '../../src/gateway/proxy.ts';
import { buildRoutes } from '../../src/gateway/routes.ts';
import { silentLog } from '../../src/log.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { server, snapshot } from '../support/instances.ts';

const NAME = 's1.server.dc1.consul';
const CHUNK = Buffer.alloc(64 * 1024);
const RUN_MS = 3_000;

const world = createNodeWorld();

function listen(handler: (socket: Socket) => void): Promise<number> {
  return new Promise((resolve) => {
    const listener = createTcpServer(handler).listen(0, '127.0.0.1', () => {
      resolve((listener.address() as { port: number }).port);
    });
  });
}

async function captureHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    void listen((socket) => socket.once('data', resolve)).then((port) => {
      connectTls({ host: '127.0.0.1', port, servername: NAME }).on('error', () => {});
    });
  });
}

async function bytesPerSecond(port: number, connections: number, hello: Buffer): Promise<number> {
  let received = 0;
  const before = proxy.counters.bytesForward;
  const sockets = Array.from({ length: connections }, () => connectTcp(port, '127.0.0.1'));
  const until = performance.now() + RUN_MS;
  const started = performance.now();
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.write(hello);
          const pump = (): void => {
            while (performance.now() < until) if (!socket.write(CHUNK)) return;
            socket.end();
          };
          socket.on('drain', pump);
          socket.on('close', () => resolve());
          socket.resume();
          pump();
        }),
    ),
  );
  received = proxy.counters.bytesForward - before;
  return received / ((performance.now() - started) / 1000);
}

async function connectionsPerSecond(port: number, hello: Buffer): Promise<number> {
  let done = 0;
  const until = performance.now() + RUN_MS;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connectTcp(port, '127.0.0.1');
      socket.write(hello);
      socket.end();
      socket.resume();
      socket.on('close', () => {
        done += 1;
        resolve();
      });
    });
  const worker = async (): Promise<void> => {
    while (performance.now() < until) await one();
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: 32 }, worker));
  return done / ((performance.now() - started) / 1000);
}

const proxy = new GatewayProxy({ ...world, log: silentLog });
const target = await listen((socket) => {
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  socket.resume();
});
const servers = [server({ node: 's1', address: '127.0.0.1', port: target })];
proxy.update(buildRoutes(snapshot({ servers }), []));
const at = { address: '127.0.0.1', port: 0 };
const door = await world.network.listenTcp(at, (stream) => proxy.accept(stream));
const hello = await captureHello();
const { port } = door.endpoint;

const MB = 1e6;
const lines = [
  `one connection     ${((await bytesPerSecond(port, 1, hello)) / MB).toFixed(0)} MB/s`,
  `eight connections  ${((await bytesPerSecond(port, 8, hello)) / MB).toFixed(0)} MB/s`,
  `opened and closed  ${(await connectionsPerSecond(port, hello)).toFixed(0)} connections/s`,
  `memory             ${(process.memoryUsage().rss / MB).toFixed(0)} MB rss, ${proxy.counters.accepted} accepted`,
];
process.stdout.write(`${lines.join('\n')}\n`);
process.exit(0);
