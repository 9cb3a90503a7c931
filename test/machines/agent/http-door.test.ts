import { test } from 'vitest';
import { httpDoorMachine } from '../../../machines/agent/http-door.ts';
import { modelTest } from '../../support/model-test.ts';

test('the model reaches every state and transition of the HTTP door', () => {
  modelTest(httpDoorMachine, { events: [{ type: 'shutdown' }, { type: 'drain.finished' }] });
});
