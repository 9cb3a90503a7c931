import { describe, expect, it } from 'vitest';
import { setup } from 'xstate';
import { modelTest, walk } from './model-test.ts';
import { createStepper } from './step.ts';

const door = setup({
  types: { context: {} as { opened: number }, events: {} as { type: 'open' } | { type: 'shut' } },
  actions: { ring: (_, _params: { times: number }) => {} },
  guards: { worn: ({ context }) => context.opened > 2 },
  delays: { closing: 1000 },
});
const doorMachine = door.createMachine({
  id: 'door',
  context: { opened: 0 },
  initial: 'shut',
  states: {
    shut: {
      on: {
        open: {
          target: 'open',
          actions: [
            { type: 'ring', params: { times: 2 } },
            door.assign(({ context }) => ({ opened: context.opened + 1 })),
          ],
        },
      },
    },
    open: {
      always: { guard: 'worn', target: 'broken' },
      on: { shut: 'shut' },
      after: { closing: 'shut' },
    },
    broken: { type: 'final' },
  },
});

describe('model test', () => {
  it('reaches every state and transition, delayed and eventless ones included', () => {
    const coverage = modelTest(doorMachine, {
      events: [{ type: 'open' }, { type: 'shut' }],
      key: (context: { opened: number }) => context.opened,
    });
    expect(coverage.states).toEqual({ reached: 4, all: 4 });
    expect(coverage.transitions).toEqual({ taken: 4, all: 4 });
  });

  it('names what was not reached', () => {
    const coverage = walk(doorMachine, { events: [{ type: 'open' }] });
    expect(coverage.missing).toEqual([
      'state door.broken',
      'door.open --shut--> door.shut (#0)',
      'door.open --always--> door.broken (#2)',
    ]);
    expect(() => modelTest(doorMachine, { events: [] })).toThrow('not reached');
  });

  it('hands out effects as data', () => {
    const stepper = createStepper(doorMachine);
    const { effects, snapshot } = stepper.next(stepper.start().snapshot, { type: 'open' });
    expect(snapshot.value).toBe('open');
    expect(effects.find((effect) => effect.type === 'ring')?.params).toEqual({ times: 2 });
  });
});
