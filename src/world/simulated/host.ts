/** A simulated host: its addresses, its disk, and the world that its present process sees. */

import type { Clock, Network, TimerId, UdpListener, World } from '../world.ts';
import { SimulatedDisk } from './disk.ts';
import type { Fabric, Placed, Station } from './fabric.ts';
import type { SeededRandom } from './random.ts';
import type { Due, Timeline } from './timeline.ts';
import { tlsClient, tlsServer } from './tls.ts';

export interface HostOptions {
  /** Unique; resolves to the host's addresses. */
  readonly name: string;
  /**
   * IP addresses. A plain text is in the segment `lan`; hosts reach each other only through a segment
   * that both have an address in, and segments may repeat addresses.
   */
  readonly addresses: readonly (string | Placed)[];
  /** Added to the wall clock. */
  readonly clockSkewMs?: number;
}

export interface SimulatedHost {
  readonly name: string;
  /** Of the process that runs now; after `kill` and `crash` it is another one. */
  readonly world: World;
  /** Contents and faults of the disk. */
  readonly disk: SimulatedDisk;
  /**
   * Ends the process as `kill -9` does: its timers and promises never come back, its connections are
   * closed by the system, the files stay as written. `world` is then a new process's.
   */
  kill(): void;
  /** Loss of power: as `kill`, but peers are told nothing and unsynced writes are lost or torn. */
  crash(): void;
  /** What `clock.now()` is ahead of the simulation's; may be changed at any time. */
  clockSkewMs: number;
  /** How fast its clocks run: 1.1 is 10 % too fast. May be changed at any time. */
  clockRate: number;
  /**
   * The process does nothing for so long, as after SIGSTOP: its timers are late, what arrives for it
   * waits. Its host lives on: connections stay open and are acknowledged.
   */
  freeze(ms: number): void;
  /** Resolves at once, or when the process goes on. */
  thawed(): Promise<void>;
}

export function createHost(
  parts: {
    readonly timeline: Timeline;
    readonly fabric: Fabric;
    readonly random: SeededRandom;
    readonly epochMs: number;
  },
  options: HostOptions,
): SimulatedHost {
  const { timeline, fabric, random } = parts;
  const places = options.addresses.map((address) =>
    typeof address === 'string' ? { address, segment: 'lan' } : address,
  );
  const station: Station = {
    name: options.name,
    places,
    tcp: new Map(),
    udp: new Map(),
    process: 0,
    frozenUntilMs: 0,
  };
  fabric.add(station);
  const disk = new SimulatedDisk(random.fork('disk'));
  const pace = new Pace(timeline);
  /** A process that is frozen does it when it goes on. */
  const whenThawed = (run: () => void): void => {
    if (timeline.nowMs >= station.frozenUntilMs) run();
    else timeline.at(station.frozenUntilMs, () => whenThawed(run));
  };
  const host = {
    name: options.name,
    disk,
    clockSkewMs: options.clockSkewMs ?? 0,
    get clockRate() {
      return pace.rate;
    },
    set clockRate(rate: number) {
      pace.rate = rate;
    },
    world: undefined as unknown as World,
    freeze: (ms: number): void => {
      station.frozenUntilMs = Math.max(station.frozenUntilMs, timeline.nowMs + ms);
    },
    thawed: () => new Promise<void>((resolve) => whenThawed(resolve)),
    kill: (): void => {
      for (const stream of fabric.streams(options.name)) stream.abandon();
      reborn();
    },
    crash: (): void => {
      for (const stream of fabric.streams(options.name)) stream.vanish();
      disk.losePower();
      reborn();
    },
  };
  const reborn = (): void => {
    station.tcp.clear();
    station.udp.clear();
    station.frozenUntilMs = 0;
    const mine = ++station.process;
    const alive = (): boolean => station.process === mine;
    /** Cancelled between being due and the thaw. */
    const dropped = new WeakSet<Due>();
    const later = (ms: number, run: () => void): Due => {
      const fire = (): void => {
        if (alive() && !dropped.has(due)) run();
      };
      const due = timeline.after(ms, () => whenThawed(fire));
      return due;
    };
    const cancel = (due: Due): void => {
      timeline.cancel(due);
      if (timeline.nowMs <= station.frozenUntilMs) dropped.add(due);
    };
    const clock = createClock(pace, { later, cancel }, () => parts.epochMs + host.clockSkewMs);
    const source = random.fork(`process ${mine}`);
    host.world = {
      clock,
      random: source,
      network: createNetwork(fabric, station, { clock, random: source }, alive, whenThawed),
      disk: disk.door(later),
    };
  };
  reborn();
  return host;
}

/** Time as a host's clocks count it. */
class Pace {
  readonly #timeline: Timeline;
  #rate = 1;
  #sinceMs = 0;
  #countedMs = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    this.#countedMs = this.nowMs;
    this.#sinceMs = this.#timeline.nowMs;
    this.#rate = rate;
  }

  get nowMs(): number {
    return this.#countedMs + (this.#timeline.nowMs - this.#sinceMs) * this.#rate;
  }
}

function createClock(
  pace: Pace,
  timers: { later(ms: number, run: () => void): Due; cancel(due: Due): void },
  epochMs: () => number,
): Clock {
  return {
    now: () => Math.floor(epochMs() + pace.nowMs),
    monotonic: () => pace.nowMs,
    setTimeout: (fn, timeoutMs) => timers.later(timeoutMs / pace.rate, fn),
    clearTimeout: (id: TimerId) => {
      if (typeof id === 'object') timers.cancel(id as Due);
    },
  };
}

function createNetwork(
  fabric: Fabric,
  station: Station,
  deps: Pick<World, 'clock' | 'random'>,
  alive: () => boolean,
  whenThawed: (run: () => void) => void,
): Network {
  const never = new Promise<never>(() => {});
  /** A dead process learns nothing any more. */
  const living = async <T>(promise: Promise<T>): Promise<T> => {
    try {
      const value = await promise;
      return alive() ? value : never;
    } catch (error) {
      if (alive()) throw error;
      return never;
    }
  };
  const whenAlive = <T>(run: () => Promise<T>): Promise<T> => (alive() ? living(run()) : never);
  const guarded = (listener: UdpListener): UdpListener => ({
    received: (datagram, from) => whenThawed(() => alive() && listener.received(datagram, from)),
    failed: (error, to) => alive() && listener.failed?.(error, to),
  });
  return {
    listenTcp: (at, accepted) =>
      whenAlive(() =>
        fabric.listenTcp(station, at, (stream) => whenThawed(() => alive() && accepted(stream))),
      ),
    connectTcp: (options) => whenAlive(() => fabric.connectTcp(station, options)),
    bindUdp: (at, listener) => whenAlive(() => fabric.bindUdp(station, at, guarded(listener))),
    tlsClient: (stream, options) => whenAlive(() => tlsClient(deps, stream, options)),
    tlsServer: (stream, options) => whenAlive(() => tlsServer(deps, stream, options)),
    resolve: (name) => whenAlive(() => fabric.resolve(station, name)),
    interfaces: () => [
      { name: 'lo', address: '127.0.0.1', internal: true },
      ...station.places.map((place, number) => ({
        name: `eth${number}`,
        address: place.address,
        internal: false,
      })),
    ],
  };
}
