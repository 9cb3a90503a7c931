// The links between servers of one machine: each advertises an address at which this stands in for
// it, and what another sends there passes on, is held up or gets lost, in one direction or both.

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';

const GOSSIP_PORT = 8301;
const TCP_PORTS = [8300, GOSSIP_PORT];

/** A server: where it listens and sends from, and where the others believe it to be. */
export interface LinkEnd {
  readonly bound: string;
  readonly advertised: string;
}

/** What passes from one server to another. */
class Way {
  #open = true;
  readonly #changed = new Set<() => void>();
  #held: (() => void)[] = [];

  get open(): boolean {
    return this.#open;
  }

  set open(open: boolean) {
    this.#open = open;
    for (const changed of this.#changed) changed();
    if (open) for (const run of this.#held.splice(0)) run();
  }

  /** Does it now, or when the way is open again. */
  whenOpen(run: () => void): void {
    if (this.#open) run();
    else this.#held.push(run);
  }

  /** Passes the bytes of a connection on in order, and its end behind them. */
  carry(source: Socket, target: Socket): void {
    let full = false;
    const flow = (): void => {
      if (this.#open && !full) source.resume();
      else source.pause();
    };
    this.#changed.add(flow);
    source.on('data', (chunk) => {
      full = !target.write(chunk);
      flow();
    });
    target.on('drain', () => {
      full = false;
      flow();
    });
    source.on('end', () => this.whenOpen(() => target.end()));
    source.on('error', () => {});
    source.on('close', () => {
      this.#changed.delete(flow);
      this.whenOpen(() => target.destroy());
    });
    flow();
  }
}

/** One server's advertised address. */
class StandIn {
  readonly end: LinkEnd;
  readonly #links: Links;
  readonly #listeners = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  readonly datagrams: DatagramSocket = createSocket('udp4');

  constructor(end: LinkEnd, links: Links) {
    this.end = end;
    this.#links = links;
  }

  async bind(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.datagrams.once('error', reject);
      this.datagrams.bind(GOSSIP_PORT, this.end.advertised, resolve);
    });
    this.datagrams.on('error', () => {});
    this.datagrams.on('message', (datagram, { address }) => {
      const from = this.#links.standInOf(address);
      if (from === undefined || !this.#links.way(from.end, this.end).open) return;
      from.datagrams.send(datagram, GOSSIP_PORT, this.end.bound, () => {});
    });
  }

  /** Whoever dials is refused from now on, as by the host of a process that is gone. */
  refuse(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
  }

  async accept(): Promise<void> {
    await Promise.all(TCP_PORTS.map((port) => this.#listen(port)));
  }

  close(): void {
    this.refuse();
    for (const socket of this.#sockets) socket.destroy();
    this.datagrams.close();
  }

  /** Ends all that pass through with a reset, wherever they are in what they carry. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #listen(port: number): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (inbound) => {
      this.#pass(inbound, port);
    });
    this.#listeners.add(listener);
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, this.end.advertised, resolve);
    });
  }

  #pass(inbound: Socket, port: number): void {
    const from = this.#links.standInOf(inbound.remoteAddress ?? '') ?? this.#links.roamer;
    this.#keep(inbound);
    if (from === undefined) {
      inbound.destroy();
      return;
    }
    const there = this.#links.way(from.end, this.end);
    const back = this.#links.way(this.end, from.end);
    there.whenOpen(() => {
      if (inbound.destroyed) return;
      const { bound: host } = this.end;
      const localAddress = from.end.advertised;
      const options = { host, port, localAddress, allowHalfOpen: true, noDelay: true };
      const outbound = connect(options);
      this.#keep(outbound);
      there.carry(inbound, outbound);
      back.carry(outbound, inbound);
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

export class Links {
  readonly #standIns: readonly StandIn[];
  readonly #ways = new Map<string, Way>();
  readonly #roaming: LinkEnd | undefined;

  private constructor(ends: readonly LinkEnd[], roaming: LinkEnd | undefined) {
    this.#roaming = roaming;
    this.#standIns = ends.map((end) => new StandIn(end, this));
    for (const from of ends) {
      for (const to of ends) this.#ways.set(`${from.bound} ${to.bound}`, new Way());
    }
  }

  /**
   * Stands in for all of them; nobody is reached by TCP before `accept`. `roaming` is the one that
   * may dial from an address that is nobody's, as Consul does for gossip.
   */
  static async open(ends: readonly LinkEnd[], roaming?: LinkEnd): Promise<Links> {
    const links = new Links(ends, roaming);
    await Promise.all(links.#standIns.map((standIn) => standIn.bind()));
    return links;
  }

  way(from: LinkEnd, to: LinkEnd): Way {
    return this.#ways.get(`${from.bound} ${to.bound}`) as Way;
  }

  standInOf(bound: string): StandIn | undefined {
    return this.#standIns.find(({ end }) => end.bound === bound);
  }

  get roamer(): StandIn | undefined {
    return this.#roaming && this.standInOf(this.#roaming.bound);
  }

  async accept(end: LinkEnd): Promise<void> {
    await this.standInOf(end.bound)?.accept();
  }

  refuse(end: LinkEnd): void {
    this.standInOf(end.bound)?.refuse();
  }

  /** Nothing passes this way until `mend`: datagrams are lost, streams are held up. */
  cut(from: LinkEnd, to: LinkEnd): void {
    this.way(from, to).open = false;
  }

  /** Resets all connections that are there. */
  reset(): void {
    for (const standIn of this.#standIns) standIn.reset();
  }

  mend(): void {
    for (const way of this.#ways.values()) way.open = true;
  }

  close(): void {
    for (const standIn of this.#standIns) standIn.close();
  }
}
