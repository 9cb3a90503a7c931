/** Compares an answer with a recorded one, by the rules that make recordings replayable. */

import type { ExactJson } from '../../src/cli/exact-json.ts';
import type { Answer } from './client.ts';
import { matchesPath, type PathPattern, parsePath, pathText, type Segment } from './paths.ts';
import type { RecordedExchange } from './recording.ts';

/** Headers that count, both present and absent; and all that begin with `x-consul-`. */
const COMPARED_HEADERS = new Set([
  'content-type',
  'allow',
  'x-cache',
  'location',
  'content-encoding',
  'access-control-allow-origin',
  'x-custom',
]);

export type Expand = (text: string) => string;

/** Every difference in words; empty when the answer matches. */
export function differences(
  exchange: RecordedExchange,
  answer: Answer,
  expand: Expand,
): readonly string[] {
  const expected = exchange.response;
  const found: string[] = [];
  if (answer.status !== expected.status) {
    found.push(`status ${answer.status}, expected ${expected.status}`);
  }
  found.push(...headerDifferences(exchange, answer, expand));
  found.push(...bodyDifferences(exchange, answer, expand));
  return found;
}

function headerDifferences(exchange: RecordedExchange, answer: Answer, expand: Expand): string[] {
  const expected = new Map<string, string>();
  for (const [name, value] of Object.entries(exchange.response.headers)) {
    expected.set(name.toLowerCase(), expand(value));
  }
  const free = new Set(
    exchange.volatile
      .filter((path) => path.startsWith('header:'))
      .map((path) => path.slice('header:'.length).toLowerCase()),
  );
  const found: string[] = [];
  const names = new Set([...expected.keys(), ...answer.headers.keys()].filter(isCompared));
  for (const name of names) {
    const wanted = expected.get(name);
    const got = answer.headers.get(name);
    if (wanted === undefined) found.push(`header ${name}: ${got} is not expected`);
    else if (got === undefined) found.push(`header ${name} is missing, expected ${wanted}`);
    else if (!free.has(name)) {
      if (got !== wanted) found.push(`header ${name}: ${got}, expected ${wanted}`);
    } else if (name === 'x-consul-index' && !/^[1-9]\d*$/.test(got)) {
      found.push(`header ${name}: ${got} is not a positive integer`);
    }
  }
  return found;
}

function isCompared(name: string): boolean {
  return name.startsWith('x-consul-') || COMPARED_HEADERS.has(name);
}

function bodyDifferences(exchange: RecordedExchange, answer: Answer, expand: Expand): string[] {
  const expected = exchange.response.body;
  const binary = binaryLength(expected);
  if (binary !== null) return [];
  const text = answer.body.toString('utf8');
  // Consul calls some plain texts JSON; those are compared as the texts that they are.
  const mislabelled = typeof expected === 'string' && answer.json === undefined;
  if (answer.headers.get('content-type') !== 'application/json' || mislabelled) {
    if (exchange.volatile.includes('body')) return [];
    const wanted = typeof expected === 'string' ? expand(expected) : JSON.stringify(expected);
    return text === wanted
      ? []
      : [`body ${JSON.stringify(text)}, expected ${JSON.stringify(wanted)}`];
  }
  if (answer.json === undefined) return [`body is no JSON: ${text}`];
  const rules: Rules = {
    free: patterns(exchange.volatile),
    unordered: patterns(exchange.unordered ?? []),
    expand,
  };
  return compareJson(expected, answer.json, [], rules);
}

function binaryLength(body: ExactJson): number | null {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return null;
  const length = (body as Readonly<Record<string, ExactJson>>)['$binary'];
  return typeof length === 'number' ? length : null;
}

function patterns(paths: readonly string[]): readonly PathPattern[] {
  return paths.filter((path) => path.startsWith('$')).map(parsePath);
}

interface Rules {
  readonly free: readonly PathPattern[];
  readonly unordered: readonly PathPattern[];
  readonly expand: Expand;
}

function compareJson(
  expected: ExactJson,
  actual: ExactJson,
  at: readonly Segment[],
  rules: Rules,
): string[] {
  const wantedKind = kindOf(expected);
  const kind = kindOf(actual);
  if (rules.free.some((pattern) => matchesPath(pattern, at))) {
    return kind === wantedKind ? [] : [`${pathText(at)} is ${kind}, expected ${wantedKind}`];
  }
  if (typeof expected === 'string') return compareText(expected, actual, at, rules);
  if (kind !== wantedKind) {
    return [`${pathText(at)} is ${shown(actual)}, expected ${shown(expected)}`];
  }
  if (Array.isArray(expected)) {
    return rules.unordered.some((pattern) => matchesPath(pattern, at))
      ? compareSets(expected, actual as readonly ExactJson[], at, rules)
      : compareLists(expected, actual as readonly ExactJson[], at, rules);
  }
  if (wantedKind === 'object') {
    return compareObjects(expected as JsonObject, actual as JsonObject, at, rules);
  }
  return expected === actual
    ? []
    : [`${pathText(at)} is ${shown(actual)}, expected ${shown(expected)}`];
}

type JsonObject = Readonly<Record<string, ExactJson>>;

/** A text made of nothing but variables also matches the number with the same digits. */
function compareText(
  expected: string,
  actual: ExactJson,
  at: readonly Segment[],
  rules: Rules,
): string[] {
  const wanted = rules.expand(expected);
  if (actual === wanted) return [];
  const onlyVariables = /^(\$\{\w+\})+$/.test(expected);
  const isNumber = typeof actual === 'number' || typeof actual === 'bigint';
  if (onlyVariables && isNumber && String(actual) === wanted) return [];
  return [`${pathText(at)} is ${shown(actual)}, expected ${shown(wanted)}`];
}

function compareLists(
  expected: readonly ExactJson[],
  actual: readonly ExactJson[],
  at: readonly Segment[],
  rules: Rules,
): string[] {
  if (expected.length !== actual.length) {
    return [`${pathText(at)} has ${actual.length} elements, expected ${expected.length}`];
  }
  return expected.flatMap((one, position) =>
    compareJson(one, actual[position] as ExactJson, [...at, position], rules),
  );
}

function compareSets(
  expected: readonly ExactJson[],
  actual: readonly ExactJson[],
  at: readonly Segment[],
  rules: Rules,
): string[] {
  if (expected.length !== actual.length) {
    return [`${pathText(at)} has ${actual.length} elements, expected ${expected.length}`];
  }
  const left = [...actual];
  const found: string[] = [];
  for (const [position, one] of expected.entries()) {
    const place = [...at, position];
    const match = left.findIndex((other) => compareJson(one, other, place, rules).length === 0);
    if (match >= 0) left.splice(match, 1);
    else found.push(`${pathText(place)}: ${shown(one)} is missing`);
  }
  return found;
}

function compareObjects(
  expected: JsonObject,
  actual: JsonObject,
  at: readonly Segment[],
  rules: Rules,
): string[] {
  const found: string[] = [];
  for (const [key, one] of Object.entries(expected)) {
    const name = rules.expand(key);
    const other = actual[name];
    if (!Object.hasOwn(actual, name)) found.push(`${pathText([...at, name])} is missing`);
    else found.push(...compareJson(one, other as ExactJson, [...at, name], rules));
  }
  const wanted = new Set(Object.keys(expected).map(rules.expand));
  for (const key of Object.keys(actual)) {
    if (!wanted.has(key)) found.push(`${pathText([...at, key])} is not expected`);
  }
  return found;
}

function kindOf(value: ExactJson): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

function shown(value: ExactJson): string {
  const text = JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'bigint' ? String(one) : one,
  );
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
