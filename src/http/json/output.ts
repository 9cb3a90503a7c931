/**
 * JSON output described as data. A description knows how one value looks and when Go's `omitempty`
 * would leave it out; objects list their fields in the order in which they are written. The text is
 * composed directly: 64-bit numbers keep all their digits, nothing passes through `JSON.stringify`
 * but strings.
 */

import { goDurationText } from '../../go-duration.ts';
import type { MsgpackAny } from '../../wire/msgpack/reader.ts';
import { type GoTime, goTimeToRfc3339 } from '../../wire/msgpack/time.ts';
import { jsonString } from './escape.ts';

export interface JsonOutput<T> {
  /** Compact JSON of the value. */
  text(value: T): string;
  /** Whether a field marked with `omit` is left out. */
  isEmpty(value: T): boolean;
}

export const str: JsonOutput<string> = { text: jsonString, isEmpty: (value) => value === '' };

export const bool: JsonOutput<boolean> = {
  text: (value) => (value ? 'true' : 'false'),
  isEmpty: (value) => !value,
};

/** Any integer, exact. */
export const int: JsonOutput<number | bigint> = {
  text: (value) => String(value),
  isEmpty: (value) => value === 0 || value === 0n,
};

/** Go prints a float in plain digits between 1e-6 and 1e21, else with a two-digit exponent. */
export const float: JsonOutput<number> = {
  text(value) {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-6 || size >= 1e21)) {
      return value
        .toExponential()
        .replace(/e([+-])(\d)$/, (_, sign: string, digit: string) =>
          sign === '-' ? `e-0${digit}` : `e+0${digit}`,
        );
    }
    return String(value);
  },
  isEmpty: (value) => value === 0,
};

/** Bytes in base64; nil is `null`. */
export const base64: JsonOutput<Uint8Array | null> = {
  text: (value) => (value === null ? 'null' : `"${Buffer.from(value).toString('base64')}"`),
  isEmpty: (value) => value === null || value.length === 0,
};

/** Bytes in base64; nil and empty are `null`. */
export const base64OrNull: JsonOutput<Uint8Array | null> = {
  text: (value) => base64.text(value === null || value.length === 0 ? null : value),
  isEmpty: base64.isEmpty,
};

/** Nanoseconds as text, `10s`. */
export const durationText: JsonOutput<number> = {
  text: (value) => `"${goDurationText(value)}"`,
  isEmpty: (value) => value === 0,
};

export const time: JsonOutput<GoTime> = {
  text: (value) => `"${goTimeToRfc3339(value)}"`,
  isEmpty: () => false,
};

/** A list; `nil` says what stands for an absent one. */
export function list<T>(
  item: JsonOutput<T>,
  nil: 'null' | '[]' = '[]',
): JsonOutput<readonly T[] | null> {
  return {
    text: (value) => (value === null ? nil : `[${value.map((one) => item.text(one)).join(',')}]`),
    isEmpty: (value) => value === null || value.length === 0,
  };
}

/** A map, keys sorted by their bytes as Go does; `nil` says what stands for an absent one. */
export function map<T>(
  item: JsonOutput<T>,
  nil: 'null' | '{}' = 'null',
): JsonOutput<Readonly<Record<string, T>> | null> {
  return {
    text(value) {
      if (value === null) return nil;
      const entries = Object.entries(value).sort(([a], [b]) => compareBytes(a, b));
      return `{${entries.map(([key, one]) => `${jsonString(key)}:${item.text(one)}`).join(',')}}`;
    },
    isEmpty: (value) => value === null || Object.keys(value).length === 0,
  };
}

/** A pointer; nil is `null`. */
export function nullable<T>(target: JsonOutput<T>): JsonOutput<T | null> {
  return {
    text: (value) => (value === null ? 'null' : target.text(value)),
    isEmpty: (value) => value === null,
  };
}

/** A value seen through a function: for what is stored in one shape and shown in another. */
export function via<T, Shown>(shape: (value: T) => Shown, out: JsonOutput<Shown>): JsonOutput<T> {
  return {
    text: (value) => out.text(shape(value)),
    isEmpty: (value) => out.isEmpty(shape(value)),
  };
}

/** A value of unknown shape. */
export const any: JsonOutput<MsgpackAny | undefined> = {
  text: anyText,
  isEmpty: (value) => value === null || value === undefined,
};

function anyText(value: MsgpackAny | undefined): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return jsonString(value);
  if (typeof value === 'number') return float.text(value);
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return base64.text(value);
  if (isList(value)) return `[${value.map(anyText).join(',')}]`;
  return map(any).text(value);
}

function isList(value: MsgpackAny): value is readonly MsgpackAny[] {
  return Array.isArray(value);
}

/** A field that is left out when empty. */
export interface OmittedField<T> {
  readonly omit: JsonOutput<T>;
}

export function omit<T>(out: JsonOutput<T>): OmittedField<T> {
  return { omit: out };
}

type Field<T> = JsonOutput<T> | OmittedField<T>;

/** An object: fields in the order of output; fields of `T` that are not named are not shown. */
export function object<T>(fields: { readonly [K in keyof T]?: Field<T[K]> }): JsonOutput<T> {
  const written = Object.entries(fields).map(([name, field]) => {
    const described = field as Field<unknown>;
    return {
      name: name as keyof T,
      head: `${jsonString(name)}:`,
      out: 'omit' in described ? described.omit : described,
      omit: 'omit' in described,
    };
  });
  return {
    text(value) {
      const parts: string[] = [];
      for (const { name, head, out, omit } of written) {
        const member = value[name];
        if (omit && out.isEmpty(member)) continue;
        parts.push(head + out.text(member));
      }
      return `{${parts.join(',')}}`;
    },
    isEmpty: () => false,
  };
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
