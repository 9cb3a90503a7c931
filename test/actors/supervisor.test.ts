import { describe, expect, it } from 'vitest';
import { type AnyActorLogic, type AnyActorRef, fromCallback, sendParent, setup } from 'xstate';
import { createBus } from '../../actors/bus.ts';
import { bindProcessSignals, type SignalSource } from '../../actors/process-signals.ts';
import { createSupervisorActor, type Root, startRoot } from '../../actors/supervisor.ts';
import type {
  ChildSpec,
  ChildView,
  Strategy,
  SupervisorInput,
} from '../../machines/supervisor.types.ts';
import { createMemoryLog, type MemoryLog } from '../../src/log.ts';
import { createSimulation, type Simulation } from '../../src/world/simulated/simulation.ts';

interface Scene {
  readonly simulation: Simulation;
  readonly root: Root;
  readonly log: MemoryLog;
  /** What children did, in order: `+a` started, `-a` stopped, `~a` asked to finish. */
  readonly story: string[];
  crash(id: string): void;
  finish(id: string): void;
  view(id?: string): ReadonlyMap<string, ChildView>;
}

/** A child that notes its life, fails on `crash`, and finishes on `finish` or `shutdown`. */
function worker(story: string[], id: string, stubborn = false): AnyActorLogic {
  return setup({
    types: { events: {} as { type: 'crash' } | { type: 'finish' } | { type: 'shutdown' } },
    actions: {
      begin: () => void story.push(`+${id}`),
      end: () => void story.push(`-${id}`),
      asked: () => void story.push(`~${id}`),
      crash: () => {
        throw new Error(`${id} broke`);
      },
    },
  }).createMachine({
    initial: 'working',
    entry: ['begin', sendParent({ type: 'child.ready', id })],
    exit: 'end',
    states: {
      working: {
        on: {
          crash: { actions: 'crash' },
          finish: 'done',
          shutdown: stubborn ? { actions: 'asked' } : { target: 'done', actions: 'asked' },
        },
      },
      done: { type: 'final' },
    },
  });
}

/** A child that runs another one, and fails on `crash`. */
function parentOf(story: string[]): AnyActorLogic {
  return setup({
    types: { events: {} as { type: 'crash' } },
    actors: {
      below: fromCallback(() => {
        story.push('+below');
        return () => void story.push('-below');
      }),
    },
    actions: {
      crash: () => {
        throw new Error('broke');
      },
    },
  }).createMachine({
    invoke: { src: 'below', id: 'below' },
    on: { crash: { actions: 'crash' } },
  });
}

function spec(story: string[], id: string, more: Partial<ChildSpec> = {}): ChildSpec {
  return { id, logic: worker(story, id), restart: 'permanent', shutdownMs: 1000, ...more };
}

function play(
  strategy: Strategy,
  children: (story: string[], log: MemoryLog) => readonly ChildSpec[],
  more: Partial<SupervisorInput> = {},
): Scene {
  const simulation = createSimulation({ seed: 1 });
  const { clock } = simulation.host({ name: 'a', addresses: [] }).world;
  const log = createMemoryLog();
  const story: string[] = [];
  const root = startRoot({
    logic: createSupervisorActor({ log }),
    name: 'agent',
    clock,
    bus: createBus({ clock, log }),
    input: {
      strategy,
      intensity: 3,
      periodMs: 10_000,
      backoffMs: [100, 1000],
      children: children(story, log),
      ...more,
    } satisfies SupervisorInput,
  });
  const child = (id: string): AnyActorRef | undefined => root.actor.system.get(id);
  return {
    simulation,
    root,
    log,
    story,
    crash: (id) => child(id)?.send({ type: 'crash' }),
    finish: (id) => child(id)?.send({ type: 'finish' }),
    view: (id) => {
      const actor = id === undefined ? root.actor : child(id);
      const views = (actor?.getSnapshot().context.view ?? []) as readonly ChildView[];
      return new Map(views.map((view) => [view.id, view]));
    },
  };
}

const abc = (story: string[]): readonly ChildSpec[] => ['a', 'b', 'c'].map((id) => spec(story, id));

describe('supervisor', () => {
  it('starts in order, and stops in reverse, each when the one before has finished', async () => {
    const { simulation, root, story } = play('one-for-one', abc);
    expect(story).toEqual(['+a', '+b', '+c']);
    story.length = 0;
    await simulation.settle(root.shutdown());
    expect(story).toEqual(['~c', '-c', '~b', '-b', '~a', '-a']);
    expect(simulation.nowMs).toBe(0);
    await root.shutdown();
  });

  it('one-for-one starts the failed child again, alone, after a pause', async () => {
    const { simulation, crash, story, view, log } = play('one-for-one', abc);
    story.length = 0;
    crash('b');
    await simulation.run(99);
    expect(story).toEqual([]);
    await simulation.run(2);
    expect(story).toEqual(['+b']);
    expect(view().get('b')).toMatchObject({ status: 'running', restarts: 1, lastError: 'b broke' });
    expect(view().get('a')).toMatchObject({ restarts: 0 });
    expect(log.lines).toMatchObject([{ level: 'error', fields: { child: 'b' } }]);
  });

  it('one-for-all stops the others in reverse and starts all in order', async () => {
    const { simulation, crash, story } = play('one-for-all', abc);
    story.length = 0;
    crash('b');
    await simulation.run(200);
    expect(story).toEqual(['~c', '-c', '~a', '-a', '+a', '+b', '+c']);
  });

  it('rest-for-one takes those that were started later', async () => {
    const { simulation, crash, story } = play('rest-for-one', abc);
    story.length = 0;
    crash('b');
    await simulation.run(200);
    expect(story).toEqual(['~c', '-c', '+b', '+c']);
  });

  it('knows permanent, transient and temporary children', async () => {
    const scene = play('one-for-one', (story) => [
      spec(story, 'p'),
      spec(story, 't', { restart: 'transient' }),
      spec(story, 'x', { restart: 'temporary' }),
    ]);
    const { simulation, story, finish, crash, view } = scene;
    story.length = 0;
    for (const id of ['p', 't']) finish(id);
    crash('x');
    await simulation.run(500);
    expect(story).toEqual(['-p', '-t', '+p']);
    expect([...view().values()].map((v) => v.status)).toEqual(['running', 'finished', 'failed']);
  });

  it('pauses longer each time, and fails itself when the children fail too often', async () => {
    const { simulation, root, crash, story } = play('one-for-one', abc);
    story.length = 0;
    for (const pauseMs of [100, 200, 400]) {
      crash('a');
      await simulation.run(pauseMs - 1);
      expect(story).toEqual([]);
      await simulation.run(2);
      expect(story.splice(0)).toEqual(['+a']);
    }
    const outcome = expect(root.ended).rejects.toThrow('a ended 4 times in 10000 ms');
    crash('a');
    await simulation.run(10);
    await outcome;
    expect(story).toEqual(['~c', '-c', '~b', '-b']);
  });

  it('forgets restarts after the period', async () => {
    const { simulation, root, crash, view } = play('one-for-one', abc);
    for (let i = 0; i < 12; i++) {
      crash('a');
      await simulation.run(4000);
    }
    expect(view().get('a')?.restarts).toBe(12);
    await simulation.settle(root.shutdown());
  });

  it('stops by force a child that does not finish in time', async () => {
    const { simulation, root, story, log } = play('one-for-one', (story) => [
      spec(story, 'a'),
      spec(story, 'b', { logic: worker(story, 'b', true), shutdownMs: 700 }),
      spec(story, 'c', { logic: fromCallback(() => () => void story.push('-c')), shutdownMs: 0 }),
    ]);
    story.length = 0;
    await simulation.settle(root.shutdown());
    // A machine that is stopped by force runs no exit actions.
    expect(story).toEqual(['-c', '~b', '~a', '-a']);
    expect(simulation.nowMs).toBe(700);
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { child: 'b' } }]);
  });

  it('takes a child that is not ready in time for a failed one', async () => {
    const mute = fromCallback(() => {});
    const { simulation, view, story, root } = play('one-for-one', (story) => [
      spec(story, 'a', { readyWithinMs: 300 }),
      spec(story, 'b', { logic: mute, readyWithinMs: 300, shutdownMs: 0 }),
      spec(story, 'c'),
    ]);
    expect([...view().values()].map((v) => v.status)).toEqual(['running', 'starting', 'waiting']);
    await simulation.run(450);
    expect(view().get('b')).toMatchObject({ status: 'starting', lastError: 'not ready in time' });
    await expect(simulation.settle(root.ended)).rejects.toThrow('b ended 4 times');
    expect(story).toEqual(['+a', '~a', '-a']);
  });

  it('escalates to the supervisor above, which starts the whole branch again', async () => {
    const { simulation, crash, story, view } = play('one-for-one', (story, log) => [
      spec(story, 'outer'),
      {
        id: 'server',
        logic: createSupervisorActor({ log }),
        input: {
          strategy: 'rest-for-one',
          intensity: 1,
          periodMs: 1000,
          backoffMs: [0, 0],
          children: [spec(story, 'raft'), spec(story, 'fsm')],
        } satisfies SupervisorInput,
        restart: 'permanent',
        shutdownMs: 5000,
      },
    ]);
    story.length = 0;
    crash('raft');
    await simulation.run(10);
    expect(story.splice(0)).toEqual(['~fsm', '-fsm', '+raft', '+fsm']);
    expect(view('server').get('raft')?.restarts).toBe(1);
    crash('raft');
    await simulation.run(10);
    expect(story.splice(0)).toEqual(['~fsm', '-fsm']);
    await simulation.run(200);
    expect(story).toEqual(['+raft', '+fsm']);
    expect(view().get('server')).toMatchObject({ restarts: 1, status: 'running' });
    expect(view('server').get('raft')?.restarts).toBe(0);
  });

  it('stops what a failed child was running, before it starts it again', async () => {
    const { simulation, crash, story } = play('one-for-one', (story) => [
      spec(story, 'a', { logic: parentOf(story) }),
    ]);
    story.length = 0;
    crash('a');
    expect(story).toEqual(['-below']);
    await simulation.run(200);
    expect(story).toEqual(['-below', '+below']);
  });

  it('shuts down in the middle of a start and of a pause', async () => {
    const starting = play('one-for-one', (story) => [
      spec(story, 'a'),
      spec(story, 'b', { logic: fromCallback(() => {}), readyWithinMs: 9000, shutdownMs: 0 }),
      spec(story, 'c'),
    ]);
    await starting.simulation.settle(starting.root.shutdown());
    expect(starting.story).toEqual(['+a', '~a', '-a']);
    const pausing = play('one-for-all', abc);
    pausing.crash('a');
    await pausing.simulation.run(50);
    pausing.story.length = 0;
    await pausing.simulation.settle(pausing.root.shutdown());
    expect(pausing.story).toEqual([]);
  });
});

describe('process signals', () => {
  it('become messages to the agent; a repeated one means impatience', () => {
    const handlers = new Map<string, () => void>();
    const source: SignalSource = {
      on: (signal, handler) => handlers.set(signal, handler),
      off: (signal) => handlers.delete(signal),
    };
    const sent: unknown[] = [];
    const impatient: string[] = [];
    const unbind = bindProcessSignals({
      source,
      post: {
        send: (to, message) => void sent.push([to, message.type]),
        ask: () => Promise.reject(new Error('no questions')),
      },
      impatient: (signal) => void impatient.push(signal),
    });
    for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGTERM']) handlers.get(signal)?.();
    expect(sent).toEqual([
      ['agent', 'reload.requested'],
      ['agent', 'shutdown.requested'],
      ['agent', 'shutdown.requested'],
    ]);
    expect(impatient).toEqual(['SIGTERM']);
    unbind();
    expect(handlers.size).toBe(0);
  });
});
