/**
 * Turns any value into JSON of bounded size that is fit to be looked at: no byte arrays, no
 * functions, no cycles, and nothing that is a secret.
 */

import type { Json } from './stream.ts';

const DEPTH_MAX = 6;
const ENTRIES_MAX = 24;
const TEXT_MAX = 240;
/** Values in one JSON document. */
const VALUES_MAX = 600;

const HIDDEN = '(hidden)';
const CUT = '…';

/** Fields that hold keys, passwords and tokens. What they hold is never shown, in any form. */
const SECRET =
  /(secret|token|password|passphrase|encrypt|private)|(^|[a-z._-])key(s|ring|Pem|s?Bytes)?$/i;

/** Fields that end in `key` and are none: names of things. */
const PLAIN_KEYS = /^(key|primaryKey|indexKey|sortKey)$/;

export interface Bounds {
  readonly depthMax: number;
  readonly valuesMax: number;
}

export const CONTEXT_BOUNDS: Bounds = { depthMax: DEPTH_MAX, valuesMax: VALUES_MAX };
/** Events are many: only their upper parts are shown. */
export const EVENT_BOUNDS: Bounds = { depthMax: 3, valuesMax: 60 };

/** Never throws. What does not fit is replaced by a short text that says what it was. */
export function boundedJson(value: unknown, bounds: Bounds): Json {
  return convert(value, bounds.depthMax, { left: bounds.valuesMax });
}

/** The same for the fields of an event or a record, whose shape is kept. */
export function boundedFields(value: object, bounds: Bounds): { readonly [key: string]: Json } {
  const entries = Object.entries(value);
  return convertFields(entries, entries.length, bounds.depthMax, { left: bounds.valuesMax });
}

interface Budget {
  left: number;
}

function convert(value: unknown, depth: number, budget: Budget): Json {
  budget.left -= 1;
  switch (typeof value) {
    case 'string':
      return value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}${CUT}` : value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'undefined':
      return null;
    case 'function':
      return `ƒ ${value.name}`;
    case 'object':
      return value === null ? null : convertObject(value, depth, budget);
  }
}

function convertObject(value: object, depth: number, budget: Budget): Json {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Promise) return 'Promise';
  if (isActor(value)) return `actor ${value.id}`;
  if (depth === 0 || budget.left <= 0) return summary(value);
  if (Array.isArray(value)) return convertList(value, value.length, depth, budget);
  if (value instanceof Set) return convertList(value, value.size, depth, budget);
  if (isMap(value)) return convertFields(value, value.size, depth, budget);
  return convertPlain(value, depth, budget);
}

/** A map of any make: some of the program's tables are maps without being Node's. */
function isMap(value: object): value is ReadonlyMap<unknown, unknown> {
  if (value instanceof Map) return true;
  const { size, entries } = value as Partial<ReadonlyMap<unknown, unknown>>;
  return typeof size === 'number' && typeof entries === 'function' && !(value instanceof Set);
}

function summary(value: object): string {
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (isMap(value) || value instanceof Set) return `set of ${value.size}`;
  const name = value.constructor?.name ?? 'Object';
  return name === 'Object' ? '{…}' : name;
}

function convertList(
  values: Iterable<unknown>,
  size: number,
  depth: number,
  budget: Budget,
): readonly Json[] {
  const list: Json[] = [];
  for (const value of values) {
    if (list.length >= ENTRIES_MAX || budget.left <= 0) break;
    list.push(convert(value, depth - 1, budget));
  }
  if (size > list.length) list.push(`${CUT} ${size - list.length} more`);
  return list;
}

function convertPlain(value: object, depth: number, budget: Budget): Json {
  let entries: [string, unknown][];
  try {
    entries = Object.entries(value);
  } catch {
    return summary(value);
  }
  if (entries.length === 0) return summary(value) === '{…}' ? {} : summary(value);
  return convertFields(entries, entries.length, depth, budget);
}

function convertFields(
  entries: Iterable<[unknown, unknown]>,
  size: number,
  depth: number,
  budget: Budget,
): { readonly [key: string]: Json } {
  const fields: Record<string, Json> = {};
  let count = 0;
  for (const [key, value] of entries) {
    if (count >= ENTRIES_MAX || budget.left <= 0) break;
    const name = typeof key === 'string' ? key : String(convert(key, 1, budget));
    fields[name] = isSecret(name, value) ? HIDDEN : convert(value, depth - 1, budget);
    count += 1;
  }
  if (size > count) fields[CUT] = `${size - count} more`;
  return fields;
}

function isSecret(name: string, value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (typeof value === 'number' || typeof value === 'boolean') return false;
  return SECRET.test(name) && !PLAIN_KEYS.test(name);
}

function isActor(value: object): value is { readonly id: string } {
  return 'sessionId' in value && 'getSnapshot' in value && 'id' in value;
}
