/** Simulated TCP: two ends, a window, half-close, resets, repetition while a path is cut. */

import { soon } from '../../microtask.ts';
import { endpointText, systemError } from '../errors.ts';
import type { ByteStream, Endpoint, StreamListener } from '../world.ts';
import type { Fabric } from './fabric.ts';

/** Bytes on their way or unread at the receiver, at most; more waits at the sender. */
const WINDOW_BYTES = 256 * 1024;

/** `write` returns false above this many waiting bytes (Node's high-water mark). */
const HIGH_WATER_BYTES = 16 * 1024;

/** First repetition of a lost segment, doubled each time up to the second (RFC 6298, Linux). */
const REPEAT_MS = 200;
const REPEAT_MAX_MS = 10_000;

/** A sender whose segments are not acknowledged gives up after this time. */
export const TCP_GIVE_UP_MS = 60_000;

/** One end's place in the world. */
export interface TcpPlace {
  /** Host name, for links and cuts. */
  readonly host: string;
  readonly endpoint: Endpoint;
}

/** What travels: bytes, the end of the bytes, or a reset. */
type Segment = Uint8Array | 'end' | 'reset';

/** Makes the two ends of an established connection. */
export function createTcpPair(
  fabric: Fabric,
  client: TcpPlace,
  server: TcpPlace,
): { client: SimulatedStream; server: SimulatedStream } {
  const a = new SimulatedStream(fabric, client, server);
  const b = new SimulatedStream(fabric, server, client);
  a.connect(b);
  b.connect(a);
  return { client: a, server: b };
}

export class SimulatedStream implements ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly here: TcpPlace;
  readonly there: TcpPlace;
  readonly #fabric: Fabric;
  readonly #localText: string;
  readonly #remoteText: string;
  #peer!: SimulatedStream;
  #listener: StreamListener | undefined;
  #paused = false;
  /** Its process is frozen, and it will turn when that ends. */
  #frozen = false;

  /** Received, not yet given to the listener. */
  #inbox: Uint8Array[] = [];
  #unreadBytes = 0;
  #endReceived = false;
  #endTold = false;

  /** Accepted from the writer, not yet on its way. */
  #outbox: Uint8Array[] = [];
  #waitingBytes = 0;
  #flyingBytes = 0;
  #endAsked = false;
  #endSent = false;
  #endArrived = false;
  #drainOwed = false;
  /** Segments keep their order: none arrives before this time. */
  #lastArrivalMs = 0;
  /** Reached a path that is cut, the oldest first. */
  #held: Segment[] = [];
  #unacknowledgedSinceMs: number | undefined;

  #error: Error | undefined;
  #gone = false;
  #vanished = false;
  #closedTold = false;
  #turnScheduled = false;

  constructor(fabric: Fabric, here: TcpPlace, there: TcpPlace) {
    this.#fabric = fabric;
    this.here = here;
    this.there = there;
    this.local = here.endpoint;
    this.remote = there.endpoint;
    this.#localText = endpointText(here.endpoint);
    this.#remoteText = endpointText(there.endpoint);
    fabric.opened(this);
  }

  connect(peer: SimulatedStream): void {
    this.#peer = peer;
  }

  /** Nothing sent from here arrives before `atMs`: the handshake comes first. */
  notBefore(atMs: number): void {
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, atMs);
  }

  get bufferedBytes(): number {
    return this.#waitingBytes;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
    this.#paused = false;
    this.#scheduleTurn();
  }

  unshift(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#inbox.unshift(chunk);
    this.#unreadBytes += chunk.length;
    this.#scheduleTurn();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#gone || this.#endAsked) return false;
    this.#outbox.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#flush();
    if (this.#waitingBytes <= HIGH_WATER_BYTES) return true;
    this.#drainOwed = true;
    return false;
  }

  end(): void {
    if (this.#gone || this.#endAsked) return;
    this.#endAsked = true;
    this.#flush();
  }

  destroy(error?: Error): void {
    if (this.#gone) return;
    // As close(2) does: a reset when something was left unread, otherwise an ordinary end.
    if (this.#unreadBytes > 0) this.#send('reset');
    else if (!this.#endSent) this.#send('end');
    this.#leave(error);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#scheduleTurn();
  }

  /** The host lost power: this end is no more, and nobody is told. */
  vanish(): void {
    this.#vanished = true;
    this.#forget();
  }

  /** The process was killed: its system closes the stream, its owner hears nothing. */
  abandon(): void {
    if (this.#gone) return;
    this.#send(this.#unreadBytes > 0 ? 'reset' : 'end');
    this.#forget();
  }

  #forget(): void {
    this.#gone = true;
    this.#closedTold = true;
    this.#listener = undefined;
    this.#fabric.closed(this);
  }

  /** Ends the stream with an error, here alone. */
  fail(error: Error): void {
    if (!this.#gone) this.#leave(error);
  }

  #leave(error: Error | undefined): void {
    this.#gone = true;
    this.#error = error;
    this.#inbox = [];
    this.#outbox = [];
    this.#unreadBytes = 0;
    this.#waitingBytes = 0;
    this.#fabric.closed(this);
    this.#scheduleTurn();
  }

  #flush(): void {
    while (this.#outbox.length > 0) {
      const room = WINDOW_BYTES - this.#flyingBytes - this.#peer.#unreadBytes;
      const first = this.#outbox[0] as Uint8Array;
      if (room <= 0) return;
      const chunk = this.#cutToSend(first, room);
      if (chunk.length === first.length) this.#outbox.shift();
      else this.#outbox[0] = first.subarray(chunk.length);
      this.#waitingBytes -= chunk.length;
      this.#flyingBytes += chunk.length;
      this.#send(chunk);
    }
    if (this.#endAsked && !this.#endSent) {
      this.#endSent = true;
      this.#send('end');
    }
  }

  #cutToSend(chunk: Uint8Array, room: number): Uint8Array {
    const { random, links } = this.#fabric;
    const { split } = links.between(this.here.host, this.there.host);
    const whole = chunk.length <= room ? chunk : chunk.subarray(0, room);
    if (whole.length < 2 || !random.chance(split)) return whole;
    return whole.subarray(0, 1 + (random.uint32() % (whole.length - 1)));
  }

  #send(segment: Segment): void {
    const { timeline, links, random } = this.#fabric;
    const { latencyMs, loss } = links.between(this.here.host, this.there.host);
    let delayMs = random.between(latencyMs[0], latencyMs[1]);
    for (let repeatMs = REPEAT_MS; repeatMs < REPEAT_MAX_MS && random.chance(loss); repeatMs *= 2) {
      delayMs += repeatMs;
    }
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, timeline.nowMs + delayMs);
    timeline.at(this.#lastArrivalMs, () => this.#arrive(segment));
  }

  /** A segment reaches the other host, unless those before it have not: then it waits its turn. */
  #arrive(segment: Segment): void {
    if (this.#held.length === 0 && !this.#cut()) {
      this.#delivered(segment);
      return;
    }
    this.#held.push(segment);
    if (this.#held.length === 1) this.#deliver(REPEAT_MS);
  }

  #cut(): boolean {
    return this.#fabric.links.isCut(this.here.host, this.there.host);
  }

  /** What waits reaches the other host in order, or is repeated while the path is cut. */
  #deliver(repeatMs: number): void {
    const { timeline } = this.#fabric;
    if (this.#cut()) {
      if (this.#gaveUp()) return;
      const againMs = timeline.nowMs + repeatMs;
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, againMs);
      timeline.at(againMs, () => this.#deliver(Math.min(2 * repeatMs, REPEAT_MAX_MS)));
      return;
    }
    for (const segment of this.#held.splice(0)) this.#delivered(segment);
  }

  #delivered(segment: Segment): void {
    const { timeline, trace } = this.#fabric;
    const kind = typeof segment === 'string' ? `tcp ${segment}` : 'tcp data';
    const content = typeof segment === 'string' ? undefined : segment;
    trace.note(timeline.nowMs, kind, this.#localText, this.#remoteText, content);
    this.#peer.#receive(segment);
    this.#acknowledged(segment, REPEAT_MS);
  }

  /** The acknowledgement travels with no delay of its own, but not over a cut path. */
  #acknowledged(segment: Segment, repeatMs: number): void {
    const { timeline, links } = this.#fabric;
    if (links.isCut(this.there.host, this.here.host)) {
      if (this.#gaveUp()) return;
      const next = Math.min(2 * repeatMs, REPEAT_MAX_MS);
      timeline.after(repeatMs, () => this.#acknowledged(segment, next));
      return;
    }
    this.#unacknowledgedSinceMs = undefined;
    if (segment === 'end') this.#endArrived = true;
    if (typeof segment !== 'string') this.#flyingBytes -= segment.length;
    this.#windowMoved();
  }

  #gaveUp(): boolean {
    if (this.#vanished) return true;
    const { nowMs } = this.#fabric.timeline;
    this.#unacknowledgedSinceMs ??= nowMs;
    if (nowMs - this.#unacknowledgedSinceMs < TCP_GIVE_UP_MS) return false;
    this.fail(systemError('ETIMEDOUT', `read tcp ${this.#path()}`));
    return true;
  }

  #windowMoved(): void {
    if (this.#gone) return;
    this.#flush();
    if (this.#drainOwed && this.#waitingBytes === 0) {
      this.#drainOwed = false;
      this.#listener?.drain?.();
    }
    this.#closeWhenDone();
  }

  #receive(segment: Segment): void {
    if (this.#gone) {
      // Nobody is here: the host answers data with a reset.
      if (typeof segment !== 'string') this.#send('reset');
    } else if (segment === 'reset') {
      this.#leave(systemError('ECONNRESET', `read tcp ${this.#path()}`));
    } else if (segment === 'end') {
      this.#endReceived = true;
      this.#turn();
    } else {
      this.#inbox.push(segment);
      this.#unreadBytes += segment.length;
      this.#turn();
    }
  }

  #path(): string {
    return `${this.#localText}->${this.#remoteText}`;
  }

  /** Never from within the caller, who has just begun to listen and is not ready yet. */
  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    soon(() => {
      this.#turnScheduled = false;
      this.#turn();
    });
  }

  /** Tells the listener what it may know now, or as soon as its process goes on. */
  #turn(): void {
    const { timeline } = this.#fabric;
    const thawMs = this.#fabric.thawMs(this.here.host);
    if (thawMs > timeline.nowMs) {
      if (!this.#frozen) timeline.at(thawMs, () => this.#thaw());
      this.#frozen = true;
      return;
    }
    let read = 0;
    while (this.#listener && !this.#paused && !this.#gone) {
      const chunk = this.#inbox.shift();
      if (!chunk) break;
      this.#unreadBytes -= chunk.length;
      read += chunk.length;
      this.#listener.data(chunk);
    }
    if (read > 0) this.#peer.#windowMoved();
    if (this.#gone) this.#tellClosed();
    else this.#tellEnd();
  }

  #thaw(): void {
    this.#frozen = false;
    this.#turn();
  }

  #tellEnd(): void {
    if (!this.#endReceived || this.#endTold) return;
    if (!this.#listener || this.#paused || this.#inbox.length > 0) return;
    this.#endTold = true;
    this.#listener.end?.();
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#endTold && this.#endArrived && !this.#gone) this.#leave(undefined);
  }

  #tellClosed(): void {
    if (this.#closedTold || !this.#listener) return;
    this.#closedTold = true;
    this.#listener.closed?.(this.#error);
  }
}
