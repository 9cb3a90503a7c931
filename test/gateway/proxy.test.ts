// Real TLS over real loopback sockets: a client and a server that know nothing of the gateway.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { GATEWAY_LIMITS, type GatewayLimits } from '../../src/gateway/limits.ts';
import { GatewayProxy } from '../../src/gateway/proxy.ts';
import { buildRoutes } from '../../src/gateway/routes.ts';
import { createMemoryLog } from '../../src/log.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { gateway, server, snapshot } from '../support/instances.ts';
import { testCa, testCertificate } from '../support/tls-files.ts';

const NAME = 's1.server.dc1.consul';
const identity = testCertificate(NAME, 'server.dc1.consul', 'x.server.dc2.consul');
const ALPN = 'consul/wan-gossip/packet';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listen(listener: net.Server): Promise<number> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  cleanups.push(() => listener.close());
  return (listener.address() as net.AddressInfo).port;
}

function tlsServer(handler: (socket: tls.TLSSocket) => void): Promise<number> {
  const options = {
    cert: identity.certPem,
    key: identity.keyPem,
    ca: testCa.certPem,
    requestCert: true,
    ALPNProtocols: [ALPN],
    allowHalfOpen: true,
  };
  return listen(
    tls.createServer(options, (socket) => {
      socket.on('error', () => {});
      handler(socket);
    }),
  );
}

async function open(ports: readonly number[], limits: Partial<GatewayLimits> = {}) {
  const world = createNodeWorld();
  const log = createMemoryLog();
  const proxy = new GatewayProxy({ ...world, log, limits: { ...GATEWAY_LIMITS, ...limits } });
  const servers = ports.map((port) => server({ node: 's1', address: '127.0.0.1', port }));
  const gateways = ports.map((port) => gateway({ address: '127.0.0.1', port }));
  const federationGateways = new Map([['dc2', gateways]]);
  proxy.update(buildRoutes(snapshot({ servers, federationGateways }), []));
  const at = { address: '127.0.0.1', port: 0 };
  const listener = await world.network.listenTcp(at, (stream) => proxy.accept(stream));
  cleanups.push(() => listener.close());
  cleanups.push(() => proxy.destroy());
  return { proxy, log, port: listener.endpoint.port };
}

async function connect(port: number, servername = NAME): Promise<tls.TLSSocket> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername,
    ca: testCa.certPem,
    cert: identity.certPem,
    key: identity.keyPem,
    ALPNProtocols: [ALPN],
  });
  cleanups.push(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const echo = (socket: tls.TLSSocket): void => void socket.pipe(socket);

async function ask(socket: tls.TLSSocket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

async function closed(socket: net.Socket): Promise<void> {
  // `once` would reject with the error that comes before it.
  socket.on('error', () => {});
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.on('close', resolve));
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((resolved) => {
    resolve = resolved;
  });
  return { promise, resolve };
}

describe('the gateway', () => {
  it('leaves TLS alone: name, protocol and both certificates are end to end', async () => {
    const seen: unknown[] = [];
    const { proxy, port } = await open([
      await tlsServer((socket) => {
        seen.push(socket.servername, socket.alpnProtocol, socket.getPeerX509Certificate()?.subject);
        echo(socket);
      }),
    ]);
    const socket = await connect(port);
    expect(socket.authorized).toBe(true);
    expect(socket.alpnProtocol).toBe(ALPN);
    expect(await ask(socket, 'hello')).toBe('hello');
    expect(seen).toEqual([NAME, ALPN, `CN=${NAME}`]);
    expect(proxy.counters).toMatchObject({ accepted: 1, active: 1, proxied: 1, failovers: 0 });
  });

  it.each(['server.dc1.consul', 'x.server.dc2.consul'])('leads %s', async (name) => {
    const { port } = await open([await tlsServer(echo)]);
    expect(await ask(await connect(port, name), 'x')).toBe('x');
  });

  it('carries a half-close each way', async () => {
    const { port, proxy } = await open([
      await tlsServer((socket) => {
        const chunks: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        socket.on('end', () => socket.end(`got ${Buffer.concat(chunks).length}`));
      }),
    ]);
    const socket = await connect(port);
    const answer: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => answer.push(chunk));
    socket.end(Buffer.alloc(100_000));
    await once(socket, 'end');
    expect(Buffer.concat(answer).toString()).toBe('got 100000');
    await closed(socket);
    await expect.poll(() => proxy.counters.active).toBe(0);
  });

  it('goes on to the next address when one does not answer', async () => {
    const dead = await listen(net.createServer());
    await cleanups.pop()?.();
    const { port, proxy } = await open([dead, await tlsServer(echo)]);
    const sockets = await Promise.all([0, 1, 2, 3].map(() => connect(port, 'server.dc1.consul')));
    for (const socket of sockets) expect(await ask(socket, 'x')).toBe('x');
    expect(proxy.counters.connectFailures).toBeGreaterThan(0);
    expect(proxy.counters.failovers).toBe(proxy.counters.connectFailures);
    const before = proxy.counters.connectFailures;
    for (let n = 0; n < 4; n += 1) await connect(port, 'server.dc1.consul');
    expect(proxy.counters.connectFailures).toBe(before);
  });

  it('refuses names that it does not know, with one line that says what it knows', async () => {
    const { port, proxy, log } = await open([await tlsServer(echo)]);
    for (let n = 0; n < 5; n += 1) {
      const socket = tls.connect({ host: '127.0.0.1', port, servername: 'who.is.this' });
      await closed(socket);
    }
    expect(proxy.counters.refused['unknown name']).toBe(5);
    expect(log.lines.map(({ text, fields }) => [text, fields['name'], fields['known']])).toEqual([
      [
        'connection refused: unknown server name (SNI)',
        'who.is.this',
        ['*.server.dc2.consul', NAME, 'server.dc1.consul', 'server.dc2.consul'],
      ],
    ]);
  });

  it('refuses what is not TLS, comes without a name, or stays silent', async () => {
    const { port, proxy } = await open([await tlsServer(echo)], { helloTimeoutMs: 50 });
    const plain = net.connect(port, '127.0.0.1');
    plain.write('GET / HTTP/1.1\r\n\r\n');
    await closed(plain);
    await closed(tls.connect({ host: '127.0.0.1', port, servername: '' }));
    await closed(net.connect(port, '127.0.0.1'));
    const left = net.connect(port, '127.0.0.1');
    left.end(Buffer.from([22]));
    await closed(left);
    expect(proxy.counters.refused).toMatchObject({
      'not TLS': 1,
      'no name': 1,
      timeout: 1,
      gone: 1,
    });
    expect(proxy.counters.active).toBe(0);
  });

  it('closes a connection when nobody can be reached, and says why', async () => {
    const dead = await listen(net.createServer());
    await cleanups.pop()?.();
    const { port, proxy, log } = await open([dead]);
    await closed(tls.connect({ host: '127.0.0.1', port, servername: NAME }));
    expect(proxy.counters.refused.unreachable).toBe(1);
    expect(log.lines.at(-1)?.text).toBe(`cannot reach ${NAME}`);
    expect(String(log.lines.at(-1)?.fields['reason'])).toContain('connection refused');
  });

  it('closes connections beyond its limit at once', async () => {
    const { port, proxy } = await open([await tlsServer(echo)], { connectionsMax: 1 });
    const first = await connect(port);
    await closed(tls.connect({ host: '127.0.0.1', port, servername: NAME }));
    expect(proxy.counters.refused['too many']).toBe(1);
    expect(await ask(first, 'still here')).toBe('still here');
  });

  it('ends both sides when one is cut', async () => {
    const { promise: ended, resolve } = deferred<void>();
    const { port, proxy } = await open([
      await tlsServer((socket) => {
        echo(socket);
        socket.on('close', () => resolve());
      }),
    ]);
    const socket = await connect(port);
    await ask(socket, 'x');
    socket.destroy();
    await ended;
    await expect.poll(() => proxy.counters.active).toBe(0);
  });

  it('lets open connections finish when it drains, and cuts them when it takes too long', async () => {
    const { port, proxy } = await open([await tlsServer(echo)]);
    const first = await connect(port);
    const second = await connect(port);
    const drained = proxy.drain(100);
    expect(await ask(first, 'still served')).toBe('still served');
    first.end();
    await closed(first);
    await closed(tls.connect({ host: '127.0.0.1', port, servername: NAME }));
    expect(proxy.counters.refused.closing).toBe(1);
    await drained;
    await closed(second);
    expect(proxy.counters.active).toBe(0);
    await proxy.drain(100);
  });

  it('passes 100 MB unharmed to a slow reader with flat memory', async () => {
    const TOTAL = 100 * 1024 * 1024;
    const chunk = Buffer.alloc(1024 * 1024, 'mobius');
    const received = createHash('sha256');
    const { promise: done, resolve } = deferred<number>();
    const { port, proxy } = await open([
      await tlsServer((socket) => {
        let size = 0;
        let pauses = 0;
        socket.on('data', (bytes: Buffer) => {
          received.update(bytes);
          size += bytes.length;
          // Stops reading for a turn after each 10 MB, so that the sender must wait.
          if (Math.floor(size / 10e6) > pauses) {
            pauses += 1;
            socket.pause();
            setImmediate(() => setImmediate(() => socket.resume()));
          }
        });
        socket.on('end', () => resolve(size));
      }),
    ]);
    const socket = await connect(port);
    const sent = createHash('sha256');
    let buffersMax = 0;
    const before = process.memoryUsage().arrayBuffers;
    for (let left = TOTAL; left > 0; left -= chunk.length) {
      sent.update(chunk);
      if (!socket.write(chunk)) await once(socket, 'drain');
      buffersMax = Math.max(buffersMax, process.memoryUsage().arrayBuffers - before);
    }
    socket.end();
    expect(await done).toBe(TOTAL);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    expect(proxy.counters.bytesForward).toBeGreaterThan(TOTAL);
    expect(buffersMax).toBeLessThan(64 * 1024 * 1024);
  });
});
