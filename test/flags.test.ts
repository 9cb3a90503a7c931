import { expect, test } from 'vitest';
import { type FlagSpec, Flags, parseFlags } from '../src/flags.ts';

const SPECS: readonly FlagSpec[] = [
  { name: 'wan', kind: 'bool', help: '' },
  { name: 'name', kind: 'string', help: '' },
  { name: 'count', kind: 'int', help: '' },
  { name: 'join', kind: 'list', help: '' },
];

function parsed(...args: string[]): Flags {
  const outcome = parseFlags(SPECS, args);
  if (!outcome.ok) throw new Error(outcome.text);
  return new Flags(outcome.flags);
}

function refusal(...args: string[]): string {
  const outcome = parseFlags(SPECS, args);
  return outcome.ok ? 'accepted' : outcome.text;
}

test('one and two dashes, equals signs and separate values all mean the same', () => {
  expect(parsed('-name=a').string('name')).toBe('a');
  expect(parsed('--name', 'a').string('name')).toBe('a');
  expect(parsed('-count', '-3').int('count')).toBe(-3);
});

test('a bool takes no separate value', () => {
  const flags = parsed('-wan', 'false');
  expect(flags.bool('wan')).toBe(true);
  expect(flags.rest).toEqual(['false']);
  expect(parsed('-wan=false').bool('wan')).toBe(false);
});

test('parsing stops at the first argument and at --', () => {
  expect(parsed('-wan', 'key', '-name=x').rest).toEqual(['key', '-name=x']);
  expect(parsed('--', '-wan').rest).toEqual(['-wan']);
  expect(parsed('-').rest).toEqual(['-']);
});

test('lists keep the order of the command line', () => {
  expect(parsed('-join=b', '-join', 'a').list('join')).toEqual(['b', 'a']);
});

test('refusals are worded as Go words them', () => {
  expect(refusal('-nope')).toBe('flag provided but not defined: -nope');
  expect(refusal('-name')).toBe('flag needs an argument: -name');
  expect(refusal('-=x')).toBe('bad flag syntax: -=x');
  expect(refusal('-wan=maybe')).toBe('invalid boolean value "maybe" for -wan: parse error');
  expect(refusal('-count=x')).toBe('invalid value "x" for flag -count: parse error');
});
