/**
 * The streams of a pool: each carries one exchange, is sealed with the pool's keys and closed when
 * both sides have said what they had to say, or when their time is over.
 */

import type { ExchangeAnswer, ExchangeOrder } from '../../machines/gossip/effects.ts';
import type { GossipPeer } from '../../machines/routes/gossip.ts';
import type { KeyRing } from '../../src/wire/gossip/keyring.ts';
import { NONCE_BYTES } from '../../src/wire/gossip/seal.ts';
import {
  encodeStreamMessage,
  type StreamMessage,
  StreamParser,
  wrapStream,
} from '../../src/wire/gossip/stream.ts';
import type { ByteStream, Endpoint, TimerId, World } from '../../src/world/world.ts';

/** Exchanges that peers have open at a time; further streams are closed without a word. */
export const SERVED_MAX = 127;

export interface ExchangeRules {
  readonly label: string;
  readonly incomingPlaintext: 'refuse' | 'accept';
  readonly outgoing: 'encrypt' | 'plaintext';
  readonly compression: 'on' | 'off';
  /** For a whole exchange of a peer. */
  readonly streamTimeoutMs: number;
}

/** Who hears of the outcomes. */
export interface ExchangeListener {
  answered(id: number, message: StreamMessage): void;
  failed(id: number, error: string): void;
  /** A peer wants something; `answer` with the same id ends it. */
  requested(id: number, from: Endpoint, message: StreamMessage): void;
  /** A peer said what cannot be understood. */
  refused(from: Endpoint, error: string): void;
  /** Asks the transport for a stream; `use` or `fail` follows. */
  open(id: number, to: GossipPeer, timeoutMs: number): void;
}

interface Outgoing {
  readonly order: ExchangeOrder;
  readonly timer: TimerId;
  stream: ByteStream | null;
}

interface Served {
  readonly stream: ByteStream;
  readonly timer: TimerId;
  readonly keyRing: KeyRing;
}

export class Exchanges {
  readonly #world: World;
  readonly #rules: ExchangeRules;
  readonly #listener: ExchangeListener;
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #served = new Map<number, Served>();
  #servedIds = 0;

  constructor(world: World, rules: ExchangeRules, listener: ExchangeListener) {
    this.#world = world;
    this.#rules = rules;
    this.#listener = listener;
  }

  /** Exchanges in progress. */
  get size(): number {
    return this.#outgoing.size + this.#served.size;
  }

  start(order: ExchangeOrder): void {
    const expire = (): void => this.fail(order.id, 'i/o timeout');
    const timer = this.#world.clock.setTimeout(expire, order.timeoutMs);
    this.#outgoing.set(order.id, { order, timer, stream: null });
    this.#listener.open(order.id, order.to, order.timeoutMs);
  }

  /** The transport has opened the stream of an exchange. */
  use(id: number, stream: ByteStream, keyRing: KeyRing): void {
    const exchange = this.#outgoing.get(id);
    if (exchange === undefined) {
      stream.destroy();
      return;
    }
    exchange.stream = stream;
    const parser = this.#parser('acceptor', keyRing);
    stream.listen({
      data: (chunk) => {
        const progress = parser.feed(chunk);
        if (progress.state === 'done') this.#answered(id, progress.message);
        else if (progress.state === 'failed') this.fail(id, progress.error);
      },
      end: () => this.fail(id, 'EOF'),
      closed: (error) => this.fail(id, error?.message ?? 'EOF'),
    });
    stream.write(this.#wrap(exchange.order.bytes, 'dialer', keyRing));
  }

  /** The exchange cannot be brought to an end. */
  fail(id: number, error: string): void {
    if (this.#close(id)) this.#listener.failed(id, error);
  }

  #answered(id: number, message: StreamMessage): void {
    if (this.#close(id)) this.#listener.answered(id, message);
  }

  #close(id: number): boolean {
    const exchange = this.#outgoing.get(id);
    if (exchange === undefined) return false;
    this.#outgoing.delete(id);
    this.#world.clock.clearTimeout(exchange.timer);
    exchange.stream?.destroy();
    return true;
  }

  /** Serves a stream that a peer has opened. */
  serve(stream: ByteStream, keyRing: KeyRing): void {
    if (this.#served.size >= SERVED_MAX) {
      stream.destroy();
      return;
    }
    this.#servedIds += 1;
    const id = this.#servedIds;
    const end = (): void => this.#endServed(id);
    const timer = this.#world.clock.setTimeout(end, this.#rules.streamTimeoutMs);
    this.#served.set(id, { stream, timer, keyRing });
    const parser = this.#parser('dialer', keyRing);
    let heard = false;
    stream.listen({
      data: (chunk) => {
        if (heard) return;
        const progress = parser.feed(chunk);
        if (progress.state === 'incomplete') return;
        heard = true;
        if (progress.state === 'done') {
          this.#listener.requested(id, stream.remote, progress.message);
        } else this.#refuse(id, progress.error, progress.tell);
      },
      end: () => {
        if (!heard) end();
      },
      closed: end,
    });
  }

  /** Says what there is to say to a peer, and closes after it. */
  answer(answer: ExchangeAnswer): void {
    const served = this.#served.get(answer.id);
    if (served === undefined) return;
    if (answer.bytes === null) this.#endServed(answer.id);
    else this.#sayLast(served, answer.bytes);
  }

  #refuse(id: number, error: string, tell: boolean): void {
    const served = this.#served.get(id);
    if (served === undefined) return;
    this.#listener.refused(served.stream.remote, error);
    if (!tell) this.#endServed(id);
    else this.#sayLast(served, encodeStreamMessage({ kind: 'err', text: error }));
  }

  /** The stream ends when the peer has closed too, or when its time is over. */
  #sayLast(served: Served, bytes: Buffer): void {
    served.stream.write(this.#wrap(bytes, 'acceptor', served.keyRing));
    served.stream.end();
  }

  #endServed(id: number): void {
    const served = this.#served.get(id);
    if (served === undefined) return;
    this.#served.delete(id);
    this.#world.clock.clearTimeout(served.timer);
    served.stream.destroy();
  }

  /** Drops everything. */
  stop(): void {
    for (const id of [...this.#outgoing.keys()]) this.#close(id);
    for (const id of [...this.#served.keys()]) this.#endServed(id);
  }

  #parser(peer: 'dialer' | 'acceptor', keyRing: KeyRing): StreamParser {
    const { label, incomingPlaintext } = this.#rules;
    return new StreamParser({ label, peer, keys: keyRing.keys, plaintext: incomingPlaintext });
  }

  #wrap(plain: Buffer, side: 'dialer' | 'acceptor', keyRing: KeyRing): Buffer {
    const { label, compression, outgoing } = this.#rules;
    const key = outgoing === 'encrypt' ? keyRing.keys[0] : undefined;
    return wrapStream(plain, {
      label,
      side,
      compression: compression === 'on' ? 'always' : 'never',
      seal: key === undefined ? null : { key, nonce: this.#world.random.bytes(NONCE_BYTES) },
    });
  }
}
