/**
 * The plain transport of a pool: one UDP and one TCP socket on the same port. Datagrams that arrive
 * together are handed on together. Also the part for the own datacenter in a federated WAN pool.
 */

import { fromCallback } from 'xstate';
import type { Message } from '../../machines/messages.ts';
import type { GossipPeer, IncomingPacket, OutgoingPacket } from '../../machines/routes/gossip.ts';
import type { Post } from '../../machines/routes.ts';
import { toError } from '../../src/error-text.ts';
import type { Log } from '../../src/log.ts';
import type {
  ByteStream,
  Clock,
  Endpoint,
  Listener,
  UdpSocket,
  World,
} from '../../src/world/world.ts';

/** Datagrams that wait to be handed on; beyond it new ones are dropped and counted. */
export const BURST_MAX = 4_096;
/** Attempts to find a port that is free for both, when none is asked for. */
const PORT_ATTEMPTS_MAX = 10;

export interface SocketFailure {
  readonly to: GossipPeer;
  readonly error: Error;
}

/** Who hears of what arrives. */
export interface SocketListener {
  received(packets: readonly IncomingPacket[]): void;
  failed(failures: readonly SocketFailure[]): void;
  accepted(stream: ByteStream): void;
}

export interface SocketTransport {
  readonly endpoint: Endpoint;
  /** Datagrams dropped because nobody took them in time. */
  readonly dropped: number;
  /** Hands over what has arrived so far, and all that comes. */
  listen(listener: SocketListener): void;
  send(packets: readonly OutgoingPacket[]): void;
  /** Rejects with the network's error. */
  dial(to: Endpoint, timeoutMs: number): Promise<ByteStream>;
  close(): Promise<void>;
}

/** Binds both sockets. Port 0 picks one that is free for both. Rejects like `listenTcp`. */
export async function openSocketTransport(world: World, at: Endpoint): Promise<SocketTransport> {
  for (let attempt = 1; ; attempt++) {
    const sockets = new Sockets(world);
    try {
      await sockets.bind(at);
      return sockets;
    } catch (error) {
      await sockets.close();
      if (at.port !== 0 || attempt === PORT_ATTEMPTS_MAX) throw error;
    }
  }
}

class Sockets implements SocketTransport {
  readonly #world: World;
  #tcp: Listener | null = null;
  #udp: UdpSocket | null = null;
  #listener: SocketListener | null = null;
  #packets: IncomingPacket[] = [];
  #failures: SocketFailure[] = [];
  #streams: ByteStream[] = [];
  #scheduled = false;
  #dropped = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get endpoint(): Endpoint {
    return this.#tcp?.endpoint ?? { address: '', port: 0 };
  }

  get dropped(): number {
    return this.#dropped;
  }

  async bind(at: Endpoint): Promise<void> {
    const { network } = this.#world;
    this.#tcp = await network.listenTcp(at, (stream) => this.#accepted(stream));
    this.#udp = await network.bindUdp(this.#tcp.endpoint, {
      received: (bytes, from) => this.#received(bytes, from),
      failed: (error, to) => this.#failed(error, to),
    });
  }

  listen(listener: SocketListener): void {
    this.#listener = listener;
    for (const stream of this.#streams.splice(0)) listener.accepted(stream);
    this.#schedule();
  }

  #accepted(stream: ByteStream): void {
    if (this.#listener !== null) this.#listener.accepted(stream);
    else if (this.#streams.length < BURST_MAX) this.#streams.push(stream);
    else stream.destroy();
  }

  #received(bytes: Uint8Array, from: Endpoint): void {
    if (this.#packets.length >= BURST_MAX) this.#dropped += 1;
    else this.#packets.push({ from, bytes });
    this.#schedule();
  }

  #failed(error: Error, to: Endpoint): void {
    if (this.#failures.length < BURST_MAX) this.#failures.push({ to: { ...to, name: '' }, error });
    this.#schedule();
  }

  /** What the sockets bring within one turn of the loop goes on in one batch. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#world.clock.setTimeout(() => this.#flush(), 0);
  }

  #flush(): void {
    this.#scheduled = false;
    const listener = this.#listener;
    if (listener === null) return;
    const packets = this.#packets;
    const failures = this.#failures;
    this.#packets = [];
    this.#failures = [];
    if (packets.length > 0) listener.received(packets);
    if (failures.length > 0) listener.failed(failures);
  }

  send(packets: readonly OutgoingPacket[]): void {
    for (const { to, bytes } of packets) this.#udp?.send(bytes, to);
  }

  async dial(to: Endpoint, timeoutMs: number): Promise<ByteStream> {
    return this.#world.network.connectTcp({ host: to.address, port: to.port, timeoutMs });
  }

  async close(): Promise<void> {
    this.#listener = null;
    for (const stream of this.#streams.splice(0)) stream.destroy();
    await Promise.all([this.#tcp?.close(), this.#udp?.close()]);
  }
}

type Orders = Message<'packets.send' | 'stream.open'>;

/** Pause before the sockets are tried again that could not be opened after a restart. */
const REOPEN_MS = 1_000;

type SocketTransportDeps = {
  /** Open already, so that an address that cannot be had is a refusal to start. */
  readonly transport: SocketTransport;
  /** Opens it anew at the same place, after this actor had to be started again. */
  readonly reopen: () => Promise<SocketTransport>;
  readonly clock: Clock;
  readonly log: Log;
} & (
  | { readonly pool: 'lan'; readonly post: Post<'socket-transport.lan'> }
  | { readonly pool: 'wan'; readonly post: Post<'socket-transport.wan'> }
);

/** Serves a pool over an open transport, and closes it when stopped. */
export function createSocketTransportActor(deps: SocketTransportDeps) {
  let opened: SocketTransport | undefined = deps.transport;
  const up = (
    message: Message<
      'packets.received' | 'packets.failed' | 'stream.opened' | 'stream.failed' | 'stream.accepted'
    >,
  ): void => {
    if (deps.pool === 'lan') deps.post.send('gossip.lan', message);
    else deps.post.send('gossip.wan', message);
  };
  return fromCallback<Orders>(({ receive }) => {
    let stopped = false;
    let transport: SocketTransport | undefined;
    const use = (open: SocketTransport): void => {
      if (stopped) {
        void open.close();
        return;
      }
      transport = open;
      open.listen({
        received: (packets) => up({ type: 'packets.received', packets }),
        failed: (failures) => up({ type: 'packets.failed', failures }),
        accepted: (stream) => up({ type: 'stream.accepted', stream }),
      });
    };
    const openAgain = (): void => {
      if (stopped) return;
      deps.reopen().then(use, (error: unknown) => {
        deps.log.error('the sockets cannot be opened again', { error });
        deps.clock.setTimeout(openAgain, REOPEN_MS);
      });
    };
    if (opened === undefined) openAgain();
    else use(opened);
    opened = undefined;
    receive((order) => {
      if (order.type === 'packets.send') {
        transport?.send(order.packets);
        return;
      }
      dial(transport, order).then(
        (stream) => up({ type: 'stream.opened', id: order.id, stream }),
        (error: unknown) => up({ type: 'stream.failed', id: order.id, error: toError(error) }),
      );
    });
    return () => {
      stopped = true;
      void transport?.close();
    };
  });
}

async function dial(
  transport: SocketTransport | undefined,
  { to, timeoutMs }: Message<'stream.open'>,
): Promise<ByteStream> {
  if (transport === undefined) throw new Error('the transport is being opened again');
  return transport.dial(to, timeoutMs);
}
