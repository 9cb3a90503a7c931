import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ROUTES } from '../../machines/routes.ts';
import { withRoutes } from '../../src/console/readme.ts';

it('shows the route table in the README as it is (npm run readme writes it)', () => {
  const readme = readFileSync('README.md', 'utf8');
  expect(withRoutes(readme, ROUTES)).toBe(readme);
});
