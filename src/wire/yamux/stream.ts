/**
 * One stream of a yamux session, used like any other `ByteStream`. The receive window is granted
 * again only for bytes that were consumed, so a reader that pauses stops its peer and no other.
 */

import type { ByteStream, Endpoint, StreamListener, TlsFacts } from '../../world/world.ts';

/** Window of each stream and direction, bytes (the same in every Consul version). */
export const WINDOW_BYTES = 262_144;
/** Consumed bytes are granted back once they reach half of the window. */
const GRANT_BYTES = WINDOW_BYTES / 2;
/** Above this many unsent bytes `write` asks to wait for `drain`. */
const HIGH_WATER_BYTES = 65_536;
/** Unsent bytes that a stream may hold: a writer that ignores `drain` beyond it loses the stream. */
export const UNSENT_BYTES_MAX = 256 * 1024 * 1024;

/** What a stream needs of its session. */
export interface StreamPort {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly tls?: TlsFacts;
  /** The stream has bytes or a FIN to send. */
  ready(stream: YamuxStream): void;
  grant(stream: YamuxStream, bytes: number): void;
  reset(stream: YamuxStream): void;
  /** Both directions are over: the session forgets the stream. */
  finished(stream: YamuxStream): void;
  /** Change in received bytes held for readers. */
  held(delta: number): void;
  /** Change in bytes that wait to be sent. */
  unsent(delta: number): void;
}

export class YamuxStream implements ByteStream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly tls?: TlsFacts;
  /** 0 until the SYN is sent, which happens together with the first bytes. */
  id = 0;
  /** Bytes that the peer lets us send. */
  sendWindow = WINDOW_BYTES;
  /** Bytes that we let the peer send. */
  receiveWindow = WINDOW_BYTES;
  /** When our FIN went out; the session gives up on a peer that never answers it. */
  finishedSendingAt: number | undefined;

  readonly #port: StreamPort;
  #listener: StreamListener | undefined;
  #paused = true;
  #delivering = false;
  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #returnedBytes = 0;
  #consumed = 0;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #full = false;
  #ending = false;
  #finSent = false;
  #remoteEnded = false;
  #endDelivered = false;
  #gone = false;

  constructor(port: StreamPort) {
    this.#port = port;
    this.local = port.local;
    this.remote = port.remote;
    if (port.tls !== undefined) this.tls = port.tls;
  }

  get bufferedBytes(): number {
    return this.#unsentBytes;
  }

  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
    this.#paused = false;
    queueMicrotask(() => this.#deliver());
  }

  unshift(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#gone) return;
    this.#received.unshift(chunk);
    this.#returnedBytes += chunk.length;
    this.#hold(chunk.length);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#gone || this.#ending) return false;
    if (chunk.length === 0) return !this.#full;
    this.#unsent.push(chunk);
    this.#wait(chunk.length);
    if (this.#unsentBytes > UNSENT_BYTES_MAX) {
      this.destroy(new Error(`more than ${UNSENT_BYTES_MAX} bytes unsent`));
      return false;
    }
    this.#port.ready(this);
    this.#full = this.#unsentBytes > HIGH_WATER_BYTES;
    return !this.#full;
  }

  end(): void {
    if (this.#gone || this.#ending) return;
    this.#ending = true;
    this.#port.ready(this);
  }

  destroy(error?: Error): void {
    if (this.#gone) return;
    if (this.id !== 0 && !(this.#finSent && this.#remoteEnded)) this.#port.reset(this);
    this.close(error);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    queueMicrotask(() => this.#deliver());
  }

  /** Whether there is something that may be sent now: the SYN, bytes within the window, the FIN. */
  get sendable(): boolean {
    if (this.#gone) return false;
    if (this.#unsentBytes > 0) return this.sendWindow > 0;
    return this.#ending && !this.#finSent;
  }

  /** Takes up to `max` unsent bytes within the send window, for one frame; empty if none. */
  take(max: number): Uint8Array | undefined {
    const first = this.#unsent[0];
    const size = Math.min(max, this.sendWindow);
    if (first === undefined || size === 0) return undefined;
    let part = first;
    if (first.length <= size) {
      this.#unsent.shift();
    } else {
      part = first.subarray(0, size);
      this.#unsent[0] = first.subarray(size);
    }
    this.sendWindow -= part.length;
    this.#wait(-part.length);
    return part;
  }

  /** All bytes are taken and the writer has ended: the FIN is next. */
  takeFin(): boolean {
    if (!this.#ending || this.#finSent || this.#unsentBytes > 0) return false;
    this.#finSent = true;
    return true;
  }

  /** Called by the session after a round of sending. */
  sent(): void {
    if (this.#finSent && this.#remoteEnded && this.#endDelivered) this.close();
    else if (this.#full && this.#unsentBytes === 0) {
      this.#full = false;
      this.#listener?.drain?.();
    }
  }

  /** Bytes from the peer, already within the window. */
  receive(part: Uint8Array): void {
    if (this.#gone) return;
    this.#received.push(part);
    this.#hold(part.length);
    this.#deliver();
  }

  /** The peer's FIN. */
  remoteEnd(): void {
    this.#remoteEnded = true;
    this.#deliver();
  }

  /** Ends the stream without a word to the peer. */
  close(error?: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#hold(-this.#receivedBytes);
    this.#received = [];
    this.#unsent = [];
    this.#wait(-this.#unsentBytes);
    this.#port.finished(this);
    this.#listener?.closed?.(error);
  }

  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    while (!this.#paused && !this.#gone && this.#listener !== undefined) {
      const part = this.#received.shift();
      if (part === undefined) break;
      this.#hold(-part.length);
      this.#consume(part.length);
      this.#listener.data(part);
    }
    this.#delivering = false;
    this.#deliverEnd();
  }

  #deliverEnd(): void {
    if (!this.#remoteEnded || this.#endDelivered || this.#received.length > 0) return;
    if (this.#paused || this.#gone || this.#listener === undefined) return;
    this.#endDelivered = true;
    this.#listener.end?.();
    if (this.#finSent) this.close();
  }

  #consume(bytes: number): void {
    const returned = Math.min(bytes, this.#returnedBytes);
    this.#returnedBytes -= returned;
    this.#consumed += bytes - returned;
    if (this.#consumed < GRANT_BYTES || this.#remoteEnded) return;
    this.receiveWindow += this.#consumed;
    this.#port.grant(this, this.#consumed);
    this.#consumed = 0;
  }

  #hold(delta: number): void {
    this.#receivedBytes += delta;
    if (delta !== 0) this.#port.held(delta);
  }

  #wait(delta: number): void {
    this.#unsentBytes += delta;
    if (delta !== 0) this.#port.unsent(delta);
  }
}
