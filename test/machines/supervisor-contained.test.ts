// What a failed child leaves behind: nothing.

import { expect, it } from 'vitest';
import { createActor, fromCallback, setup } from 'xstate';
import { contained } from '../../machines/supervisor.contained.ts';

it('stops the children of an actor that fails, and passes the failure on', () => {
  const seen: string[] = [];
  const machine = setup({
    actors: {
      port: fromCallback(() => {
        seen.push('opened');
        return () => void seen.push('closed');
      }),
    },
  }).createMachine({
    invoke: { src: 'port' },
    on: {
      break: {
        actions: () => {
          throw new Error('broken as told');
        },
      },
    },
  });
  const actor = createActor(contained(machine) as typeof machine);
  actor.subscribe({ error: (error) => seen.push(String(error)) });
  actor.start();
  actor.send({ type: 'break' });
  expect(seen).toEqual(['opened', 'closed', 'Error: broken as told']);
});

it('ends a callback actor that throws at a message', () => {
  const seen: string[] = [];
  const logic = fromCallback(({ receive }) => {
    receive(() => {
      throw new Error('broken as told');
    });
    return () => void seen.push('closed');
  });
  const actor = createActor(contained(logic) as typeof logic);
  actor.subscribe({ error: (error) => seen.push(String(error)) });
  actor.start();
  actor.send({ type: 'anything' });
  expect(seen).toEqual(['closed', 'Error: broken as told']);
});
