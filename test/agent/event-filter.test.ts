import { expect, test } from 'vitest';
import { isEventFor } from '../../src/agent/event-filter.ts';

const services = [
  { ID: 'web-1', Tags: ['v1', 'blue'] },
  { ID: 'db', Tags: null },
];
const all = { nodeFilter: '', serviceFilter: '', tagFilter: '' };

test.each([
  [{}, true],
  [{ nodeFilter: '^n1$' }, true],
  [{ nodeFilter: '^n2$' }, false],
  [{ nodeFilter: '(' }, false],
  [{ serviceFilter: 'web' }, true],
  [{ serviceFilter: 'cache' }, false],
  [{ serviceFilter: 'web', tagFilter: 'blue' }, true],
  [{ serviceFilter: 'web', tagFilter: 'green' }, false],
  [{ serviceFilter: 'db', tagFilter: 'blue' }, false],
])('an event with %j is heard here: %s', (filters, heard) => {
  expect(isEventFor({ ...all, ...filters }, 'n1', services)).toBe(heard);
});
