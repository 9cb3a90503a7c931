import { describe, expect, it } from 'vitest';
import { createActor, fromTransition, setup } from 'xstate';
import { AskTimeoutError, type Bus, createBus, UndeliveredError } from '../../actors/bus.ts';
import type { Reply } from '../../machines/messages.ts';
import { createMemoryLog } from '../../src/log.ts';
import type { Clock } from '../../src/world/world.ts';

interface LooseMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The bus without the route table's types: its behaviour does not depend on the names. */
interface LooseBus {
  postFor(name: string): {
    send(to: string, message: LooseMessage): void;
    ask(to: string, message: LooseMessage, limit: { timeoutMs: number }): Promise<unknown>;
  };
  receive(name: string, receive: (message: LooseMessage) => void): () => void;
}

function handClock(): Clock & { fireAll(): void; readonly armed: number } {
  const timers = new Map<number, () => void>();
  let ids = 0;
  return {
    now: () => 0,
    monotonic: () => 0,
    setTimeout: (fn) => {
      timers.set(++ids, fn);
      return ids;
    },
    clearTimeout: (id) => void timers.delete(id as number),
    fireAll: () => {
      for (const [id, fn] of [...timers]) {
        timers.delete(id);
        fn();
      }
    },
    get armed() {
      return timers.size;
    },
  };
}

function start(): {
  bus: Bus;
  loose: LooseBus;
  clock: ReturnType<typeof handClock>;
  log: ReturnType<typeof createMemoryLog>;
} {
  const clock = handClock();
  const log = createMemoryLog();
  const bus = createBus({ clock, log });
  return { bus, loose: bus as unknown as LooseBus, clock, log };
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

describe('bus', () => {
  it('delivers in the order of sending, after the sender has finished', async () => {
    const { loose } = start();
    const seen: string[] = [];
    loose.receive('b', (message) => {
      seen.push(`begin ${message.type}`);
      if (message.type === 'one') loose.postFor('b').send('b', { type: 'three' });
      seen.push(`end ${message.type}`);
    });
    loose.postFor('a').send('b', { type: 'one' });
    loose.postFor('a').send('b', { type: 'two' });
    expect(seen).toEqual([]);
    await settled();
    expect(seen).toEqual([
      'begin one',
      'end one',
      'begin two',
      'end two',
      'begin three',
      'end three',
    ]);
  });

  it('finds actors by systemId and counts what nobody receives', async () => {
    const { bus, loose, log } = start();
    const counter = fromTransition((count: number) => count + 1, 0);
    const root = setup({ actors: { counter } }).createMachine({
      invoke: { src: 'counter', id: 'c', systemId: 'counter' },
    });
    const actor = createActor(root).start();
    bus.attach(actor.system);
    loose.postFor('a').send('counter', { type: 'tick' });
    for (let i = 0; i < 5; i++) loose.postFor('a').send('nobody', { type: 'tick' });
    await settled();
    expect(actor.system.get('counter').getSnapshot().context).toBe(1);
    expect(bus.deadLetters).toEqual({ count: 5, byRoute: new Map([['a tick nobody', 5]]) });
    expect(log.lines.map((line) => line.fields['count'])).toEqual([1, 2, 4]);
  });

  it('carries ten thousand hops in one chain without deepening the stack', async () => {
    const { loose } = start();
    let hops = 0;
    loose.receive('a', () => {
      if (++hops < 10_000) loose.postFor('a').send('a', { type: 'hop' });
    });
    loose.postFor('a').send('a', { type: 'hop' });
    await settled();
    expect(hops).toBe(10_000);
  });

  it('logs a receiver that throws and goes on with the next message', async () => {
    const { loose, log } = start();
    let received = 0;
    loose.receive('b', (message) => {
      if (message.type === 'bad') throw new Error('no');
      received++;
    });
    loose.postFor('a').send('b', { type: 'bad' });
    loose.postFor('a').send('b', { type: 'good' });
    await settled();
    expect(received).toBe(1);
    expect(log.lines).toMatchObject([{ level: 'error', fields: { to: 'b', message: 'bad' } }]);
  });

  it('answers, refuses and times out questions, and leaves no timer behind', async () => {
    const { loose, clock } = start();
    loose.receive('b', (message) => {
      const reply = message['reply'] as Reply<unknown>;
      if (message.type === 'good') reply.answer(42);
      if (message.type === 'bad') reply.refuse(new Error('refused'));
    });
    const ask = (to: string, type: string): Promise<unknown> =>
      loose.postFor('a').ask(to, { type }, { timeoutMs: 1000 });
    await expect(ask('b', 'good')).resolves.toBe(42);
    await expect(ask('b', 'bad')).rejects.toThrow('refused');
    await expect(ask('nobody', 'good')).rejects.toBeInstanceOf(UndeliveredError);
    expect(clock.armed).toBe(0);
    const silent = ask('b', 'silent');
    const outcome = expect(silent).rejects.toThrow(AskTimeoutError);
    await settled();
    clock.fireAll();
    await outcome;
    await expect(silent).rejects.toThrow('b did not answer silent of a in 1000 ms');
  });
});
