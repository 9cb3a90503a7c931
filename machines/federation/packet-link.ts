/**
 * The packets for one server of another datacenter: a queue, and one TLS connection through a
 * gateway while there is something to send. A slow gateway holds up nobody else's packets. A
 * connection that dies takes nothing with it: what was written a moment before goes out once more
 * over a fresh one, as gossip does not mind a repetition; whatever could not be sent is reported.
 */

import { setup } from 'xstate';
import type { GossipPeer } from '../routes/gossip.ts';

/** Packets waiting for the connection; beyond, the oldest are dropped and reported. */
export const LINK_PACKETS_MAX = 1024;
/** Bytes waiting for the connection; likewise. */
export const LINK_BYTES_MAX = 4_194_304;
/** What was written within this time before the connection died is sent once more. */
export const RESEND_WINDOW_MS = 1000;
/** Packets remembered for that; gossip sends far fewer to one server within the time. */
export const RESEND_PACKETS_MAX = 128;
/** A connection on which nothing was sent for this long is closed (Consul 1.8). */
export const LINK_IDLE_MS = 120_000;
/** A connection that takes no more bytes for this long is given up. */
export const LINK_STALL_MS = 10_000;

export interface LinkPacket {
  readonly to: GossipPeer;
  readonly bytes: Uint8Array;
  /** `again`: it was written to a connection that died then. Not a third time. */
  readonly sending: 'first' | 'again';
}

interface Written {
  readonly packet: LinkPacket;
  readonly atMs: number;
}

export type LinkEvent =
  | {
      readonly type: 'packets.queued';
      readonly packets: readonly LinkPacket[];
      readonly nowMs: number;
    }
  | { readonly type: 'dial.succeeded'; readonly nowMs: number }
  | { readonly type: 'dial.failed'; readonly error: Error }
  | { readonly type: 'stream.congested'; readonly nowMs: number }
  | { readonly type: 'stream.drained'; readonly nowMs: number }
  | { readonly type: 'stream.lost'; readonly error: Error; readonly nowMs: number }
  | { readonly type: 'ticked'; readonly nowMs: number }
  /** Its gateway is no gateway any more. */
  | { readonly type: 'path.ended' };

export interface LinkContext {
  /** WAN name of the destination. */
  readonly name: string;
  readonly queue: readonly LinkPacket[];
  readonly written: readonly Written[];
  /** Go out right after the transition. */
  readonly outgoing: readonly LinkPacket[];
  /** Are reported right after the transition. */
  readonly failed: readonly { readonly packet: LinkPacket; readonly error: Error }[];
  readonly usedAtMs: number;
  /** Since when the connection takes no more; `null` while it does. */
  readonly congestedAtMs: number | null;
}

const NOTHING: Pick<LinkContext, 'outgoing' | 'failed'> = { outgoing: [], failed: [] };

function queued(context: LinkContext, packets: readonly LinkPacket[]): LinkContext {
  const queue = [...context.queue, ...packets];
  let bytes = 0;
  for (const packet of queue) bytes += packet.bytes.length;
  let dropped = 0;
  while (queue.length - dropped > LINK_PACKETS_MAX || bytes > LINK_BYTES_MAX) {
    bytes -= queue[dropped]?.bytes.length ?? 0;
    dropped += 1;
  }
  const error = dropped > 0 ? new Error(`wanfed: the queue to ${context.name} is full`) : undefined;
  return {
    ...context,
    ...NOTHING,
    queue: dropped > 0 ? queue.slice(dropped) : queue,
    failed: error ? queue.slice(0, dropped).map((packet) => ({ packet, error })) : [],
  };
}

/** Writes the queue and `more`. */
function wrote(context: LinkContext, more: readonly LinkPacket[], nowMs: number): LinkContext {
  const outgoing = context.queue.length > 0 ? [...context.queue, ...more] : more;
  if (outgoing.length === 0) return { ...context, ...NOTHING };
  const written = [...context.written, ...outgoing.map((packet) => ({ packet, atMs: nowMs }))];
  return {
    ...context,
    ...NOTHING,
    queue: [],
    outgoing,
    written: written.length > RESEND_PACKETS_MAX ? written.slice(-RESEND_PACKETS_MAX) : written,
    usedAtMs: nowMs,
  };
}

/** The connection died: what may not have arrived goes back into the queue, once. */
function lost(context: LinkContext, error: Error, nowMs: number): LinkContext {
  // While it was full nothing got through, however long that took.
  const untilMs = context.congestedAtMs ?? nowMs;
  const doubtful = context.written.filter((entry) => untilMs - entry.atMs < RESEND_WINDOW_MS);
  const again = doubtful.filter(({ packet }) => packet.sending === 'first');
  const over = doubtful.filter(({ packet }) => packet.sending === 'again');
  const resend = again.map(({ packet }) => ({ ...packet, sending: 'again' as const }));
  const next = queued(
    { ...context, queue: resend, written: [], congestedAtMs: null },
    context.queue,
  );
  return { ...next, failed: [...next.failed, ...over.map(({ packet }) => ({ packet, error }))] };
}

function givenUp(context: LinkContext, error: Error): LinkContext {
  const failed = context.queue.map((packet) => ({ packet, error }));
  return { ...context, queue: [], written: [], outgoing: [], failed };
}

const s = setup({
  types: {
    context: {} as LinkContext,
    events: {} as LinkEvent,
    input: {} as { readonly name: string; readonly nowMs: number },
  },
  actions: {
    /** Picks a gateway and dials; answered by `dial.succeeded` or `dial.failed`. */
    dial: (_, _params: { readonly name: string }) => {},
    /** One write for all. */
    write: (_, _params: { readonly packets: readonly LinkPacket[] }) => {},
    report: (_, _params: { readonly failures: LinkContext['failed'] }) => {},
    /** Half-closes, so that what was written still arrives. */
    end: () => {},
    /** Drops the connection. */
    drop: () => {},
  },
  guards: {
    mustResend: ({ context, event }) =>
      event.type === 'stream.lost' && lost(context, event.error, event.nowMs).queue.length > 0,
    idle: ({ context, event }) =>
      event.type === 'ticked' && event.nowMs - context.usedAtMs >= LINK_IDLE_MS,
    stalled: ({ context, event }) =>
      event.type === 'ticked' && event.nowMs - (context.congestedAtMs ?? 0) >= LINK_STALL_MS,
  },
});

const write = {
  type: 'write',
  params: ({ context }: { readonly context: LinkContext }) => ({ packets: context.outgoing }),
} as const;
const report = {
  type: 'report',
  params: ({ context }: { readonly context: LinkContext }) => ({ failures: context.failed }),
} as const;

const queue = [
  s.assign(({ context, event }) =>
    event.type === 'packets.queued' ? queued(context, event.packets) : context,
  ),
  report,
];
const writeAtOnce = [
  s.assign(({ context, event }) =>
    event.type === 'packets.queued' ? wrote(context, event.packets, event.nowMs) : context,
  ),
  write,
];
const hasTime = (event: LinkEvent): event is Extract<LinkEvent, { readonly nowMs: number }> =>
  'nowMs' in event;

const flush = [
  s.assign(({ context, event }) => ({
    ...wrote(context, [], hasTime(event) ? event.nowMs : context.usedAtMs),
    congestedAtMs: null,
  })),
  write,
];
const lose = [
  s.assign(({ context, event }) =>
    event.type === 'stream.lost' ? lost(context, event.error, event.nowMs) : context,
  ),
  report,
];

export const packetLinkMachine = s.createMachine({
  id: 'packet-link',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    name: input.name,
    queue: [],
    written: [],
    ...NOTHING,
    usedAtMs: input.nowMs,
    congestedAtMs: null,
  }),
  initial: 'dialing',
  states: {
    dialing: {
      entry: { type: 'dial', params: ({ context }) => ({ name: context.name }) },
      on: {
        'packets.queued': { actions: queue },
        'dial.succeeded': { target: 'open', actions: flush },
        'dial.failed': {
          target: 'gone',
          actions: [
            s.assign(({ context, event }) =>
              event.type === 'dial.failed' ? givenUp(context, event.error) : context,
            ),
            report,
          ],
        },
      },
    },
    open: {
      on: {
        'stream.lost': [
          { guard: 'mustResend', target: 'dialing', actions: lose },
          { target: 'gone', actions: lose },
        ],
      },
      initial: 'flowing',
      states: {
        flowing: {
          on: {
            'packets.queued': { actions: writeAtOnce },
            'stream.congested': {
              target: 'congested',
              actions: s.assign(({ event }) =>
                event.type === 'stream.congested' ? { congestedAtMs: event.nowMs } : {},
              ),
            },
            ticked: { guard: 'idle', target: '#packet-link.gone', actions: 'end' },
            'path.ended': { target: '#packet-link.gone', actions: 'end' },
          },
        },
        /** The connection takes no more for now. */
        congested: {
          on: {
            'packets.queued': { actions: queue },
            'stream.drained': { target: 'flowing', actions: flush },
            /** `stream.lost` follows. */
            ticked: { guard: 'stalled', actions: 'drop' },
            'path.ended': { actions: 'drop' },
          },
        },
      },
    },
    gone: { type: 'final' },
  },
});
