/**
 * A gossip pool: who is a member, alive or not, and what members tell each other.
 *
 * The chart holds the life of this node in its pool: alone, joining, together with others, leaving
 * in three parts (serf's intent, memberlist's goodbye, a while of answering still), gone. What a
 * packet or a tick does to the table is plain functions over the state (`step.ts`), which know no
 * clock and no chance but those of the events and the seed.
 */

import { setup } from 'xstate';
import type { LogLevel } from '../../src/log.ts';
import type { CoordinatesView, MembersView, UserEvent } from '../../src/model/member.ts';
import type { KeyRing } from '../../src/wire/gossip/keyring.ts';
import type { SnapshotLine } from '../../src/wire/gossip/snapshot.ts';
import type { ByteStream } from '../../src/world/world.ts';
import type { Message, Reply } from '../messages.ts';
import type { ReceivedQuery } from '../routes/gossip.ts';
import type {
  Effects,
  ExchangeAnswer,
  ExchangeOrder,
  LogOrder,
  PlainPacket,
  ReplyOrder,
  ResolveOrder,
  SealKey,
} from './effects.ts';
import { initialState, type PoolInput } from './start.ts';
import type { PoolState } from './state.ts';
import { hasCompany, isTelling, type PoolEvent, stepPool } from './step.ts';

export interface PoolContext {
  readonly pool: PoolState;
  readonly input: PoolInput;
  /** When the armed tick is due. */
  readonly wakeMs: number;
  /** Who waits for the end of the leave. */
  readonly leavers: readonly Reply<null>[];
}

/** Every event carries the monotonic time at which it came; the actor puts it on. */
type Timed<E> = E & { readonly nowMs?: number };

export type PoolMachineEvent = Timed<
  | Exclude<PoolEvent, { readonly type: 'pool.start' | 'pool.leave' | 'pool.depart' }>
  | Message<'members.leave' | 'stream.opened' | 'stream.failed' | 'stream.accepted'>
>;

const s = setup({
  types: {
    context: {} as PoolContext,
    events: {} as PoolMachineEvent,
    input: {} as PoolInput,
  },
  actions: {
    sendPackets: (_, _params: { packets: readonly PlainPacket[]; seal: SealKey }) => {},
    openExchanges: (_, _params: { orders: readonly ExchangeOrder[]; keyRing: KeyRing }) => {},
    answerExchanges: (_, _params: { answers: readonly ExchangeAnswer[]; keyRing: KeyRing }) => {},
    useStream: (_, _params: { id: number; stream: ByteStream; keyRing: KeyRing }) => {},
    serveStream: (_, _params: { stream: ByteStream; keyRing: KeyRing }) => {},
    dropExchange: (_, _params: { id: number; error: Error }) => {},
    resolveAddresses: (_, _params: { orders: readonly ResolveOrder[] }) => {},
    deliverReplies: (_, _params: { replies: readonly ReplyOrder[] }) => {},
    publishMembers: (_, _params: { view: MembersView }) => {},
    publishCoordinates: (_, _params: { view: CoordinatesView }) => {},
    deliverEvents: (_, _params: { events: readonly UserEvent[] }) => {},
    deliverQueries: (_, _params: { queries: readonly ReceivedQuery[] }) => {},
    saveSnapshot: (_, _params: { lines: readonly SnapshotLine[] }) => {},
    saveKeyRing: (_, _params: { keyRing: KeyRing }) => {},
    writeLogs: (_, _params: { logs: readonly LogOrder[] }) => {},
    note: (_, _params: { level: LogLevel; text: string }) => {},
    wake: (_, _params: { atMs: number }) => {},
    endLeave: (_, _params: { leavers: readonly Reply<null>[] }) => {},
    refuse: (_, _params: { event: PoolMachineEvent; text: string }) => {},
  },
  guards: {
    isOusted: ({ context }) => context.pool.ousted,
    isJoining: ({ context }) => context.pool.joins.size > 0,
    hasCompany: ({ context }) => hasCompany(context.pool),
    isTogether: ({ context }) => context.pool.joins.size === 0 && hasCompany(context.pool),
    isAlone: ({ context }) => context.pool.joins.size === 0 && !hasCompany(context.pool),
    intentIsOut: ({ context }) => !isTelling(context.pool, 'leave-intent'),
    goodbyeIsOut: ({ context }) => !isTelling(context.pool, 'leave-dead'),
  },
  delays: {
    propagateDelay: ({ context }) => context.pool.config.serf.leavePropagateDelayMs,
  },
});

type Enqueue = Parameters<Parameters<typeof s.enqueueActions>[0]>[0]['enqueue'];

/** An action of the chart with its parameters. */
export type PoolOrder = Parameters<Enqueue>[0] & {
  readonly type: string;
  readonly params: unknown;
};

function ordersOf(effects: Effects, pool: PoolState): PoolOrder[] {
  const { keyRing } = pool;
  const seal = pool.config.outgoing === 'encrypt' ? (keyRing.keys[0] ?? null) : null;
  const { packets, exchanges, answers, resolves, replies, events, queries } = effects;
  const orders: PoolOrder[] = [];
  if (effects.logs.length > 0) orders.push({ type: 'writeLogs', params: { logs: effects.logs } });
  if (answers.length > 0) orders.push({ type: 'answerExchanges', params: { answers, keyRing } });
  if (packets.length > 0) orders.push({ type: 'sendPackets', params: { packets, seal } });
  if (exchanges.length > 0) {
    orders.push({ type: 'openExchanges', params: { orders: exchanges, keyRing } });
  }
  if (resolves.length > 0) orders.push({ type: 'resolveAddresses', params: { orders: resolves } });
  if (effects.keyRing) orders.push({ type: 'saveKeyRing', params: { keyRing: effects.keyRing } });
  const lines = effects.snapshot;
  if (lines.length > 0) orders.push({ type: 'saveSnapshot', params: { lines } });
  if (effects.view) orders.push({ type: 'publishMembers', params: { view: effects.view } });
  const { coordinates } = effects;
  if (coordinates) orders.push({ type: 'publishCoordinates', params: { view: coordinates } });
  if (events.length > 0) orders.push({ type: 'deliverEvents', params: { events } });
  if (queries.length > 0) orders.push({ type: 'deliverQueries', params: { queries } });
  if (replies.length > 0) orders.push({ type: 'deliverReplies', params: { replies } });
  return orders;
}

/** What an event makes of the table, and the actions that carry it out. */
export function stepTable(
  context: PoolContext,
  event: PoolEvent,
  nowMs: number,
): { readonly pool: PoolState; readonly wakeMs: number; readonly orders: readonly PoolOrder[] } {
  const { state, effects, wakeMs } = stepPool(context.pool, event, nowMs);
  const orders = ordersOf(effects, state);
  if (wakeMs !== context.wakeMs || event.type === 'tick') {
    orders.push({ type: 'wake', params: { atMs: wakeMs } });
  }
  return { pool: state, wakeMs, orders };
}

function take(
  context: PoolContext,
  enqueue: Enqueue,
  event: PoolEvent,
  nowMs: number,
  leavers: readonly Reply<null>[] = context.leavers,
): void {
  const { pool, wakeMs, orders } = stepTable(context, event, nowMs);
  enqueue.assign({ pool, wakeMs, leavers });
  for (const order of orders) enqueue(order);
}

const handle = s.enqueueActions(({ context, event, enqueue }) => {
  if (isForStreams(event)) return;
  take(context, enqueue, event, event.nowMs ?? context.pool.nowMs);
});

const begin = s.enqueueActions(({ context, enqueue }) => {
  const { input } = context;
  take(context, enqueue, { type: 'pool.start', input }, input.nowMs);
});

const beginLeave = s.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'members.leave') return;
  const leavers = [...context.leavers, event.reply];
  take(context, enqueue, { type: 'pool.leave' }, event.nowMs ?? context.pool.nowMs, leavers);
});

const joinLeave = s.assign(({ context, event }) =>
  event.type === 'members.leave' ? { leavers: [...context.leavers, event.reply] } : {},
);

const depart = s.enqueueActions(({ context, enqueue }) => {
  take(context, enqueue, { type: 'pool.depart' }, context.pool.nowMs);
});

const handOverStream = s.enqueueActions(({ context, event, enqueue }) => {
  const { keyRing } = context.pool;
  if (event.type === 'stream.opened') {
    enqueue({ type: 'useStream', params: { id: event.id, stream: event.stream, keyRing } });
  } else if (event.type === 'stream.accepted') {
    enqueue({ type: 'serveStream', params: { stream: event.stream, keyRing } });
  } else if (event.type === 'stream.failed') {
    enqueue({ type: 'dropExchange', params: { id: event.id, error: event.error } });
  }
});

function isForStreams(
  event: PoolMachineEvent,
): event is Extract<PoolMachineEvent, { readonly type: `stream.${string}` | 'members.leave' }> {
  return event.type.startsWith('stream.') || event.type === 'members.leave';
}

const LEAVING_TEXT = 'the pool is being left';
const LEFT_TEXT = 'the pool has been left';

const refuseWhile = (text: string) => ({
  type: 'refuse' as const,
  params: ({ event }: { event: PoolMachineEvent }) => ({ event, text }),
});

/** Commands that make sense only for a node that stays. */
const refuseCommands = (text: string) => ({
  'members.join': { actions: refuseWhile(text) },
  'members.force-leave': { actions: refuseWhile(text) },
  'user-event.fire': { actions: refuseWhile(text) },
  'query.start': { actions: refuseWhile(text) },
  'tags.set': { actions: refuseWhile(text) },
  'keys.change': { actions: refuseWhile(text) },
});

const tableTraffic = {
  tick: { actions: handle },
  'packets.received': { actions: handle },
  'packets.failed': { actions: handle },
  'exchange.requested': { actions: handle },
  'exchange.refused': { actions: handle },
  'exchange.answered': { actions: handle },
  'exchange.failed': { actions: handle },
  'addresses.resolved': { actions: handle },
};

/** Whether an event is for the table whatever the state of the life. */
export function isTableTraffic(
  event: PoolMachineEvent,
): event is Extract<PoolMachineEvent, { readonly type: keyof typeof tableTraffic }> {
  return event.type in tableTraffic;
}

const traffic = {
  ...tableTraffic,
  'stream.opened': { actions: handOverStream },
  'stream.failed': { actions: handOverStream },
  'stream.accepted': { actions: handOverStream },
};

export const poolMachine = s.createMachine({
  id: 'gossip-pool',
  context: ({ input }) => ({
    pool: initialState(input),
    input,
    wakeMs: input.nowMs,
    leavers: [],
  }),
  entry: begin,
  initial: 'present',
  states: {
    present: {
      initial: 'alone',
      always: {
        guard: 'isOusted',
        target: 'left',
        actions: { type: 'note', params: { level: 'error', text: 'another member has our name' } },
      },
      on: {
        ...traffic,
        'members.join': { actions: handle },
        'members.force-leave': { actions: handle },
        'user-event.fire': { actions: handle },
        'query.start': { actions: handle },
        'query.respond': { actions: handle },
        'tags.set': { actions: handle },
        'keys.change': { actions: handle },
        'members.leave': { target: 'leaving', actions: beginLeave },
      },
      states: {
        alone: {
          always: [
            { guard: 'isJoining', target: 'joining' },
            { guard: 'hasCompany', target: 'together' },
          ],
        },
        joining: {
          always: [
            { guard: 'isTogether', target: 'together' },
            { guard: 'isAlone', target: 'alone' },
          ],
        },
        together: {
          always: [
            { guard: 'isJoining', target: 'joining' },
            { guard: 'isAlone', target: 'alone' },
          ],
        },
      },
    },
    leaving: {
      initial: 'announcing',
      on: {
        ...traffic,
        ...refuseCommands(LEAVING_TEXT),
        'query.respond': { actions: handle },
        'members.leave': { actions: joinLeave },
      },
      states: {
        announcing: { always: { guard: 'intentIsOut', target: 'departing' } },
        departing: { entry: depart, always: { guard: 'goodbyeIsOut', target: 'lingering' } },
        lingering: { after: { propagateDelay: '#gossip-pool.left' } },
      },
    },
    left: {
      entry: { type: 'endLeave', params: ({ context }) => ({ leavers: context.leavers }) },
      on: {
        ...refuseCommands(LEFT_TEXT),
        'query.respond': { actions: refuseWhile(LEFT_TEXT) },
        'members.leave': {
          actions: { type: 'endLeave', params: ({ event }) => ({ leavers: [event.reply] }) },
        },
      },
    },
  },
  options: { maxIterations: 1000 },
});
