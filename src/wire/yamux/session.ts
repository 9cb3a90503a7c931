/**
 * A yamux session: many streams over one connection, in either role. Whatever a hostile peer sends
 * ends this session and nothing else.
 *
 * Frames that become due in one turn leave in one write. A stream's SYN leaves together with its
 * first bytes, because servers of the Consul family wait for the first byte of a stream before they
 * look at the next one.
 */

import type { ByteStream, Clock, Endpoint, TimerId, TlsFacts } from '../../world/world.ts';
import { encodeHeader, FLAG, FRAME, FrameParser, GO_AWAY, type YamuxHeader } from './frames.ts';
import { type StreamPort, YamuxStream } from './stream.ts';

/** Keepalive of both sides, milliseconds (the same in every Consul version). */
const PING_INTERVAL_MS = 30_000;
const PING_TIMEOUT_MS = 10_000;
/** A peer that does not answer our FIN is reset after this (yamux of Consul 1.13). */
const HALF_CLOSED_MAX_MS = 300_000;
/** Opened streams that the peer has not acknowledged; opening more waits. */
const UNACKNOWLEDGED_MAX = 256;
/** Callers that may wait for an acknowledgement; more are refused. */
const OPEN_WAITERS_MAX = 65_536;
/** Streams of one session; a SYN beyond it is answered with RST. */
export const STREAMS_MAX = 65_536;
/** Received bytes that all readers of a session may leave unread; beyond it the session ends. */
export const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes that a peer has not taken, of all streams together, above which `whenRoom` waits. */
export const ROOM_BYTES_MAX = 32 * 1024 * 1024;
/** Answers (pings, resets, grants) to a peer that does not read; beyond it the session ends. */
const CONTROL_BYTES_MAX = 1024 * 1024;
/** Payload of one data frame, and what one stream may send before it is another's turn. */
const FRAME_BYTES_MAX = 65_536;
/** Frames that are joined into one write. */
const WRITE_BYTES_MAX = 262_144;

export interface YamuxOptions {
  readonly connection: ByteStream;
  /** The side that dialed opens odd streams, the other one even ones. */
  readonly role: 'client' | 'server';
  readonly clock: Clock;
  /** Takes streams that the peer opens; without it they are reset. */
  readonly accepted?: (stream: ByteStream) => void;
  /** The session is over; `error` says why unless the peer just left. */
  readonly closed?: (error?: Error) => void;
}

interface OpenWaiter {
  readonly resolve: (stream: ByteStream) => void;
  readonly reject: (error: Error) => void;
}

export class YamuxSession implements StreamPort {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly tls?: TlsFacts;

  readonly #connection: ByteStream;
  readonly #options: YamuxOptions;
  readonly #parser: FrameParser;
  readonly #streams = new Map<number, YamuxStream>();
  readonly #ready = new Set<YamuxStream>();
  readonly #unopened = new Set<YamuxStream>();
  readonly #unacknowledged = new Set<number>();
  readonly #openWaiters: OpenWaiter[] = [];
  #nextId: number;
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #flushing = false;
  #blocked = false;
  #held = 0;
  #unsent = 0;
  readonly #roomWaiters = new Map<ByteStream, () => void>();
  #over = false;
  #remoteWentAway = false;
  #wentAway = false;
  #timer: TimerId | undefined;
  #pingId = 0;
  #pingPending: number | undefined;
  /** The stream that the payload now arriving is for, and whether its frame carried a FIN. */
  #target: YamuxStream | undefined;
  #targetEnds = false;

  constructor(options: YamuxOptions) {
    this.#options = options;
    this.#connection = options.connection;
    this.local = options.connection.local;
    this.remote = options.connection.remote;
    if (options.connection.tls !== undefined) this.tls = options.connection.tls;
    this.#nextId = options.role === 'client' ? 1 : 2;
    this.#parser = new FrameParser({
      frame: (header) => this.#frame(header),
      payload: (part, last) => this.#payload(part, last),
    });
    this.#timer = options.clock.setTimeout(() => this.#ping(), PING_INTERVAL_MS);
    this.#connection.listen({
      data: (chunk) => this.#parser.feed(chunk),
      end: () => this.close(),
      drain: () => this.#drained(),
      closed: (error) => this.close(error),
    });
  }

  get streamCount(): number {
    return this.#streams.size + this.#unopened.size;
  }

  /** Whether streams may be opened. */
  get open(): boolean {
    return !this.#over && !this.#remoteWentAway;
  }

  /**
   * Opens a stream; the peer hears of it with the first bytes. Waits while 256 opened streams are
   * unacknowledged. Rejects with `session shutdown` or `remote end is not accepting connections`.
   */
  openStream(): Promise<ByteStream> {
    const refusal = this.#openRefusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#unacknowledged.size + this.#unopened.size < UNACKNOWLEDGED_MAX) {
      return Promise.resolve(this.#newStream());
    }
    return new Promise((resolve, reject) => this.#openWaiters.push({ resolve, reject }));
  }

  /**
   * Calls `start` when the streams together hold less than 32 MiB that the peer has not taken: at
   * once, later, or never if `stream` ends before. For what is large and made only to be sent on it.
   */
  whenRoom(stream: ByteStream, start: () => void): void {
    if (this.#unsent < ROOM_BYTES_MAX) start();
    else this.#roomWaiters.set(stream, start);
  }

  /** Tells the peer to open no more streams; those that are open go on. */
  goAway(): void {
    if (this.#over || this.#wentAway) return;
    this.#wentAway = true;
    this.#control(FRAME.goAway, FLAG.none, 0, GO_AWAY.normal);
  }

  /** Ends the session and all its streams at once, without a frame. */
  close(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#parser.stop();
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    const shutdown = new Error('session shutdown', error === undefined ? {} : { cause: error });
    for (const waiter of this.#openWaiters.splice(0)) waiter.reject(shutdown);
    for (const stream of [...this.#streams.values(), ...this.#unopened]) stream.close(shutdown);
    this.#connection.destroy();
    this.#options.closed?.(error);
  }

  // What streams ask of their session.

  ready(stream: YamuxStream): void {
    this.#ready.add(stream);
    this.#scheduleFlush();
  }

  grant(stream: YamuxStream, bytes: number): void {
    this.#control(FRAME.windowUpdate, FLAG.none, stream.id, bytes);
  }

  reset(stream: YamuxStream): void {
    this.#control(FRAME.windowUpdate, FLAG.rst, stream.id, 0);
  }

  finished(stream: YamuxStream): void {
    this.#ready.delete(stream);
    this.#unopened.delete(stream);
    this.#roomWaiters.delete(stream);
    if (this.#target === stream) this.#target = undefined;
    if (stream.id === 0) {
      this.#admit();
      return;
    }
    this.#streams.delete(stream.id);
    this.#acknowledged(stream.id);
  }

  held(delta: number): void {
    this.#held += delta;
    if (this.#held > HELD_BYTES_MAX) {
      this.#fail(GO_AWAY.internalError, `more than ${HELD_BYTES_MAX} bytes unread`);
    }
  }

  unsent(delta: number): void {
    this.#unsent += delta;
    if (delta < 0 && this.#roomWaiters.size > 0) this.#scheduleFlush();
  }

  // Opening.

  #openRefusal(): Error | undefined {
    if (this.#over) return new Error('session shutdown');
    if (this.#remoteWentAway) return new Error('remote end is not accepting connections');
    if (this.streamCount >= STREAMS_MAX || this.#openWaiters.length >= OPEN_WAITERS_MAX) {
      return new Error('streams exhausted');
    }
    return undefined;
  }

  #newStream(): YamuxStream {
    const stream = new YamuxStream(this);
    this.#unopened.add(stream);
    return stream;
  }

  #acknowledged(id: number): void {
    if (this.#unacknowledged.delete(id)) this.#admit();
  }

  #admit(): void {
    if (this.#over || this.#unacknowledged.size + this.#unopened.size >= UNACKNOWLEDGED_MAX) return;
    const waiter = this.#openWaiters.shift();
    if (waiter !== undefined) waiter.resolve(this.#newStream());
  }

  #sendSyn(stream: YamuxStream): void {
    this.#unopened.delete(stream);
    stream.id = this.#nextId;
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    this.#unacknowledged.add(stream.id);
    this.#push(encodeHeader(FRAME.windowUpdate, FLAG.syn, stream.id, 0));
  }

  // Frames in.

  #frame(header: YamuxHeader): boolean {
    this.#target = undefined;
    if (header.version !== 0 || header.type > FRAME.goAway) {
      this.close(new Error(`invalid yamux frame: version ${header.version}, type ${header.type}`));
    } else if (header.type === FRAME.ping) this.#pinged(header);
    else if (header.type === FRAME.goAway) this.#goneAway(header.length);
    else this.#streamFrame(header);
    return !this.#over;
  }

  #pinged(header: YamuxHeader): void {
    if (header.flags & FLAG.syn) this.#control(FRAME.ping, FLAG.ack, 0, header.length);
    else if (header.length === this.#pingPending) {
      this.#pingPending = undefined;
      this.#rearm(PING_INTERVAL_MS);
    }
  }

  #goneAway(code: number): void {
    this.#remoteWentAway = true;
    if (code !== GO_AWAY.normal) this.close(new Error(`remote went away with code ${code}`));
  }

  #streamFrame(header: YamuxHeader): void {
    const { flags, streamId, length } = header;
    if (flags & FLAG.syn && !this.#accept(streamId)) return;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (flags & FLAG.ack) this.#acknowledged(streamId);
    if (flags & FLAG.fin && stream.remoteEnded) {
      this.#fail(GO_AWAY.protocolError, 'unexpected flag');
      return;
    }
    if (flags & FLAG.rst) {
      stream.close(new Error('connection reset'));
      return;
    }
    if (header.type === FRAME.windowUpdate) this.#granted(stream, length);
    else if (!this.#expectPayload(stream, length)) return;
    if (!(flags & FLAG.fin)) return;
    if (header.type === FRAME.data && length > 0) this.#targetEnds = true;
    else stream.remoteEnd();
  }

  #granted(stream: YamuxStream, delta: number): void {
    stream.sendWindow += delta;
    if (delta > 0 && stream.sendable) this.ready(stream);
  }

  #expectPayload(stream: YamuxStream, length: number): boolean {
    if (length > stream.receiveWindow) {
      this.#fail(GO_AWAY.protocolError, `receive window exceeded by stream ${stream.id}`);
      return false;
    }
    stream.receiveWindow -= length;
    this.#targetEnds = false;
    // Bytes after a FIN are nobody's.
    this.#target = stream.remoteEnded ? undefined : stream;
    return true;
  }

  #accept(streamId: number): boolean {
    if (streamId === 0 || this.#streams.has(streamId)) {
      this.#fail(GO_AWAY.protocolError, `duplicate stream ${streamId}`);
      return false;
    }
    const { accepted } = this.#options;
    if (accepted === undefined || this.#wentAway || this.#streams.size >= STREAMS_MAX) {
      this.#control(FRAME.windowUpdate, FLAG.rst, streamId, 0);
      return false;
    }
    const stream = new YamuxStream(this);
    stream.id = streamId;
    this.#streams.set(streamId, stream);
    this.#control(FRAME.windowUpdate, FLAG.ack, streamId, 0);
    accepted(stream);
    return true;
  }

  #payload(part: Buffer, last: boolean): void {
    const stream = this.#target;
    if (stream === undefined) return;
    stream.receive(part);
    if (last && this.#targetEnds && this.#target === stream) stream.remoteEnd();
  }

  #fail(code: number, text: string): void {
    if (this.#over) return;
    this.#push(encodeHeader(FRAME.goAway, FLAG.none, 0, code));
    this.#writeOut();
    this.close(new Error(text));
  }

  // Frames out.

  #control(type: number, flags: number, streamId: number, length: number): void {
    if (this.#over) return;
    this.#push(encodeHeader(type, flags, streamId, length));
    if (this.#blocked && this.#outBytes > CONTROL_BYTES_MAX) {
      this.close(new Error('peer asks for answers and does not read them'));
      return;
    }
    this.#scheduleFlush();
  }

  #push(bytes: Uint8Array): void {
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
  }

  #scheduleFlush(): void {
    if (this.#flushing || this.#blocked || this.#over) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#over && !this.#blocked) {
      this.#letIn();
      this.#collect();
      if (this.#outBytes === 0) return;
      this.#writeOut();
    }
  }

  #letIn(): void {
    for (const [stream, start] of this.#roomWaiters) {
      if (this.#unsent >= ROOM_BYTES_MAX) return;
      this.#roomWaiters.delete(stream);
      start();
    }
  }

  /** One frame of each stream in turn, until there is enough for one write. */
  #collect(): void {
    while (this.#ready.size > 0 && this.#outBytes < WRITE_BYTES_MAX) {
      for (const stream of this.#ready) {
        this.#collectFrom(stream);
        if (this.#outBytes >= WRITE_BYTES_MAX) return;
      }
    }
  }

  #collectFrom(stream: YamuxStream): void {
    // Leaving and entering again puts the stream behind the others.
    this.#ready.delete(stream);
    if (!stream.sendable) return;
    if (stream.id === 0) this.#sendSyn(stream);
    const part = stream.take(FRAME_BYTES_MAX);
    if (part !== undefined) {
      this.#push(encodeHeader(FRAME.data, FLAG.none, stream.id, part.length));
      this.#push(part);
    }
    if (stream.takeFin()) {
      stream.finishedSendingAt = this.#options.clock.monotonic();
      this.#push(encodeHeader(FRAME.windowUpdate, FLAG.fin, stream.id, 0));
    }
    if (stream.sendable) this.#ready.add(stream);
    stream.sent();
  }

  #writeOut(): void {
    const parts = this.#out;
    const bytes = this.#outBytes;
    this.#out = [];
    this.#outBytes = 0;
    const first = parts[0];
    if (first === undefined) return;
    const joined = parts.length === 1 ? first : Buffer.concat(parts, bytes);
    if (!this.#connection.write(joined)) this.#blocked = true;
  }

  #drained(): void {
    this.#blocked = false;
    this.#scheduleFlush();
  }

  // Keepalive.

  #rearm(timeoutMs: number): void {
    const { clock } = this.#options;
    if (this.#timer !== undefined) clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#ping(), timeoutMs);
  }

  #ping(): void {
    this.#timer = undefined;
    if (this.#pingPending !== undefined) {
      this.close(new Error('keepalive timeout'));
      return;
    }
    this.#resetHalfClosed();
    this.#pingPending = this.#pingId;
    this.#pingId = (this.#pingId + 1) % 0x1_0000_0000;
    this.#control(FRAME.ping, FLAG.syn, 0, this.#pingPending);
    this.#rearm(PING_TIMEOUT_MS);
  }

  #resetHalfClosed(): void {
    const before = this.#options.clock.monotonic() - HALF_CLOSED_MAX_MS;
    for (const stream of [...this.#streams.values()]) {
      const since = stream.finishedSendingAt;
      if (since !== undefined && since < before) stream.destroy(new Error('stream close timeout'));
    }
  }
}
