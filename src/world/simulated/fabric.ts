/** The network between simulated hosts: who is where, and what is open. */

import { endpointText, systemError } from '../errors.ts';
import type {
  ByteStream,
  ConnectOptions,
  Endpoint,
  Listener,
  UdpListener,
  UdpSocket,
} from '../world.ts';
import { type HostSelection, type LinkSettings, Links, selects } from './links.ts';
import type { SeededRandom } from './random.ts';
import { createTcpPair, type SimulatedStream } from './tcp.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** An address of a host in one network segment; equal addresses may exist in two segments. */
export interface Placed {
  readonly address: string;
  readonly segment: string;
}

/** A host as the network sees it. */
export interface Station {
  readonly name: string;
  readonly places: readonly Placed[];
  readonly tcp: Map<number, TcpPort[]>;
  readonly udp: Map<number, UdpPort[]>;
  /** Number of the process that runs on it now. */
  process: number;
  /** Until then the process does nothing. */
  frozenUntilMs: number;
}

interface TcpPort {
  readonly address: string;
  accepted(stream: ByteStream): void;
}

interface UdpPort {
  readonly address: string;
  readonly listener: UdpListener;
}

/** IPv4 payload limit of a datagram. */
const DATAGRAM_MAX_BYTES = 65_507;

const EPHEMERAL_PORT_FIRST = 32_768;
const PORT_MAX = 65_535;

/** First repetition of a connection request, doubled each time (Linux). */
const SYN_REPEAT_MS = 1000;

interface Route {
  readonly station: Station;
  /** The sender's address in the segment that the destination was found in. */
  readonly source: string;
}

export class Fabric {
  readonly timeline: Timeline;
  readonly trace: Trace;
  readonly random: SeededRandom;
  readonly links: Links;
  readonly #stations: Station[] = [];
  readonly #byName = new Map<string, Station>();
  readonly #streams = new Set<SimulatedStream>();
  readonly #names = new Map<string, readonly string[]>();
  readonly #nextPort = new Map<Station, number>();

  constructor(
    timeline: Timeline,
    trace: Trace,
    random: SeededRandom,
    settings: Partial<LinkSettings>,
  ) {
    this.timeline = timeline;
    this.trace = trace;
    this.random = random;
    this.links = new Links(random, settings);
  }

  add(station: Station): void {
    for (const place of station.places) {
      const taken = this.#stations.find((s) => s.places.some((p) => samePlace(p, place)));
      if (taken) throw new Error(`${place.address} belongs to ${taken.name} already`);
    }
    this.#stations.push(station);
    this.#byName.set(station.name, station);
  }

  /** When the process of a host goes on; in the past if it is not frozen. */
  thawMs(host: string): number {
    return this.#byName.get(host)?.frozenUntilMs ?? 0;
  }

  name(host: string, addresses: readonly string[]): void {
    this.#names.set(host, addresses);
  }

  opened(stream: SimulatedStream): void {
    this.#streams.add(stream);
  }

  closed(stream: SimulatedStream): void {
    this.#streams.delete(stream);
  }

  /** Streams of a host, or between two selections of hosts. */
  streams(from: HostSelection, to: HostSelection = '*'): SimulatedStream[] {
    return [...this.#streams].filter(
      (stream) => selects(from, stream.here.host) && selects(to, stream.there.host),
    );
  }

  listenTcp(
    station: Station,
    at: Endpoint,
    accepted: (stream: ByteStream) => void,
  ): Promise<Listener> {
    return this.#attempt(station, () => {
      const port = this.#claim(station, station.tcp, at, `listen tcp ${endpointText(at)}`);
      const open: TcpPort = { address: at.address, accepted };
      add(station.tcp, port, open);
      return {
        endpoint: { address: at.address, port },
        close: async () => remove(station.tcp, port, open),
      };
    });
  }

  bindUdp(station: Station, at: Endpoint, listener: UdpListener): Promise<UdpSocket> {
    return this.#attempt(station, () => {
      const port = this.#claim(station, station.udp, at, `listen udp ${endpointText(at)}`);
      const open: UdpPort = { address: at.address, listener };
      add(station.udp, port, open);
      const endpoint = { address: at.address, port };
      return {
        endpoint,
        send: (datagram, to) => {
          if (station.udp.get(port)?.includes(open))
            this.#sendUdp(station, open, port, datagram, to);
        },
        close: async () => remove(station.udp, port, open),
      };
    });
  }

  async connectTcp(station: Station, options: ConnectOptions): Promise<ByteStream> {
    const [address = options.host] = await this.resolve(station, options.host);
    const to = { address, port: options.port };
    const attempt = `dial tcp ${endpointText({ ...to, address: options.host })}`;
    const caller = station.process;
    return new Promise((resolve, reject) => {
      let open = true;
      const settle = (outcome: () => void): void => {
        if (!open) return;
        open = false;
        this.timeline.cancel(timer);
        outcome();
      };
      const timer = this.timeline.after(options.timeoutMs, () =>
        settle(() => reject(systemError('ETIMEDOUT', attempt))),
      );
      this.#knock(station, to, options.sourceAddress, SYN_REPEAT_MS, {
        wanted: () => open && station.process === caller,
        opened: (stream) => settle(() => resolve(stream)),
        refused: (code) =>
          settle(() =>
            reject(systemError(code, code === 'ECONNREFUSED' ? `${attempt}: connect` : attempt)),
          ),
      });
    });
  }

  async resolve(station: Station, host: string): Promise<readonly string[]> {
    if (/^[\d.]+$/.test(host) || host.includes(':')) return [host];
    if (host === 'localhost') return ['127.0.0.1'];
    const named = this.#names.get(host);
    if (named) return named;
    const places = this.#stations.find((other) => other.name === host)?.places ?? [];
    const near = places.filter((p) => station.places.some((own) => own.segment === p.segment));
    if (near.length === 0) throw systemError('ENOTFOUND', `lookup ${host}`);
    return near.map((place) => place.address);
  }

  /** Where `address` leads from `station`; undefined when no segment of its has it. */
  #route(station: Station, address: string): Route | undefined {
    if (isLoopback(address) || address === '0.0.0.0') return { station, source: address };
    for (const own of station.places) {
      const wanted = { address, segment: own.segment };
      const found = this.#stations.find((s) => s.places.some((p) => samePlace(p, wanted)));
      if (found) return { station: found, source: found === station ? address : own.address };
    }
    return undefined;
  }

  #knock(
    station: Station,
    to: Endpoint,
    sourceAddress: string | undefined,
    repeatMs: number,
    dial: {
      wanted(): boolean;
      opened(stream: ByteStream): void;
      refused(code: string): void;
    },
  ): void {
    const { timeline, links } = this;
    if (!dial.wanted()) return;
    const route = this.#route(station, to.address);
    const again = (): void => this.#knock(station, to, sourceAddress, 2 * repeatMs, dial);
    if (!route || links.isCut(station.name, route.station.name)) {
      timeline.after(repeatMs, again);
      return;
    }
    const there = route.station.name;
    if (this.random.chance(links.between(station.name, there).loss)) {
      timeline.after(repeatMs, again);
      return;
    }
    timeline.after(links.delayMs(station.name, there), () => {
      if (!dial.wanted()) return;
      const port = find(route.station.tcp, to);
      const backMs = links.delayMs(there, station.name);
      if (links.isCut(there, station.name)) {
        timeline.after(repeatMs, again);
        return;
      }
      if (!port) {
        timeline.after(backMs, () => dial.refused('ECONNREFUSED'));
        return;
      }
      const source = sourceAddress ?? route.source;
      const from = { address: source, port: this.#freePort(station, station.tcp) };
      this.trace.note(timeline.nowMs, 'tcp open', endpointText(from), endpointText(to));
      const pair = createTcpPair(
        this,
        { host: station.name, endpoint: from },
        { host: there, endpoint: to },
      );
      const openedMs = timeline.nowMs + backMs;
      pair.server.notBefore(openedMs);
      timeline.at(openedMs, () => {
        if (dial.wanted()) dial.opened(pair.client);
        else pair.client.destroy();
      });
      port.accepted(pair.server);
    });
  }

  #sendUdp(
    station: Station,
    open: UdpPort,
    port: number,
    datagram: Uint8Array,
    to: Endpoint,
  ): void {
    if (datagram.length > DATAGRAM_MAX_BYTES) {
      const error = systemError('EMSGSIZE', `write udp ${endpointText(to)}`);
      queueMicrotask(() => open.listener.failed?.(error, to));
      return;
    }
    const route = this.#route(station, to.address);
    if (!route) return;
    const { links, random } = this;
    const there = route.station.name;
    const { loss, duplicate } = links.between(station.name, there);
    const anywhere = open.address === '0.0.0.0' || open.address === '::';
    const from = { address: anywhere ? route.source : open.address, port };
    const copies = random.chance(loss) ? 0 : random.chance(duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const content = datagram.slice();
      this.timeline.after(links.delayMs(station.name, there), () => {
        if (links.isCut(station.name, there)) return;
        this.trace.note(this.timeline.nowMs, 'udp', endpointText(from), endpointText(to), content);
        find(route.station.udp, to)?.listener.received(content, from);
      });
    }
  }

  /** A process that has died meanwhile opens nothing, in the place of the next one. */
  #attempt<T>(station: Station, run: () => T): Promise<T> {
    const { process } = station;
    return new Promise((resolve, reject) => {
      this.timeline.after(0, () => {
        if (station.process !== process) return;
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Checks that `at` can be opened, and gives its port. */
  #claim<T extends { readonly address: string }>(
    station: Station,
    ports: Map<number, T[]>,
    at: Endpoint,
    attempt: string,
  ): number {
    const own = station.places.some((place) => place.address === at.address);
    if (!own && !isLoopback(at.address) && !isAny(at.address)) {
      throw systemError('EADDRNOTAVAIL', `${attempt}: bind`);
    }
    if (at.port === 0) return this.#freePort(station, ports);
    const taken = ports.get(at.port)?.some((o) => overlaps(o.address, at.address));
    if (taken) throw systemError('EADDRINUSE', `${attempt}: bind`);
    return at.port;
  }

  #freePort(station: Station, ports: Map<number, unknown[]>): number {
    for (let tries = 0; tries <= PORT_MAX - EPHEMERAL_PORT_FIRST; tries++) {
      const port = this.#nextPort.get(station) ?? EPHEMERAL_PORT_FIRST;
      this.#nextPort.set(station, port === PORT_MAX ? EPHEMERAL_PORT_FIRST : port + 1);
      if (!ports.has(port)) return port;
    }
    throw systemError('EADDRNOTAVAIL', `no free port on ${station.name}`);
  }
}

function samePlace(a: Placed, b: Placed): boolean {
  return a.address === b.address && a.segment === b.segment;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function overlaps(a: string, b: string): boolean {
  return a === b || isAny(a) || isAny(b);
}

function find<T extends { readonly address: string }>(
  ports: Map<number, T[]>,
  at: Endpoint,
): T | undefined {
  const open = ports.get(at.port);
  return open?.find((o) => o.address === at.address) ?? open?.find((o) => isAny(o.address));
}

function add<T>(ports: Map<number, T[]>, port: number, open: T): void {
  ports.set(port, [...(ports.get(port) ?? []), open]);
}

function remove<T>(ports: Map<number, T[]>, port: number, open: T): void {
  const left = (ports.get(port) ?? []).filter((other) => other !== open);
  if (left.length > 0) ports.set(port, left);
  else ports.delete(port);
}
