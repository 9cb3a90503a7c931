/**
 * The console's door: one page and two WebSockets, for this machine only.
 *
 * `/stream` feeds our page: one message every 100 ms, an array of what is new. `/` feeds Stately's
 * inspector: the same moments, one object a message, in its shapes. While nobody looks, nothing is
 * turned into text.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import ipaddr from 'ipaddr.js';
import { type WebSocket, WebSocketServer } from 'ws';
import { joinHostPort } from '../host-port.ts';
import type { Log } from '../log.ts';
import type { Clock, Endpoint } from '../world/world.ts';
import { forStately, Reader } from './reader.ts';
import type { Recorder } from './recorder.ts';
import type { ForPage, Hello, Totals } from './stream.ts';

/** Viewers at a time; more are refused with 503. */
export const VIEWERS_MAX = 8;
export const BATCH_INTERVAL_MS = 100;
/** A viewer with more unsent bytes is left out of a batch: it gets the news later, or fewer. */
export const UNSENT_BYTES_MAX = 4 * 1024 * 1024;
/** Viewers have nothing to say. */
const INCOMING_BYTES_MAX = 1024;

export interface ConsoleServerOptions {
  /** Loopback address; port 0 picks a free one. */
  readonly at: Endpoint;
  readonly clock: Clock;
  readonly log: Log;
  readonly recorder: Recorder;
  readonly page: string;
  readonly hello: Hello;
  deadLetters(): number;
}

export interface ConsoleServer {
  /** Where the page is. */
  readonly url: string;
  close(): Promise<void>;
}

export class NotLoopbackError extends Error {
  override readonly name = 'NotLoopbackError';
  constructor(address: string) {
    super(`the inspector shows everything, so it listens on loopback only, not on ${address}`);
  }
}

/** Rejects when the address is not of this machine alone, or cannot be used (`EADDRINUSE`). */
export async function listenConsole(options: ConsoleServerOptions): Promise<ConsoleServer> {
  if (!isLoopback(options.at.address)) throw new NotLoopbackError(options.at.address);
  const server = createServer((request, response) => answer(request, response, options.page));
  const sockets = new WebSocketServer({ noServer: true, maxPayload: INCOMING_BYTES_MAX });
  const viewers = new Viewers(options);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refusalOf(request, viewers.count);
    if (refusal !== null) {
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const dialect = request.url === '/stream' ? 'page' : 'stately';
    sockets.handleUpgrade(request, socket, head, (viewer) => viewers.add(viewer, dialect));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.at.port, options.at.address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    url: `http://${joinHostPort(address, port)}`,
    close: () =>
      new Promise((resolve) => {
        viewers.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}

/**
 * Loopback does not keep out the other pages in this machine's browser: those may name us by a host
 * name that they made point here, or open a WebSocket from where they are.
 */
function refusalOf(request: IncomingMessage, viewers: number): string | null {
  if (!isLocal(request.headers.host)) return '403 Forbidden';
  const { origin } = request.headers;
  if (origin !== undefined && !isLocal(hostOf(origin))) return '403 Forbidden';
  if (viewers >= VIEWERS_MAX) return '503 Service Unavailable';
  return null;
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** Whether `host[:port]` names this machine without asking anybody. */
function isLocal(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isLoopback(name);
}

/** The page loads nothing from anywhere, and may not. */
const POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self' ws:; img-src data:";

function answer(request: IncomingMessage, response: ServerResponse, page: string): void {
  const path = request.url?.split('?')[0];
  if (!isLocal(request.headers.host)) {
    response.writeHead(403).end();
  } else if (path !== '/' || (request.method !== 'GET' && request.method !== 'HEAD')) {
    response.writeHead(404).end();
  } else {
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': POLICY,
      'Cache-Control': 'no-store',
      'X-Frame-Options': 'DENY',
    });
    response.end(request.method === 'HEAD' ? undefined : page);
  }
}

interface Viewer {
  readonly socket: WebSocket;
  readonly reader: Reader;
  readonly dialect: 'page' | 'stately';
}

/** Everybody who looks, and the clock that feeds them. */
class Viewers {
  readonly #options: ConsoleServerOptions;
  readonly #viewers = new Set<Viewer>();
  #timer: ReturnType<Clock['setTimeout']> | undefined;

  constructor(options: ConsoleServerOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#viewers.size;
  }

  add(socket: WebSocket, dialect: 'page' | 'stately'): void {
    const viewer = { socket, dialect, reader: new Reader(this.#options.recorder) };
    this.#viewers.add(viewer);
    socket.on('close', () => this.#viewers.delete(viewer));
    // What a viewer does wrong closes its socket; there is nothing else to do about it.
    socket.on('error', () => socket.terminate());
    if (dialect === 'page') socket.send(JSON.stringify([this.#options.hello]));
    this.#feed(viewer);
    this.#arm();
  }

  close(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { socket } of this.#viewers) socket.terminate();
    this.#viewers.clear();
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#viewers.size === 0) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      for (const viewer of this.#viewers) this.#feed(viewer);
      this.#arm();
    }, BATCH_INTERVAL_MS);
  }

  #feed(viewer: Viewer): void {
    if (viewer.socket.bufferedAmount > UNSENT_BYTES_MAX) return;
    const { recorder } = this.#options;
    let news: ForPage[];
    try {
      news = viewer.reader.take();
    } catch (error) {
      this.#options.log.warn('the inspector could not read the house', { error });
      return;
    }
    if (viewer.dialect === 'page') {
      viewer.socket.send(JSON.stringify([...news, this.#totals(viewer)]));
    } else {
      for (const one of forStately(news, recorder)) viewer.socket.send(JSON.stringify(one));
    }
  }

  #totals({ reader }: Viewer): Totals {
    const { clock, recorder, deadLetters } = this.#options;
    return {
      type: '@mobius.totals',
      messages: recorder.messages,
      events: recorder.entries,
      deadLetters: deadLetters(),
      dropped: reader.dropped,
      untracked: recorder.untracked,
      unlisted: recorder.unlisted,
      at: clock.now(),
    };
  }
}
