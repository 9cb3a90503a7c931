/**
 * A world decided by a seed: any number of hosts, their network, their disks and one time, in one
 * process. The same seed and the same program give the same run, to the byte.
 *
 *     const simulation = createSimulation({ seed: 7 });
 *     const a = simulation.host({ name: 'a', addresses: ['10.0.0.1'] });
 *     const b = simulation.host({ name: 'b', addresses: ['10.0.0.2'] });
 *     start(a.world); start(b.world);
 *     await simulation.run(5000);
 *     simulation.network.partition('a', 'b');
 *     await simulation.runUntil(() => noticed(), 60_000);
 *     b.crash();
 *     start(b.world);
 *
 * What runs in it may use promises freely, but nothing that the operating system does in its own
 * time (real files, sockets, timers, asynchronous crypto): that would not be repeatable.
 */

import { systemError } from '../errors.ts';
import { Fabric } from './fabric.ts';
import { createHost, type HostOptions, type SimulatedHost } from './host.ts';
import type { HostSelection, LinkSettings } from './links.ts';
import { createSeededRandom, type SeededRandom } from './random.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';

export type { Placed } from './fabric.ts';
export type { SimulatedHost } from './host.ts';
export type { HostSelection, LinkSettings } from './links.ts';

/** Wall clock at the start: 2027-01-01T00:00:00Z. */
const EPOCH_MS = 1_798_761_600_000;

/** After so many things the event loop of Node has a turn, so that a long run can be interrupted. */
const TURN_EVERY = 4096;

/** Turns of the event loop granted to real asynchronous work when nothing simulated is due. */
const PATIENCE_TURNS = 50;

/** Default limit of `settle`, simulated. */
const SETTLE_LIMIT_MS = 600_000;

export interface SimulationOptions {
  readonly seed: number | string;
  /** Properties of every link between two hosts, unless set otherwise. */
  readonly link?: Partial<LinkSettings>;
  /** Wall clock at the start, milliseconds since 1970. */
  readonly epochMs?: number;
  /** Latest lines of the trace to keep. Default none. */
  readonly traceLinesMax?: number;
}

export interface SimulatedNetwork {
  /** Changes links between hosts, both directions unless `direction` is `there`. Later rules win. */
  link(
    from: HostSelection,
    to: HostSelection,
    settings: Partial<LinkSettings>,
    direction?: 'both' | 'there',
  ): void;
  /** Nothing gets from `from` to `to` any more; with `both` (the default) nor back. */
  partition(from: HostSelection, to: HostSelection, direction?: 'both' | 'there'): void;
  /** Cuts a host off from all others. */
  isolate(host: string): void;
  /** Undoes every partition. */
  heal(): void;
  /**
   * Resets the open connections between two selections. Returns how many there were. With `there`
   * only the ends at `from` are gone: what they had sent still arrives, and who answers is reset.
   */
  reset(from: HostSelection, to: HostSelection, direction?: 'both' | 'there'): number;
  /** Open connections between two selections. */
  connections(from: HostSelection, to: HostSelection): number;
  /** Gives a DNS name its addresses. */
  name(host: string, addresses: readonly string[]): void;
}

export interface Simulation {
  /** Milliseconds since the start. */
  readonly nowMs: number;
  readonly seed: number | string;
  readonly network: SimulatedNetwork;
  readonly trace: Trace;
  /** For the scenario's own choices. */
  readonly random: SeededRandom;
  host(options: HostOptions): SimulatedHost;
  /** Lets `ms` pass. */
  run(ms: number): Promise<void>;
  /** Goes on until the predicate holds. Throws when it does not within `limitMs`. */
  runUntil(predicate: () => boolean, limitMs: number): Promise<void>;
  /** Goes on until `promise` has settled, and gives its outcome. */
  settle<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
}

export function createSimulation(options: SimulationOptions): Simulation {
  const random = createSeededRandom(options.seed);
  const timeline = new Timeline();
  const trace = new Trace(options.traceLinesMax ?? 0);
  const fabric = new Fabric(timeline, trace, random.fork('network'), options.link ?? {});
  const epochMs = options.epochMs ?? EPOCH_MS;
  /** Whether `done` came true until `limitMs`. */
  const run = (limitMs: number, done: () => boolean, patienceTurns: number): Promise<boolean> =>
    new Promise((resolve, reject) => {
      let patience = patienceTurns;
      const next = (): void => {
        if (done()) {
          resolve(true);
        } else if (timeline.step(limitMs)) {
          patience = patienceTurns;
          if (timeline.fired % TURN_EVERY === 0) setImmediate(turn);
          else process.nextTick(turnWhenDrained);
        } else if (timeline.nextMs() === undefined && patience-- > 0) {
          setImmediate(turn);
        } else {
          timeline.nowMs = Math.max(timeline.nowMs, limitMs);
          resolve(done());
        }
      };
      const turn = (): void => {
        try {
          next();
        } catch (error) {
          reject(error);
        }
      };
      // Whatever was set off has happened when all microtasks have run. The queue of ticks comes
      // after them, and is itself emptied before they have their turn again: hence both.
      const turnWhenDrained = (): void => void MICROTASK.then(turn);
      process.nextTick(turnWhenDrained);
    });
  const late = (what: string, limitMs: number): Error =>
    new Error(`seed ${options.seed}: ${what} within ${limitMs} ms (now ${timeline.nowMs} ms)`);
  return {
    seed: options.seed,
    random: random.fork('scenario'),
    trace,
    network: createControls(fabric),
    get nowMs() {
      return timeline.nowMs;
    },
    host: (hostOptions) =>
      createHost({ timeline, fabric, epochMs, random: random.fork(hostOptions.name) }, hostOptions),
    run: async (ms) => {
      await run(timeline.nowMs + ms, () => false, 0);
    },
    runUntil: async (predicate, limitMs) => {
      if (!(await run(timeline.nowMs + limitMs, predicate, PATIENCE_TURNS))) {
        throw late('the condition did not come true', limitMs);
      }
    },
    settle: async (promise, limitMs = SETTLE_LIMIT_MS) => {
      let settled = false;
      const mark = (): void => {
        settled = true;
      };
      promise.then(mark, mark);
      if (!(await run(timeline.nowMs + limitMs, () => settled, PATIENCE_TURNS))) {
        throw late('the promise did not settle', limitMs);
      }
      return promise;
    },
  };
}

function createControls(fabric: Fabric): SimulatedNetwork {
  const { links } = fabric;
  return {
    link: (from, to, settings, direction = 'both') => {
      links.set(from, to, settings);
      if (direction === 'both') links.set(to, from, settings);
    },
    partition: (from, to, direction = 'both') => {
      links.cut(from, to);
      if (direction === 'both') links.cut(to, from);
    },
    isolate: (host) => {
      links.cut(host, '*');
      links.cut('*', host);
    },
    heal: () => links.heal(),
    reset: (from, to, direction = 'both') => {
      const here = fabric.streams(from, to);
      const ends = direction === 'both' ? [...here, ...fabric.streams(to, from)] : here;
      for (const end of ends) end.fail(systemError('ECONNRESET', 'read tcp'));
      return direction === 'both' ? new Set(ends).size / 2 : ends.length;
    },
    connections: (from, to) =>
      new Set([...fabric.streams(from, to), ...fabric.streams(to, from)]).size / 2,
    name: (host, addresses) => fabric.name(host, addresses),
  };
}

const MICROTASK = Promise.resolve();
