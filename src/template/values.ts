/** Values of templates, their types, and what becomes what by itself where another type is wanted. */

import { parseGoBool } from '../go-bool.ts';

/** A text that is no template, or cannot be evaluated; the message is what its writer is told. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** A value with its type. The language has lists and maps too, but nothing here holds one. */
export type Value =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean };

export type ValueType = Value['type'];

const INT_MIN = -(2n ** 63n);
/** No number is longer, whatever its prefix. */
const NUMBER_CHARACTERS_MAX = 80;

/** Ints wrap around at 64 bits. */
export function int(value: bigint): Value {
  return { type: 'int', value: BigInt.asIntN(64, value) };
}

export function text(value: string): Value {
  return { type: 'string', value };
}

export function bool(value: boolean): Value {
  return { type: 'bool', value };
}

/** The value as one of another type; `null` where the language has no such conversion. */
export function converted(value: Value, type: ValueType): Value | null {
  if (value.type === type) return value;
  switch (value.type) {
    case 'string':
      return fromText(value.value, type);
    case 'int':
      if (type === 'float') return { type, value: Number(value.value) };
      return type === 'string' ? text(String(value.value)) : null;
    case 'float':
      if (type === 'int') return int(wholePart(value.value));
      return type === 'string' ? text(floatText(value.value)) : null;
    case 'bool':
      return type === 'string' ? text(String(value.value)) : null;
  }
}

function fromText(value: string, type: ValueType): Value {
  if (type === 'int') return int(parsedInt(value));
  if (type === 'float') return { type, value: parsedFloat(value) };
  const parsed = parseGoBool(value);
  if (parsed === null) throw unparsed('StringToBool', 'ParseBool', value);
  return bool(parsed);
}

/** What no int holds becomes the smallest one, as processors convert it. */
function wholePart(value: number): bigint {
  const whole = Number.isFinite(value) ? BigInt(Math.trunc(value)) : INT_MIN;
  return BigInt.asIntN(64, whole) === whole ? whole : INT_MIN;
}

/** With Go's prefixes: `0x`, `0b`, `0o` or a plain leading `0` for octal, and `_` after a prefix. */
function parsedInt(value: string): bigint {
  const sign = value.startsWith('-') ? -1n : 1n;
  const digits = value.replace(/^[+-]/, '').toLowerCase();
  const plain = /^0[xbo]?_?[0-9a-f]/.test(digits) ? digits.replaceAll('_', '') : digits;
  const octal = /^0[0-7]+$/.test(plain) ? `0o${plain.slice(1)}` : plain;
  if (
    octal.length > NUMBER_CHARACTERS_MAX ||
    !/^(?:0|[1-9]\d*|0x[0-9a-f]+|0b[01]+|0o[0-7]+)$/.test(octal)
  ) {
    throw unparsed('StringToInt', 'ParseInt', value);
  }
  const parsed = sign * BigInt(octal);
  if (BigInt.asIntN(64, parsed) !== parsed) {
    throw unparsed('StringToInt', 'ParseInt', value, 'value out of range');
  }
  return parsed;
}

function parsedFloat(value: string): number {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value)) {
    throw unparsed('StringToFloat', 'ParseFloat', value);
  }
  return Number(value);
}

function unparsed(
  conversion: string,
  parser: string,
  value: string,
  why = 'invalid syntax',
): TemplateError {
  return new TemplateError(
    `__builtin_${conversion}: strconv.${parser}: parsing ${JSON.stringify(value)}: ${why}`,
  );
}

/** As Go's shortest `%g`: an exponent of two digits below 1e-4 and from 1e6 on. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN';
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}
