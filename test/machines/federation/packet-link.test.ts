import { describe, expect, test } from 'vitest';
import {
  LINK_IDLE_MS,
  LINK_PACKETS_MAX,
  type LinkContext,
  type LinkEvent,
  type LinkPacket,
  packetLinkMachine,
  RESEND_WINDOW_MS,
} from '../../../machines/federation/packet-link.ts';
import { modelTest } from '../../support/model-test.ts';
import { createStepper } from '../../support/step.ts';

const INPUT = { name: 'b.dc2', nowMs: 0 };
const to = { name: 'b.dc2', address: '10.0.0.1', port: 8302 };
const packet = (text: string): LinkPacket => ({ to, bytes: Buffer.from(text), sending: 'first' });
const put = (nowMs: number, ...texts: string[]): LinkEvent => ({
  type: 'packets.queued',
  packets: texts.map(packet),
  nowMs,
});
const dialed = (nowMs: number): LinkEvent => ({ type: 'dial.succeeded', nowMs });
const refused: LinkEvent = { type: 'dial.failed', error: new Error('refused') };
const lost = (nowMs: number): LinkEvent => ({
  type: 'stream.lost',
  error: new Error('EOF'),
  nowMs,
});
const congested = (nowMs: number): LinkEvent => ({ type: 'stream.congested', nowMs });
const drained: LinkEvent = { type: 'stream.drained', nowMs: 12 };
const ticked = (nowMs: number): LinkEvent => ({ type: 'ticked', nowMs });
const pathEnded: LinkEvent = { type: 'path.ended' };

function run(events: readonly LinkEvent[]) {
  const stepper = createStepper(packetLinkMachine);
  let { snapshot, effects } = stepper.start(INPUT);
  const done: string[] = [];
  const note = (): void => {
    for (const { type, params } of effects) {
      if (type === 'write') {
        const { packets } = params as { packets: readonly LinkPacket[] };
        if (packets.length > 0) done.push(`write ${packets.map((p) => text(p)).join('+')}`);
      } else if (type === 'report') {
        const { failures } = params as { failures: LinkContext['failed'] };
        for (const failure of failures) done.push(`fail ${text(failure.packet)}`);
      } else if (!type.startsWith('xstate.')) done.push(type);
    }
  };
  note();
  for (const event of events) {
    ({ snapshot, effects } = stepper.next(snapshot, event));
    note();
  }
  return { value: snapshot.value, done, context: snapshot.context as LinkContext };
}

const text = (p: LinkPacket): string => Buffer.from(p.bytes).toString();

describe('packet link', () => {
  test('every state and transition is reachable, and no packet is ever unaccounted for', () => {
    modelTest(packetLinkMachine, {
      inputs: [INPUT],
      events: [
        put(10, 'x'),
        dialed(10),
        refused,
        lost(20),
        lost(99_999),
        congested(10),
        drained,
        ticked(30),
        ticked(10 + LINK_IDLE_MS),
        pathEnded,
      ],
      key: (context: LinkContext) => [
        Math.min(context.queue.length, 2),
        Math.min(context.written.length, 2),
        context.queue.slice(0, 3).map((p) => p.sending),
      ],
      situationsMax: 1000,
      invariant: ({ before, snapshot, event, effects }) => {
        const a = before.context as LinkContext;
        const b = snapshot.context as LinkContext;
        const written = effects.some((e) => e.type === 'write') ? b.outgoing.length : 0;
        const failed = effects.some((e) => e.type === 'report') ? b.failed.length : 0;
        const came = event.type === 'packets.queued' ? 1 : 0;
        const resent =
          event.type === 'stream.lost' && before.matches('open')
            ? a.written.filter(
                (w) =>
                  (a.congestedAtMs ?? (event as unknown as { nowMs: number }).nowMs) - w.atMs <
                  RESEND_WINDOW_MS,
              ).length
            : 0;
        expect(b.queue.length).toBe(a.queue.length + came + resent - written - failed);
      },
    });
  });

  test('packets that come while dialing go out together, in one write', () => {
    expect(run([put(0, 'a'), put(1, 'b', 'c'), dialed(2), put(3, 'd')]).done).toEqual([
      'dial',
      'write a+b+c',
      'write d',
    ]);
  });

  test('a failed dial reports every packet', () => {
    const { value, done } = run([put(0, 'a', 'b'), refused]);
    expect(value).toBe('gone');
    expect(done).toEqual(['dial', 'fail a', 'fail b']);
  });

  test('a connection that dies right after a write: the packet goes out again, once', () => {
    const { done, value } = run([put(0, 'a'), dialed(1), lost(50), dialed(60), lost(70)]);
    expect(done).toEqual(['dial', 'write a', 'dial', 'write a', 'fail a']);
    expect(value).toBe('gone');
  });

  test('a connection that dies while idle is forgotten and nothing is sent twice', () => {
    const { done, value } = run([put(0, 'a'), dialed(1), lost(1 + RESEND_WINDOW_MS)]);
    expect(done).toEqual(['dial', 'write a']);
    expect(value).toBe('gone');
  });

  test('a full connection holds packets back until it has drained', () => {
    const { done } = run([put(0, 'a'), dialed(1), congested(1), put(2, 'b'), put(3, 'c'), drained]);
    expect(done).toEqual(['dial', 'write a', 'write b+c']);
  });

  test('a connection that stays full is dropped, and its packets go another way', () => {
    const { done } = run([
      put(0, 'a'),
      dialed(1),
      congested(1),
      put(2, 'b'),
      ticked(5000),
      ticked(10_001),
      lost(10_002),
      dialed(10_003),
    ]);
    expect(done).toEqual(['dial', 'write a', 'drop', 'dial', 'write a+b']);
  });

  test('the queue is bounded: the oldest are dropped and reported', () => {
    const many = Array.from({ length: LINK_PACKETS_MAX }, (_, i) => `p${i}`);
    const { done, context } = run([put(0, 'old1', 'old2'), put(1, ...many)]);
    expect(done).toEqual(['dial', 'fail old1', 'fail old2']);
    expect(context.queue).toHaveLength(LINK_PACKETS_MAX);
  });

  test('idle for two minutes after the last packet: closed in order', () => {
    expect(run([put(0, 'a'), dialed(1), put(100, 'b'), ticked(LINK_IDLE_MS)]).value).toEqual({
      open: 'flowing',
    });
    const { done, value } = run([put(0, 'a'), dialed(1), ticked(LINK_IDLE_MS + 1)]);
    expect(done.at(-1)).toBe('end');
    expect(value).toBe('gone');
  });
});
