import { expect, it } from 'vitest';
import { sourcesIn } from './sources.ts';

/** A file that is longer has two subjects. */
const LINES_MAX = 500;

it('no file is too long to be read in one go', () => {
  const long = sourcesIn('src', 'actors', 'machines', 'test')
    .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
    .filter(({ lines }) => lines > LINES_MAX);
  expect(long).toEqual([]);
});
