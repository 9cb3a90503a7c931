import { expect, it } from 'vitest';
import { StateMachine } from 'xstate';
import { sourcesIn } from './sources.ts';

interface Found {
  readonly name: string;
  readonly path: string;
  readonly machine: { readonly id: string; readonly config: { options?: unknown } };
}

/** Every machine that a file in `machines/` exports. Unknown targets fail when it is loaded. */
async function machines(): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const { path } of sourcesIn('machines')) {
    const loaded = (await import(/* @vite-ignore */ `../../${path}`)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(loaded)) {
      if (value instanceof StateMachine) found.push({ name, path, machine: value as never });
    }
  }
  return found;
}

it('every machine loads, has a name of its own and cannot loop for ever', async () => {
  const all = await machines();
  expect(all.length).toBeGreaterThan(0);
  const ids = all.map(({ machine }) => machine.id);
  expect(ids.filter((id, place) => ids.indexOf(id) !== place || id === '(machine)')).toEqual([]);
  const unlimited = all.filter(
    ({ machine }) => (machine.config.options as { maxIterations?: number })?.maxIterations !== 1000,
  );
  expect(unlimited.map(({ path, name }) => `${path} ${name}`)).toEqual([]);
});

it('every machine has a model test', async () => {
  const tests = sourcesIn('test').filter(({ text }) => text.includes('modelTest('));
  const untested = (await machines()).filter(
    ({ name }) => !tests.some(({ text }) => new RegExp(`\\b${name}\\b`).test(text)),
  );
  expect(untested.map(({ path, name }) => `${path} ${name}`)).toEqual([]);
});
