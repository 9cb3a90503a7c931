/** A small house with an inspector, and a viewer on the other end of its WebSocket. */

import { WebSocket } from 'ws';
import { fromCallback } from 'xstate';
import { type Bus, createBus } from '../../actors/bus.ts';
import { type Inspector, startInspector } from '../../actors/console.ts';
import { createSupervisorActor, type Root, startRoot } from '../../actors/supervisor.ts';
import { serverMachine } from '../../machines/server/server.ts';
import type { SupervisorInput } from '../../machines/supervisor.types.ts';
import type { ForPage } from '../../src/console/stream.ts';
import { silentLog } from '../../src/log.ts';
import { ManualClock } from '../support/manual-clock.ts';

export interface InspectedHouse {
  readonly clock: ManualClock;
  readonly bus: Bus;
  readonly inspector: Inspector;
  readonly root: Root;
  close(): Promise<void>;
}

/** Fails when it is told to. */
const fragile = fromCallback(({ receive }) => {
  receive((event) => {
    if (event.type === 'break') throw new Error('broken as told');
  });
});

const supervision: SupervisorInput = {
  strategy: 'one-for-one',
  intensity: 3,
  periodMs: 60_000,
  backoffMs: [0, 0],
  children: [
    { id: 'server', logic: serverMachine, restart: 'permanent', shutdownMs: 0 },
    { id: 'gossip.wan', logic: fragile, restart: 'permanent', shutdownMs: 0 },
    { id: 'raft', logic: fragile, restart: 'temporary', shutdownMs: 0 },
  ],
};

export async function startHouse(): Promise<InspectedHouse> {
  const clock = new ManualClock();
  const bus = createBus({ clock, log: silentLog });
  const inspector = await startInspector({
    world: { clock },
    log: silentLog,
    bus,
    name: 'dc1-server1',
    pid: 1,
    at: { address: '127.0.0.1', port: 0 },
    page: '<!doctype html><title>page</title>',
  });
  const root = startRoot({
    logic: createSupervisorActor({ log: silentLog }),
    input: supervision,
    name: 'root',
    clock,
    bus,
    inspect: inspector.inspect,
  });
  return {
    clock,
    bus,
    inspector,
    root,
    close: async () => {
      await root.shutdown();
      await inspector.close();
    },
  };
}

/** Everything that a viewer was sent, in order. */
export class TestViewer {
  readonly received: ForPage[] = [];
  readonly #socket: WebSocket;
  #frames = 0;
  #arrived: () => void = () => {};

  constructor(inspector: Inspector, path: string) {
    this.#socket = new WebSocket(`${inspector.url.replace('http', 'ws')}${path}`);
    this.#socket.on('message', (data) => {
      this.#frames += 1;
      const parsed = JSON.parse(String(data)) as ForPage | ForPage[];
      this.received.push(...(Array.isArray(parsed) ? parsed : [parsed]));
      this.#arrived();
    });
  }

  get frames(): number {
    return this.#frames;
  }

  of<T extends ForPage['type']>(type: T): readonly Extract<ForPage, { type: T }>[] {
    return this.received.filter((one): one is Extract<ForPage, { type: T }> => one.type === type);
  }

  /** Resolves as soon as what was received satisfies `holds`. */
  async until(holds: (viewer: TestViewer) => boolean): Promise<void> {
    while (!holds(this)) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }

  close(): void {
    this.#socket.close();
  }
}
