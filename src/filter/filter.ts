/** Turns a filter expression into a predicate over values of a known shape. */

import { compilePattern, type Pattern } from '../model/pattern.ts';
import type { FieldShape, ObjectShape } from './fields.ts';
import { FilterError, type FilterTree, type MatchOperator, parseFilter } from './parse.ts';

export type Predicate<T> = (value: T) => boolean;

const PREFIX = 'Failed to create boolean expression evaluator: ';

/**
 * Compiles an expression; the empty one lets everything pass. Throws a FilterError whose message is
 * Consul's.
 */
export function compileFilter<T>(expression: string, shape: ObjectShape): Predicate<T> {
  if (expression.trim() === '') return () => true;
  try {
    return compile(parseFilter(expression), shape) as Predicate<T>;
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new FilterError(PREFIX + error.message, { cause: error });
  }
}

type Test = (value: unknown) => boolean;

function compile(tree: FilterTree, shape: ObjectShape): Test {
  switch (tree.kind) {
    case 'and': {
      const left = compile(tree.left, shape);
      const right = compile(tree.right, shape);
      return (value) => left(value) && right(value);
    }
    case 'or': {
      const left = compile(tree.left, shape);
      const right = compile(tree.right, shape);
      return (value) => left(value) || right(value);
    }
    case 'not': {
      const inner = compile(tree.of, shape);
      return (value) => !inner(value);
    }
    case 'match':
      return compileMatch(tree, shape);
  }
}

type Match = Extract<FilterTree, { kind: 'match' }>;

function compileMatch(match: Match, shape: ObjectShape): Test {
  return along(match.selector, 0, shape, match);
}

/** Walks the selector from step `at` on; the test takes the value that stands there. */
function along(selector: readonly string[], at: number, shape: FieldShape, match: Match): Test {
  const step = selector[at];
  if (step === undefined) return leaf(shape, match);
  switch (shape.kind) {
    case 'object': {
      const field = Object.hasOwn(shape.fields, step) ? shape.fields[step] : undefined;
      if (field === undefined) throw notValid(match);
      const rest = along(selector, at + 1, field, match);
      return (value) => rest(member(value, step));
    }
    case 'map': {
      const rest = along(selector, at + 1, shape.value, match);
      const whenMissing = MISSING_KEY_PASSES.has(match.operator);
      return (value) => {
        const found = member(value, step);
        return found === undefined ? whenMissing : rest(found);
      };
    }
    case 'list': {
      if (shape.item.kind !== 'object') throw notValid(match);
      const rest = along(selector, at, shape.item, match);
      return (value) => Array.isArray(value) && value.some(rest);
    }
    default:
      throw notValid(match);
  }
}

/** Operators that are true where a map has no such key; `Matches` is one of them in Consul. */
const MISSING_KEY_PASSES: ReadonlySet<MatchOperator> = new Set([
  'Not Equal',
  'Not In',
  'Is Empty',
  'Matches',
  'Not Matches',
]);

function member(value: unknown, name: string): unknown {
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function leaf(shape: FieldShape, match: Match): Test {
  switch (shape.kind) {
    case 'string':
      return textTest(match);
    case 'number':
    case 'bool':
      return scalarTest(shape.kind, match);
    case 'map':
      return mapTest(match);
    case 'list':
      return listTest(shape.item, match);
    case 'object':
      throw badOperator(match);
  }
}

function textTest(match: Match): Test {
  const { value: wanted } = match;
  switch (match.operator) {
    case 'Equal':
      return (value) => (value ?? '') === wanted;
    case 'Not Equal':
      return (value) => (value ?? '') !== wanted;
    case 'In':
      return (value) => typeof value === 'string' && value.includes(wanted);
    case 'Not In':
      return (value) => typeof value !== 'string' || !value.includes(wanted);
    case 'Matches': {
      const pattern = goPattern(wanted);
      return (value) => pattern.matches(typeof value === 'string' ? value : '');
    }
    case 'Not Matches': {
      const pattern = goPattern(wanted);
      return (value) => !pattern.matches(typeof value === 'string' ? value : '');
    }
    default:
      throw badOperator(match);
  }
}

function scalarTest(kind: 'number' | 'bool', match: Match): Test {
  if (match.operator !== 'Equal' && match.operator !== 'Not Equal') throw badOperator(match);
  const wanted = coerce(kind, match);
  return match.operator === 'Equal' ? (value) => value === wanted : (value) => value !== wanted;
}

function mapTest(match: Match): Test {
  const { value: key } = match;
  switch (match.operator) {
    case 'Is Empty':
      return (value) => isEmptyMap(value);
    case 'Is Not Empty':
      return (value) => !isEmptyMap(value);
    case 'In':
      return (value) => member(value, key) !== undefined;
    case 'Not In':
      return (value) => member(value, key) === undefined;
    default:
      throw badOperator(match);
  }
}

function isEmptyMap(value: unknown): boolean {
  return value === null || typeof value !== 'object' || Object.keys(value).length === 0;
}

function listTest(item: FieldShape, match: Match): Test {
  const isEmpty: Test = (value) => !Array.isArray(value) || value.length === 0;
  if (match.operator === 'Is Empty') return isEmpty;
  if (match.operator === 'Is Not Empty') return (value) => !isEmpty(value);
  if (item.kind !== 'string' || (match.operator !== 'In' && match.operator !== 'Not In')) {
    throw badOperator(match);
  }
  const has: Test = (value) => Array.isArray(value) && value.includes(match.value);
  return match.operator === 'In' ? has : (value) => !has(value);
}

const TRUE_TEXTS = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE_TEXTS = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function coerce(kind: 'number' | 'bool', match: Match): number | boolean {
  const { value } = match;
  if (kind === 'bool') {
    if (TRUE_TEXTS.has(value)) return true;
    if (FALSE_TEXTS.has(value)) return false;
    throw notCoercible(match, 'ParseBool');
  }
  if (!/^[+-]?\d+$/.test(value)) throw notCoercible(match, 'ParseInt');
  return Number(value);
}

function notCoercible(match: Match, parse: string): FilterError {
  const value = JSON.stringify(match.value);
  return new FilterError(
    `Failed to coerce value ${value} for selector "${match.selector.join('.')}": strconv.${parse}: parsing ${value}: invalid syntax`,
  );
}

function notValid(match: Match): FilterError {
  return new FilterError(`Selector "${match.selector.join('.')}" is not valid`);
}

function badOperator(match: Match): FilterError {
  return new FilterError(
    `Invalid match operator "${match.operator}" for selector "${match.selector.join('.')}"`,
  );
}

/** An expression as Go knows them, matched in linear time. Throws a FilterError. */
export function goPattern(source: string): Pattern {
  const pattern = compilePattern(source);
  if (pattern === null) {
    const fault = isUnclosed(source) ? 'missing closing )' : 'invalid pattern';
    throw new FilterError(`error parsing regexp: ${fault}: \`${source}\``);
  }
  return pattern;
}

/** The fault that Go's library names first of those that people make. */
function isUnclosed(source: string): boolean {
  let depth = 0;
  for (const [token] of source.matchAll(/\\.|\[\^?\]?[^\]]*\]|[()]/gs)) {
    if (token === '(') depth += 1;
    if (token === ')') depth -= 1;
    if (depth < 0) return false;
  }
  return depth > 0;
}
