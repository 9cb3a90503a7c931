import { it } from 'vitest';
import { connectCaMachine } from '../../../machines/server/connect-ca.ts';
import { IndexedCARoots } from '../../../src/model/connect-ca.ts';
import { modelTest } from '../../support/model-test.ts';

it('reaches every state and transition', () => {
  const id = (state: string): string => `0.connect-ca.${state}`;
  const done = (state: string, output?: unknown) => ({
    type: `xstate.done.actor.${id(state)}`,
    output,
  });
  const failed = (state: string) => ({
    type: `xstate.error.actor.${id(state)}`,
    error: new Error('No path to datacenter'),
  });
  modelTest(connectCaMachine, {
    inputs: [{ role: 'primary' }, { role: 'secondary' }],
    key: ({ lastIndex, failures }) => [lastIndex, Math.min(failures, 2)],
    situationsMax: 2000,
    events: ({ value }) => {
      if (value === 'founding') return [done('founding'), failed('founding')];
      if (value === 'adopting') return [done('adopting'), failed('adopting')];
      if (value !== 'fetching') return [];
      return [done('fetching', IndexedCARoots.of({ Index: 7 })), failed('fetching')];
    },
  });
});
