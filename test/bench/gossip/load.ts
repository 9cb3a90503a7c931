/** A load of user events, put into a pool from outside as datagrams: the same for every program. */

import { createSocket } from 'node:dgram';
import { encodeUser } from '../../../src/wire/gossip/messages.ts';
import { encodeSerf } from '../../../src/wire/gossip/serf.ts';
import { pause } from '../../interop/program.ts';

export const EVENTS_PER_SECOND = 20;
export const EVENT_BYTES = 64;

/** A user event as a datagram; each Lamport time is a new event. */
export function eventDatagram(ltime: number): Buffer {
  const Payload = Buffer.alloc(EVENT_BYTES, ltime & 0xff);
  const body = { LTime: BigInt(ltime), Name: 'load', Payload, CC: false };
  return encodeUser(encodeSerf({ kind: 'userEvent', body }));
}

/** Tells the addresses in turn of new events, for so long. */
export async function fireEvents(
  pools: readonly (readonly string[])[],
  port: number,
  durationMs: number,
): Promise<void> {
  const socket = createSocket('udp4');
  const end = performance.now() + durationMs;
  for (let ltime = 1; performance.now() < end; ltime++) {
    for (const addresses of pools) {
      socket.send(eventDatagram(ltime), port, addresses[ltime % addresses.length]);
    }
    await pause(1_000 / EVENTS_PER_SECOND);
  }
  socket.close();
}
