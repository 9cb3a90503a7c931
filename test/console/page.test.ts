import { expect, it } from 'vitest';
import { buildPage } from '../../src/console/build-page.mjs';

it('is one small text that loads nothing from anywhere', async () => {
  const page = await buildPage();
  expect(page.length).toBeLessThan(100_000);
  expect(page).not.toMatch(/(src|href)="(?!data:|#)[^"$]/);
  expect(page).not.toMatch(/@import|url\(["']?http/);
  expect(page).not.toMatch(/\/\*(STYLE|SCRIPT)\*\//);
  const [script, ...others] = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)];
  expect(others).toEqual([]);
  expect(() => new Function(script?.[1] ?? 'missing script')).not.toThrow();
});

it('labels everything that is used by key', async () => {
  const page = await buildPage();
  for (const role of ['tree', 'tablist', 'tab', 'tabpanel', 'listbox', 'status']) {
    expect(page).toContain(`role="${role}"`);
  }
  const inputs = [...page.matchAll(/<(input|select|button)\b[^>]*>/g)].map(([tag]) => tag);
  expect(inputs.length).toBeGreaterThan(6);
});
