import { describe, expect, it } from 'vitest';
import { appliedShortly, fsmMachine, WAITING_BATCHES_MAX } from '../../machines/fsm.ts';
import { withShortWay } from '../../machines/short-way.ts';
import { modelTest } from '../support/model-test.ts';
import { createStepper } from '../support/step.ts';
import { once } from '../support/store-harness.ts';

const freeze = { type: 'state.freeze', reply: { answer: () => {}, refuse: () => {} } };
const failed = { type: 'restore.failed', error: new Error('bad snapshot') };
const reply = { answer: () => {}, refuse: () => {} };
const committed = { type: 'entries.committed', entries: [], throughIndex: 1 };
const restore = { type: 'state.restore', index: 1, chunks: once(new Uint8Array()), reply };
const done = { type: 'restore.done' };

describe('the fsm machine', () => {
  it('reaches every state by every transition', () => {
    modelTest(fsmMachine, {
      events: [committed, restore, done, freeze, failed],
      key: (context) => context.waiting.length > 0,
      situationsMax: 50,
    });
  });

  it('applies what was committed during a restore once that is over', () => {
    const stepper = createStepper(fsmMachine);
    let step = stepper.next(stepper.start().snapshot, restore);
    expect(step.effects.map((effect) => effect.type)).toEqual(['restore']);
    step = stepper.next(step.snapshot, committed);
    expect(step.effects).toEqual([]);
    step = stepper.next(step.snapshot, done);
    expect(step.effects.map((effect) => effect.type)).toEqual(['answerRestore', 'applyBatches']);
    expect(step.effects[1]?.params).toEqual({ batches: [{ entries: [], throughIndex: 1 }] });
    expect(step.snapshot.context).toEqual({ waiting: [], restoring: null });
  });

  it('ends where the chart ends when it goes the short way', () => {
    const chart = createStepper(fsmMachine);
    const quick = createStepper(withShortWay(fsmMachine, appliedShortly));
    let { snapshot } = chart.start();
    const events = [
      committed,
      freeze,
      restore,
      committed,
      restore,
      done,
      committed,
      restore,
      failed,
    ];
    const short: string[] = [];
    for (const event of [...events, committed]) {
      const expected = chart.next(snapshot, event);
      const actual = quick.next(snapshot, event);
      expect(actual.snapshot.value).toEqual(expected.snapshot.value);
      expect(actual.snapshot.context).toEqual(expected.snapshot.context);
      expect(actual.effects).toEqual(expected.effects);
      expect(Object.keys(actual.snapshot)).toEqual(Object.keys(expected.snapshot));
      if (expected.taken.length > 0 && actual.taken.length === 0) short.push(event.type);
      snapshot = expected.snapshot;
    }
    expect(short).toEqual(Array(3).fill('entries.committed'));
  });

  it('fails when raft does not stop committing', () => {
    const stepper = createStepper(fsmMachine);
    let step = stepper.next(stepper.start().snapshot, restore);
    expect(() => {
      for (let at = 0; at <= WAITING_BATCHES_MAX; at++)
        step = stepper.next(step.snapshot, committed);
    }).toThrow('batches committed during a restore');
  });
});
