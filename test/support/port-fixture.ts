/** A server port on a loopback address with real sockets and real TLS. */

import { readFileSync } from 'node:fs';
import { createActor, waitFor } from 'xstate';
import { createBus } from '../../actors/bus.ts';
import { createAlpnListenerActor } from '../../actors/port/alpn-listener.ts';
import { createPortCounts, type PortCounts } from '../../actors/port/connections.ts';
import type { Message } from '../../machines/messages.ts';
import { createMemoryLog, type MemoryLog } from '../../src/log.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { TlsConfigurator, type TlsSettings } from '../../src/tls/configurator.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import type { ByteStream, TlsClientOptions, World } from '../../src/world/world.ts';
import { echoMethods } from './rpc-fixture.ts';

const pem = (name: string): string =>
  readFileSync(new URL(`../vectors/tls/${name}.pem`, import.meta.url), 'utf8');

export const CA = pem('ca');
export const identity = (name: string) => ({ certPem: pem(name), keyPem: pem(`${name}-key`) });

export const SETTINGS: TlsSettings = {
  datacenter: 'dc1',
  domain: 'consul.',
  verifyIncoming: false,
  verifyIncomingRpc: false,
  verifyOutgoing: false,
  verifyServerHostname: false,
  minVersion: 'TLSv1.2',
};

export type Taken =
  | Message<'raft.accepted'>
  | Message<'snapshot.accepted'>
  | Message<'stream.accepted'>
  | Message<'packets.received'>;

export interface PortFixture {
  readonly world: World;
  readonly port: number;
  readonly log: MemoryLog;
  readonly counts: PortCounts;
  readonly rpc: RpcServer;
  readonly tls: TlsConfigurator;
  /** Messages that left the port, by arrival. */
  readonly taken: Taken[];
  connect(): Promise<ByteStream>;
  /** Connects and shakes hands at once. */
  connectTls(options?: Partial<TlsClientOptions>): Promise<ByteStream>;
  stop(): void;
}

export interface PortFixtureOptions {
  readonly settings?: Partial<TlsSettings>;
  /** Without TLS material. */
  readonly bare?: boolean;
  readonly perClientMax?: number;
  readonly handshakeTimeoutMs?: number;
  readonly gossip?: 'taken' | 'refused';
}

export async function portFixture(options: PortFixtureOptions = {}): Promise<PortFixture> {
  const world = createNodeWorld();
  const log = createMemoryLog();
  const bus = createBus({ clock: world.clock, log });
  const taken: Taken[] = [];
  bus.receive<'raft.accepted'>('raft', (message) => void taken.push(message));
  bus.receive<'snapshot.accepted'>('server', (message) => void taken.push(message));
  bus.receive<'stream.accepted' | 'packets.received'>('wanfed-transport', (message) => {
    taken.push(message);
  });
  const tls = new TlsConfigurator(
    { ...SETTINGS, ...options.settings },
    options.bare ? { caPem: [] } : { caPem: [CA], identity: identity('server') },
  );
  const rpc = new RpcServer({ clock: world.clock, methods: echoMethods() });
  const counts = createPortCounts();
  const machine = createAlpnListenerActor({
    world,
    at: { address: '127.0.0.1', port: 0 },
    log,
    post: bus.postFor('alpn-listener'),
    tls,
    rpc,
    gossip: options.gossip ?? 'taken',
    counts,
    ...(options.perClientMax !== undefined && { perClientMax: options.perClientMax }),
    ...(options.handshakeTimeoutMs !== undefined && {
      handshakeTimeoutMs: options.handshakeTimeoutMs,
    }),
  });
  const actor = createActor(machine, { clock: world.clock, systemId: 'alpn-listener' });
  actor.start();
  const { port } = (await waitFor(actor, (snapshot) => snapshot.matches('open'))).context;
  const connect = (): Promise<ByteStream> =>
    world.network.connectTcp({ host: '127.0.0.1', port, timeoutMs: 2000 });
  return {
    world,
    port,
    log,
    counts,
    rpc,
    tls,
    taken,
    connect,
    connectTls: async (more = {}) =>
      world.network.tlsClient(await connect(), {
        caPem: [CA],
        identity: identity('server'),
        servername: 'server.dc1.consul',
        verify: 'name',
        minVersion: 'TLSv1.2',
        handshakeTimeoutMs: 2000,
        ...more,
      }),
    stop: () => {
      actor.stop();
      rpc.close();
    },
  };
}

/** Waits until `ready` holds; the test's own time limit ends a wait in vain. */
export async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((resolve) => setImmediate(resolve));
}
