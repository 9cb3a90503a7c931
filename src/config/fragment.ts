/**
 * One source of configuration, checked against the keys, and how sources are put together: a scalar
 * replaces, a list is appended, a map goes by key, an object field by field.
 */

import { type ConfigIssue, fileIssue } from './issues.ts';
import { CONFIG_KEYS, CONFIG_OBJECTS, type KeyKind } from './keys.ts';

/** Dotted key → value of the key's type. */
export type Fragment = ReadonlyMap<string, unknown>;

export interface CheckedFragment {
  readonly fragment: Fragment;
  readonly issues: readonly ConfigIssue[];
}

/** Checks what a file holds. `file` is named in the issues. */
export function checkFragment(file: string, content: unknown): CheckedFragment {
  const fragment = new Map<string, unknown>();
  const issues: ConfigIssue[] = [];
  if (!isObject(content)) {
    issues.push(fileIssue('file.malformed', file, 'the content is not an object'));
    return { fragment, issues };
  }
  const unknown: ConfigIssue[] = [];
  const visit = (prefix: string, holder: Readonly<Record<string, unknown>>): void => {
    for (const [name, value] of Object.entries(holder)) {
      const key = prefix === '' ? name : `${prefix}.${name}`;
      const kind = CONFIG_KEYS.get(key);
      if (kind !== undefined) {
        const text = store(fragment, key, kind, value);
        if (text !== undefined) issues.push(fileIssue('type.wrong', file, text, key));
      } else if (CONFIG_OBJECTS.has(key)) {
        const object = Array.isArray(value) && value.length === 1 ? value[0] : value;
        if (isObject(object)) visit(key, object);
        else issues.push(fileIssue('type.wrong', file, notMap(key, value), key));
      } else {
        unknown.push(fileIssue('key.unknown', file, `invalid config key ${key}`, key));
      }
    }
  };
  visit('', content);
  // Types are looked at before names, as the original does.
  return { fragment, issues: issues.length > 0 ? issues : unknown };
}

/** Puts `fragments` together, later ones over earlier ones. */
export function mergeFragments(fragments: readonly Fragment[]): Fragment {
  const merged = new Map<string, unknown>();
  for (const fragment of fragments) {
    for (const [key, value] of fragment) merged.set(key, mergeValue(key, merged.get(key), value));
  }
  return merged;
}

function mergeValue(key: string, before: unknown, value: unknown): unknown {
  const kind = CONFIG_KEYS.get(key);
  if (before === undefined) return value;
  if (kind === 'list' || Array.isArray(before)) {
    return [...(before as unknown[]), ...(Array.isArray(value) ? value : [value])];
  }
  if (kind === 'map') return { ...(before as object), ...(value as object) };
  return value;
}

/** Stores a checked value; returns what is wrong with it. */
function store(
  fragment: Map<string, unknown>,
  key: string,
  kind: KeyKind,
  given: unknown,
): string | undefined {
  if (given === null) return undefined;
  const problem = problemOf(key, kind, given);
  if (problem !== undefined) return problem;
  const whole = kind === 'opaque' && (key === 'service' || key === 'check');
  const name = whole ? `${key}s` : key;
  const value = whole && !Array.isArray(given) ? [given] : unwrapped(kind, given);
  fragment.set(name, whole ? mergeValue(name, fragment.get(name), value) : value);
  return undefined;
}

/** HCL writes a block as a list of one. */
function unwrapped(kind: KeyKind, value: unknown): unknown {
  if (kind !== 'map' || !Array.isArray(value)) return value;
  return Object.assign({}, ...value);
}

function problemOf(key: string, kind: KeyKind, value: unknown): string | undefined {
  switch (kind) {
    case 'string':
    case 'duration':
      return typeof value === 'string' ? undefined : unconvertible(key, 'string', value);
    case 'bool':
      return typeof value === 'boolean' ? undefined : unconvertible(key, 'bool', value);
    case 'int':
      return Number.isInteger(value) ? undefined : unconvertible(key, 'int', value);
    case 'float':
      return typeof value === 'number' ? undefined : unconvertible(key, 'float64', value);
    case 'list': {
      if (!Array.isArray(value)) {
        return `'${key}': source data must be an array or slice, got ${goType(value)}`;
      }
      const at = value.findIndex((item) => typeof item !== 'string');
      return at < 0 ? undefined : unconvertible(`${key}[${at}]`, 'string', value[at]);
    }
    case 'map':
      return mapProblem(key, Array.isArray(value) ? value : [value]);
    case 'opaque':
      return undefined;
  }
}

function mapProblem(key: string, parts: readonly unknown[]): string | undefined {
  for (const part of parts) {
    if (!isObject(part)) return notMap(key, part);
    for (const [name, value] of Object.entries(part)) {
      if (typeof value !== 'string') return unconvertible(`${key}[${name}]`, 'string', value);
    }
  }
  return undefined;
}

function unconvertible(key: string, wanted: string, value: unknown): string {
  return `'${key}' expected type '${wanted}', got unconvertible type '${goType(value)}'`;
}

function notMap(key: string, value: unknown): string {
  return `'${key}' expected a map, got '${goType(value).replace(/[[{ ].*$/s, '') || 'slice'}'`;
}

/** What Go's JSON and HCL decoders make of a value. */
function goType(value: unknown): string {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (Array.isArray(value)) return '[]interface {}';
  return typeof value === 'string' ? 'string' : 'map[string]interface {}';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
