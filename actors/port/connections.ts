/**
 * The connections that the server port has accepted and not handed over yet, each with its
 * `connection` machine, and the count of those that were handed over and are still open.
 */

import { type AnyActorRef, createActor } from 'xstate';
import { connectionMachine } from '../../machines/port/connection.ts';
import type {
  ConnectionEvent,
  PortProtocol,
  PortRules,
  TlsMode,
} from '../../machines/port/connection.types.ts';
import type { Post } from '../../machines/routes.ts';
import { textOf } from '../../src/error-text.ts';
import type { Log } from '../../src/log.ts';
import { receivePackets } from '../../src/port/packet-link.ts';
import { RefusalLog } from '../../src/port/refusal-log.ts';
import { WatchedStream } from '../../src/port/watched-stream.ts';
import type { TlsConfigurator } from '../../src/tls/configurator.ts';
import type {
  ByteStream,
  Clock,
  Network,
  TimerId,
  TlsServerOptions,
} from '../../src/world/world.ts';

/** Connections that may wait to be sorted; more are closed at once. */
export const UNSORTED_MAX = 4_096;
/** Covers first byte, TLS handshake and inner byte (`limits.rpc_handshake_timeout`). */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** `limits.rpc_max_conns_per_client`. */
export const PER_CLIENT_MAX = 100;

/** Where RPC connections go. */
export interface RpcDoor {
  serveSingle(stream: ByteStream): void;
  serveMulti(stream: ByteStream): void;
  /** For peers that have shown no certificate, whatever the settings demand. */
  serveInsecure(stream: ByteStream): void;
}

/** Counts since the start, but for the two that say how many are there now. */
export interface PortCounts {
  accepted: number;
  refused: number;
  unsortedNow: number;
  openNow: number;
  handedOver: Record<PortProtocol, number>;
}

export function createPortCounts(): PortCounts {
  return {
    accepted: 0,
    refused: 0,
    unsortedNow: 0,
    openNow: 0,
    handedOver: {
      'rpc-single': 0,
      raft: 0,
      'rpc-multi': 0,
      'rpc-insecure': 0,
      snapshot: 0,
      'gossip-packet': 0,
      'gossip-stream': 0,
    },
  };
}

export interface PortConnectionsOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly post: Post<'alpn-listener'>;
  readonly tls: TlsConfigurator;
  readonly rpc: RpcDoor;
  readonly gossip: 'taken' | 'refused';
  readonly perClientMax?: number;
  readonly handshakeTimeoutMs?: number;
  readonly counts: PortCounts;
  /** The actor that the connections' machines are children of. */
  readonly parent: AnyActorRef;
}

interface Unsorted {
  stream: ByteStream;
  /** What was read and not given back yet; its first byte is the one that was judged. */
  head: Uint8Array | undefined;
  /** Whether the peer had to show a certificate. */
  authenticated: boolean;
  /** What was handed over in its place. */
  watched: WatchedStream | undefined;
  readonly send: (event: ConnectionEvent) => void;
  readonly timer: TimerId;
}

export class PortConnections {
  readonly #options: PortConnectionsOptions;
  readonly #machine: typeof connectionMachine;
  readonly #refusals: RefusalLog;
  readonly #unsorted = new Map<number, Unsorted>();
  readonly #open = new Set<WatchedStream>();
  readonly #openByClient = new Map<string, number>();
  #nextId = 1;

  constructor(options: PortConnectionsOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options.log, options.clock);
    this.#machine = connectionMachine.provide({
      actions: {
        sniff: (_, { id }) => this.#with(id, (connection) => this.#sniff(connection)),
        startTls: (_, { id, mode }) =>
          this.#with(id, (connection) => void this.#startTls(id, connection, mode)),
        handOver: (_, { id, protocol }) =>
          this.#with(id, (connection) => this.#handOver(id, connection, protocol)),
        refuse: (_, { id, reason }) =>
          this.#with(id, (connection) => this.#refuse(id, connection, reason)),
        forget: (_, { id }) => this.#with(id, (connection) => this.#drop(id, connection)),
      },
    });
  }

  accept(stream: ByteStream): void {
    const { counts, clock } = this.#options;
    counts.accepted += 1;
    if (this.#unsorted.size >= UNSORTED_MAX) {
      counts.refused += 1;
      this.#refusals.refused(stream.remote, `${UNSORTED_MAX} connections wait to be sorted`);
      stream.destroy();
      return;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const actor = createActor(this.#machine, {
      input: { id, rules: this.#rules() },
      parent: this.#options.parent,
      id: 'connection',
    });
    // Its machine has ended once it is sorted; streams and handshakes may still have news.
    const send = (event: ConnectionEvent): void => {
      if (this.#unsorted.has(id)) actor.send(event);
    };
    const timer = clock.setTimeout(
      () => send({ type: 'deadline.passed' }),
      this.#options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
    );
    this.#unsorted.set(id, {
      stream,
      head: undefined,
      authenticated: false,
      watched: undefined,
      send,
      timer,
    });
    counts.unsortedNow = this.#unsorted.size;
    actor.start();
  }

  /** Drops everything, handed over or not. */
  close(): void {
    for (const connection of [...this.#unsorted.values()]) connection.send({ type: 'peer.left' });
    for (const stream of [...this.#open]) stream.destroy();
  }

  #rules(): PortRules {
    const { tls, gossip, perClientMax } = this.#options;
    const timeoutMs = HANDSHAKE_TIMEOUT_MS;
    return {
      nativeTls: tls.mutualTlsCapable(),
      typeByteTls: tls.incomingRpc(timeoutMs) !== undefined,
      refusesPlaintext: tls.refusesPlaintext(),
      takesGossip: gossip === 'taken',
      perClientMax: perClientMax ?? PER_CLIENT_MAX,
    };
  }

  #with(id: number, act: (connection: Unsorted) => void): void {
    const connection = this.#unsorted.get(id);
    if (connection !== undefined) act(connection);
  }

  #sniff(connection: Unsorted): void {
    const { stream, send } = connection;
    stream.listen({
      data: (chunk) => {
        const [byte] = chunk;
        if (byte === undefined) return;
        stream.pause();
        connection.head = chunk;
        send({
          type: 'byte.seen',
          byte,
          fromSameClient: this.#countOf(addressKey(stream)),
          ...this.#raftRefusal(connection),
        });
      },
      end: () => send({ type: 'peer.left' }),
      closed: (error) => {
        if (connection.watched === undefined) send({ type: 'peer.left' });
        else connection.watched.lost(error);
      },
    });
  }

  async #startTls(id: number, connection: Unsorted, mode: TlsMode): Promise<void> {
    const { tls, network } = this.#options;
    const timeoutMs = this.#options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    const options = tlsOptions(tls, mode, timeoutMs);
    if (options === undefined) {
      connection.send({ type: 'tls.failed', text: 'there is no certificate any more' });
      return;
    }
    giveBack(connection, mode === 'native' ? 0 : 1);
    try {
      const secure = await network.tlsServer(connection.stream, options);
      if (!this.#unsorted.has(id)) {
        secure.destroy();
        return;
      }
      connection.stream = secure;
      connection.authenticated = options.clientCertificate === 'require';
      connection.send({
        type: 'tls.established',
        alpn: secure.tls?.alpn ?? null,
        fromSameClient: this.#countOf(clientKey(secure)),
        ...this.#raftRefusal(connection),
      });
    } catch (error) {
      const text = textOf(error);
      connection.send({ type: 'tls.failed', text });
    }
  }

  #raftRefusal(connection: Unsorted): { readonly raftRefusal?: string } {
    const facts = connection.stream.tls;
    if (facts === undefined || !connection.authenticated) return {};
    const raftRefusal = this.#options.tls.raftRefusal(facts);
    return raftRefusal === undefined ? {} : { raftRefusal };
  }

  #handOver(id: number, connection: Unsorted, protocol: PortProtocol | null): void {
    if (protocol === null) throw new Error(`connection ${id} handed over without a protocol`);
    const { counts } = this.#options;
    giveBack(connection, 1);
    this.#settle(id, connection);
    const counted = protocol !== 'gossip-packet' && protocol !== 'gossip-stream';
    const key = clientKey(connection.stream);
    if (counted) this.#openByClient.set(key, this.#countOf(key) + 1);
    const stream = new WatchedStream(connection.stream, () => {
      this.#open.delete(stream);
      counts.openNow = this.#open.size;
      if (counted) this.#countDown(key);
    });
    connection.watched = stream;
    this.#open.add(stream);
    counts.openNow = this.#open.size;
    counts.handedOver[protocol] += 1;
    this.#dispatch(stream, protocol);
  }

  #dispatch(stream: ByteStream, protocol: PortProtocol): void {
    const { rpc, post } = this.#options;
    switch (protocol) {
      case 'rpc-single':
        rpc.serveSingle(stream);
        break;
      case 'rpc-multi':
        rpc.serveMulti(stream);
        break;
      case 'rpc-insecure':
        rpc.serveInsecure(stream);
        break;
      case 'raft':
        post.send('raft', { type: 'raft.accepted', stream });
        break;
      case 'snapshot':
        post.send('server', { type: 'snapshot.accepted', stream });
        break;
      case 'gossip-stream':
        post.send('wanfed-transport', { type: 'stream.accepted', stream });
        break;
      case 'gossip-packet':
        this.#receivePackets(stream);
        break;
      default:
        protocol satisfies never;
    }
  }

  #receivePackets(stream: ByteStream): void {
    const { clock, post } = this.#options;
    const from = stream.remote;
    receivePackets({
      stream,
      clock,
      received: (packets) =>
        post.send('wanfed-transport', {
          type: 'packets.received',
          packets: packets.map((bytes) => ({ from, bytes })),
        }),
      failed: (text) => this.#refusals.refused(from, text),
    });
  }

  #refuse(id: number, connection: Unsorted, reason: string): void {
    this.#options.counts.refused += 1;
    this.#refusals.refused(connection.stream.remote, reason);
    this.#drop(id, connection);
  }

  #drop(id: number, connection: Unsorted): void {
    this.#settle(id, connection);
    connection.stream.destroy();
  }

  #settle(id: number, connection: Unsorted): void {
    this.#unsorted.delete(id);
    this.#options.counts.unsortedNow = this.#unsorted.size;
    this.#options.clock.clearTimeout(connection.timer);
  }

  #countOf(key: string): number {
    return this.#openByClient.get(key) ?? 0;
  }

  #countDown(key: string): void {
    const left = this.#countOf(key) - 1;
    if (left > 0) this.#openByClient.set(key, left);
    else this.#openByClient.delete(key);
  }
}

/** Puts back what was read beyond the first `consumed` bytes. */
function giveBack(connection: Unsorted, consumed: number): void {
  const { head, stream } = connection;
  connection.head = undefined;
  if (head !== undefined && head.length > consumed) stream.unshift(head.subarray(consumed));
}

function tlsOptions(
  tls: TlsConfigurator,
  mode: TlsMode,
  timeoutMs: number,
): TlsServerOptions | undefined {
  if (mode === 'native') return tls.incomingAlpn(timeoutMs);
  return mode === 'insecure' ? tls.incomingInsecure(timeoutMs) : tls.incomingRpc(timeoutMs);
}

/** Through gateways everybody has one address; only there the certificate tells who it is. */
const clientKey = (stream: ByteStream): string =>
  (stream.tls?.alpn ?? null) === null ? addressKey(stream) : certificateKey(stream);

const addressKey = (stream: ByteStream): string => `address ${stream.remote.address}`;

const certificateKey = (stream: ByteStream): string =>
  `certificate ${stream.tls?.peer?.fingerprint ?? 'none'}`;
