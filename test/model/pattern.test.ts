// Patterns of strangers: as JavaScript's where both know the syntax, and never slow.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compilePattern } from '../../src/model/pattern.ts';

function matches(expression: string, text: string): boolean {
  const pattern = compilePattern(expression);
  if (pattern === null) throw new Error(`refused: ${expression}`);
  return pattern.matches(text);
}

test('agrees with JavaScript on the common syntax', () => {
  const atom = fc.constantFrom(
    'a',
    'b',
    '.',
    '[ab]',
    '[^a]',
    '\\d',
    '\\w',
    '(?:a|bc)',
    '(?:x{2})',
    '^',
    '$',
    '\\b',
  );
  const quantified = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{1,2}', '*?'));
  const expression = fc
    .array(quantified, { maxLength: 6 })
    .map((parts) => parts.map(([a, q]) => (/^(\^|\$|\\b)$/.test(a) ? a : a + q)).join(''));
  const both = fc.tuple(expression, expression).map(([a, b]) => (b === '' ? a : `${a}|(${b})`));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'x', '1', ' '), maxLength: 8 });
  fc.assert(
    fc.property(both, text, (source, subject) => {
      expect(matches(source, subject)).toBe(new RegExp(source, 'u').test(subject));
    }),
    { numRuns: 3_000 },
  );
});

test('knows what RE2 knows beyond JavaScript', () => {
  expect(matches('(?i)^WEB$', 'web')).toBe(true);
  expect(matches('^(?i:w)eb$', 'WeB')).toBe(false);
  expect(matches('(?P<role>web|db)', 'a db')).toBe(true);
  expect(matches('\\Aweb\\z', 'web')).toBe(true);
  expect(matches('[[:alpha:]]+[[:^digit:]]', 'ab')).toBe(true);
  expect(matches('(?s)a.b', 'a\nb')).toBe(true);
});

test('refuses what is malformed', () => {
  for (const source of [
    '(',
    ')',
    '[a',
    'a{2,1}',
    '*',
    '\\',
    '\\q',
    '(?z)',
    'a{1001}',
    'a**',
    '(?=a)',
  ]) {
    expect(compilePattern(source)).toBeNull();
  }
});

test('takes linear time where a backtracking engine takes for ever', () => {
  expect(matches('^(a+)+$', `${'a'.repeat(500)}b`)).toBe(false);
  expect(matches('(a|aa)*c', 'a'.repeat(500))).toBe(false);
  expect(matches('(((){1000}){1000}){1000}', 'a')).toBe(true);
  expect(compilePattern('((a{1000}){1000}){1000}')).toBeNull();
});

test('finds what groups hold, greedy and lazy, as JavaScript does', () => {
  const group = fc.constantFrom(
    '(a*)',
    '(a+?)',
    '(a|ab)',
    '(?:b)?',
    '(b)?',
    '(.*)',
    '(.*?)',
    '-',
    'b',
    '(?P<n>[ab])',
  );
  const expression = fc.array(group, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 8 });
  fc.assert(
    fc.property(expression, text, (made, subject) => {
      const expected = new RegExp(made.replaceAll('(?P<n>', '(')).exec(subject);
      const groups = expected === null ? null : [...expected].map((part) => part ?? '');
      expect(compilePattern(made)?.groups(subject)).toEqual(groups);
    }),
    { numRuns: 2_000 },
  );
});
