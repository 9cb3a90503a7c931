/** serf's user events: each is delivered once, by a ring of recent Lamport times. */

import type { UserEvent } from '../../src/model/member.ts';
import { encodeSerf, type UserEventMessage } from '../../src/wire/gossip/serf.ts';
import { toU64, witnessed } from './lamport.ts';
import { broadcastSerf } from './serf-members.ts';
import type { Work } from './work.ts';

/** Events of one Lamport time that are remembered; more are taken for doubles. */
const EVENTS_A_TIME_MAX = 64;

/** Handles a user event; returns whether it is news and has to be passed on. */
export function userEvent(work: Work, message: UserEventMessage): boolean {
  const { values, config } = work;
  values.eventClock = witnessed(values.eventClock, message.LTime);
  if (message.LTime < values.eventMin) return false;
  const slots = BigInt(config.serf.eventSlots);
  if (values.eventClock > slots && message.LTime < values.eventClock - slots) return false;

  const payload = Buffer.from(message.Payload ?? new Uint8Array(0));
  const index = Number(message.LTime % slots);
  const slot = work.eventSlots.get(index);
  const known = slot?.ltime === message.LTime ? slot.events : [];
  const same = known.some(
    (event) => event.name === message.Name && Buffer.compare(event.payload, payload) === 0,
  );
  if (same || known.length >= EVENTS_A_TIME_MAX) return false;
  const events = [...known, { name: message.Name, payload }];
  work.eventSlots.set(index, { ltime: message.LTime, events });
  work.effects.snapshot.push({ kind: 'event-clock', value: message.LTime });
  const event: UserEvent = {
    name: message.Name,
    payload,
    ltime: message.LTime,
    coalesce: message.CC,
  };
  work.effects.events.push(event);
  return true;
}

/** Tells the pool an event; its Lamport time, or the reason why not. */
export function fireUserEvent(
  work: Work,
  name: string,
  payload: Uint8Array,
  coalesce: boolean,
): { readonly ltime: bigint } | { readonly refusal: string } {
  const limit = work.config.serf.userEventBytesMax;
  if (Buffer.byteLength(name) + payload.length > limit) {
    return { refusal: `user event exceeds configured limit of ${limit} bytes before encoding` };
  }
  const ltime = work.values.eventClock;
  const body = { LTime: ltime, Name: name, Payload: payload, CC: coalesce };
  const encoded = encodeSerf({ kind: 'userEvent', body });
  if (encoded.length > limit) {
    return {
      refusal: `encoded user event exceeds configured limit of ${limit} bytes after encoding`,
    };
  }
  work.values.eventClock = toU64(ltime + 1n);
  userEvent(work, body);
  broadcastSerf(work, 'eventQueue', encoded);
  return { ltime };
}
