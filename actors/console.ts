/**
 * Shows the house while it runs. No actor itself: it would see itself being seen, and never rest.
 */

import type { InspectionEvent } from 'xstate';
import { ALL_MACHINES } from '../machines/all.ts';
import { ROUTES } from '../machines/routes.ts';
import { chartOf } from '../src/console/chart.ts';
import { CONSOLE_PAGE } from '../src/console/page.ts';
import { Recorder } from '../src/console/recorder.ts';
import { listenConsole } from '../src/console/server.ts';
import type { Log } from '../src/log.ts';
import { MOBIUS_VERSION } from '../src/version.ts';
import type { Endpoint, World } from '../src/world/world.ts';
import type { Bus } from './bus.ts';

export interface InspectorDeps {
  readonly world: Pick<World, 'clock'>;
  readonly log: Log;
  readonly bus: Pick<Bus, 'observe' | 'deadLetters'>;
  /** Name of the process: the node's. */
  readonly name: string;
  readonly pid: number;
  /** Loopback address; port 0 picks a free one. */
  readonly at: Endpoint;
  /** Pages of other processes, to be led to. */
  readonly neighbours?: readonly { readonly name: string; readonly url: string }[];
  /** Other than the built one, for tests. */
  readonly page?: string;
}

export interface Inspector {
  /** Where a browser finds the page; `ws` at the same place is for Stately's inspector. */
  readonly url: string;
  /** To be given to `startRoot`. */
  readonly inspect: (event: InspectionEvent) => void;
  close(): Promise<void>;
}

/**
 * Starts to listen. Rejects with `NotLoopbackError`, or as sockets do when the port is taken. Call it
 * before `startRoot`, so that it sees the first actors appear.
 */
export async function startInspector(deps: InspectorDeps): Promise<Inspector> {
  const { world, log, bus } = deps;
  const recorder = new Recorder({ now: () => world.clock.now(), routes: ROUTES });
  const server = await listenConsole({
    at: deps.at,
    clock: world.clock,
    log,
    recorder,
    page: deps.page ?? CONSOLE_PAGE,
    hello: {
      type: '@mobius.hello',
      name: deps.name,
      version: MOBIUS_VERSION,
      pid: deps.pid,
      neighbours: deps.neighbours ?? [],
      routes: ROUTES,
      charts: ALL_MACHINES.map(chartOf),
    },
    deadLetters: () => bus.deadLetters.count,
  });
  const endObserving = bus.observe(recorder.observe);
  log.info('inspector listens', { url: server.url });
  return {
    url: server.url,
    inspect: recorder.inspect,
    close: () => {
      endObserving();
      return server.close();
    },
  };
}
