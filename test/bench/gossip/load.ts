/** A load of user events, put into a pool from outside as datagrams: the same for every program. */

import { createSocket } from 'node:dgram';
import { encodeUser } from '../../../src/wire/gossip/messages.ts';
import { encodeSerf } from '../../../src/wire/gossip/serf.ts';
import { pause } from '../../interop/program.ts';

export const EVENTS_PER_SECOND = 20;
export const EVENT_BYTES = 64;

/** Each Lamport time is a new event. */
export function eventDatagram(ltime: number): Buffer {
  const Payload = Buffer.alloc(EVENT_BYTES, ltime & 0xff);
  const body = { LTime: BigInt(ltime), Name: 'load', Payload, CC: false };
  return encodeUser(encodeSerf({ kind: 'userEvent', body }));
}

/** Tells the members of some pools, in turn, of new events. */
export class EventLoad {
  readonly #pools: readonly (readonly string[])[];
  readonly #port: number;
  #ltime = 0;

  constructor(pools: readonly (readonly string[])[], port: number) {
    this.#pools = pools;
    this.#port = port;
  }

  async fire(durationMs: number): Promise<void> {
    const socket = createSocket('udp4');
    const end = performance.now() + durationMs;
    while (performance.now() < end) {
      this.#ltime += 1;
      const datagram = eventDatagram(this.#ltime);
      for (const addresses of this.#pools) {
        socket.send(datagram, this.#port, addresses[this.#ltime % addresses.length]);
      }
      await pause(1_000 / EVENTS_PER_SECOND);
    }
    socket.close();
  }
}
