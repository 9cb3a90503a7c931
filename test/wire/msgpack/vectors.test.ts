/** Values as Go's codec writes them, and what it accepts and refuses. */

import { describe, expect, it } from 'vitest';
import {
  any,
  bool,
  bytes,
  type Codec,
  decode,
  duration,
  encode,
  f64,
  i64,
  map,
  pointer,
  slice,
  str,
  struct,
  tryDecode,
  u64,
} from '../../../src/wire/msgpack/schema.ts';
import { goTimeToRfc3339, isZeroTime, time } from '../../../src/wire/msgpack/time.ts';
import { type Vector, vectorsOf } from '../../support/vectors.ts';

const VECTORS = vectorsOf('rpc.json');
const ofKind = (kind: string): readonly (readonly [string, Vector])[] =>
  VECTORS.filter((vector) => vector.kind === kind).map((vector) => [vector.name, vector]);

/** What is not written back to the same bytes, and why. */
const NOT_CANONICAL: ReadonlyMap<string, string> = new Map([
  ['float32/50.5', 'no field of a served message is a float32: floats are written as float64'],
]);

function codecFor(name: string): Codec<unknown> {
  if (name.startsWith('float')) return f64 as Codec<unknown>;
  if (name.startsWith('time/')) return time as unknown as Codec<unknown>;
  return any as Codec<unknown>;
}

/** A value in the notation of the vectors. */
function spelled(value: unknown): unknown {
  if (typeof value === 'bigint') return { $int: String(value) };
  if (value instanceof Uint8Array) return { $raw: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return value.map(spelled);
  if (typeof value !== 'object' || value === null) return value;
  if ('unixSeconds' in value && 'nanoseconds' in value && 'zoneMinutes' in value) {
    const utc = { ...value, zoneMinutes: -1 } as Parameters<typeof goTimeToRfc3339>[0];
    return { $time: goTimeToRfc3339(utc), $zone_minutes: value.zoneMinutes };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, spelled(item)]));
}

/** The notation of the vectors without the types that JavaScript does not tell apart. */
function told(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(told);
  if ('$float64' in value) return value.$float64;
  if ('$float32' in value) return value.$float32;
  if ('$repeat' in value) {
    const [text, times] = value.$repeat as [string, number];
    return text.repeat(times);
  }
  if ('$raw' in value && /^(fe)+$/.test(String(value.$raw))) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, told(item)]));
}

describe('values', () => {
  it.each(ofKind('msgpack-value'))('%s', (name, { hex, decoded }) => {
    const codec = codecFor(name);
    const value = decode(codec, Buffer.from(hex, 'hex'));
    expect(spelled(value)).toEqual(told(decoded));
    const again = encode(codec, value).toString('hex');
    if (NOT_CANONICAL.has(name)) expect(again).not.toBe(hex);
    else expect(again).toBe(hex);
  });

  it.each(ofKind('msgpack-prefix'))('%s', (_name, { hex, decoded }) => {
    const written = encode(str, told(decoded) as string).toString('hex');
    expect(written.startsWith(hex)).toBe(true);
  });
});

const Weights = struct({ Passing: i64, Warning: i64 });
const Fields = struct({
  S: str,
  B: bytes,
  I: i64,
  U: u64,
  D: duration,
  F: f64,
  O: bool,
  T: time,
  L: slice(str),
  M: map(str),
  N: Weights,
  P: pointer(Weights),
  A: any,
});

/** Zero values left out, as the vectors do. */
function withoutZeros(value: object): unknown {
  const shown = Object.entries(value).filter(([, field]) => {
    if (field === null || field === '' || field === 0 || field === false) return false;
    if (field instanceof Uint8Array) return field.length > 0;
    if (typeof field === 'object' && 'unixSeconds' in field) return !isZeroTime(field);
    return !(typeof field === 'object' && 'Passing' in field && field === value['N' as never]);
  });
  return Object.fromEntries(
    shown.map(([key, field]) => {
      if (field instanceof Uint8Array) return [key, Buffer.from(field).toString('hex')];
      if (key === 'T') return [key, goTimeToRfc3339(field)];
      return [key, field];
    }),
  );
}

/** What Go prints of a value of unknown shape; bin is read as text here. */
const UNKNOWN_SHAPES: Readonly<Record<string, unknown>> = {
  'string ab': 'ab',
  '[]uint8 [97 98]': 'ab',
  'int64 5': 5,
  'uint64 255': 255,
  'float64 5': 5,
  'map[string]interface {} map[a:b]': { a: 'b' },
  '[]interface {} [a]': ['a'],
};

describe('what Go accepts', () => {
  it.each(ofKind('decode-accept'))('%s', (_name, { hex, decoded }) => {
    const value = decode(Fields, Buffer.from(hex, 'hex'));
    const expected = { ...(decoded as Record<string, unknown>) };
    if ('A' in expected) expected['A'] = UNKNOWN_SHAPES[String(expected['A'])];
    if ('N' in expected) {
      expect(value.N).toEqual(expected['N']);
      delete expected['N'];
    }
    expect(withoutZeros(value)).toEqual(expected);
    // It is written in the one way that Go writes it, and that is read as the same.
    expect(decode(Fields, encode(Fields, value))).toEqual(value);
  });
});

describe('what Go refuses', () => {
  it.each(ofKind('decode-reject'))('%s', (_name, { hex }) => {
    expect(tryDecode(Fields, Buffer.from(hex, 'hex')).ok).toBe(false);
  });
});
