/**
 * JSON input described as data, read with Go's leniency: keys match without case and without `_`,
 * `null` leaves a field at its zero value, durations are texts or nanoseconds. What is read has all
 * fields of its description; what was missing has the Go zero value.
 */

import { decodeGoBase64 } from '../../go-base64.ts';
import { durationComplaint, parseGoDuration } from '../../go-duration.ts';
import type { MsgpackAny } from '../../wire/msgpack/reader.ts';
import { JsonDecodeError, JsonNumber, type JsonValue, parseJson } from './parse.ts';

export interface JsonInput<T> {
  /** Throws a JsonDecodeError. */
  read(value: JsonValue, path: string): T;
  zero(): T;
}

export type InputOf<I> = I extends JsonInput<infer T> ? T : never;

/** Reads a request body. Throws a JsonDecodeError whose message follows `Request decode failed: `. */
export function decodeJson<T>(input: JsonInput<T>, body: string): T {
  return input.read(parseJson(body), '');
}

/** A scalar: refuses other JSON types with Go's words, `null` is zero. */
function scalar<T>(goType: string, zero: T, accept: (value: JsonValue) => T | undefined) {
  return {
    zero: () => zero,
    read(value: JsonValue, path: string): T {
      if (value === null) return zero;
      const accepted = accept(value);
      if (accepted === undefined) throw mismatch(value, path, goType);
      return accepted;
    },
  };
}

function mismatch(value: JsonValue, path: string, goType: string): JsonDecodeError {
  const where = path === '' ? 'value' : `struct field ${path}`;
  return new JsonDecodeError(
    `json: cannot unmarshal ${kindOf(value)} into Go ${where} of type ${goType}`,
  );
}

function kindOf(value: JsonValue): string {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (value instanceof JsonNumber)
    return /[.eE]/.test(value.text) ? `number ${value.text}` : 'number';
  return Array.isArray(value) ? 'array' : 'object';
}

export const str: JsonInput<string> = scalar('string', '', (value) =>
  typeof value === 'string' ? value : undefined,
);

export const bool: JsonInput<boolean> = scalar('bool', false, (value) =>
  typeof value === 'boolean' ? value : undefined,
);

/** An integer that a JavaScript number holds. */
export const int: JsonInput<number> = scalar('int', 0, (value) => {
  if (!(value instanceof JsonNumber) || !/^-?\d+$/.test(value.text)) return undefined;
  const number = Number(value.text);
  return Number.isSafeInteger(number) ? number : undefined;
});

export const uint: JsonInput<number> = scalar('uint64', 0, (value) => {
  if (!(value instanceof JsonNumber) || !/^\d+$/.test(value.text)) return undefined;
  const number = Number(value.text);
  return Number.isSafeInteger(number) ? number : undefined;
});

/** Any 64 bits. */
export const bigUint: JsonInput<bigint> = scalar('uint64', 0n, (value) => {
  if (!(value instanceof JsonNumber) || !/^\d+$/.test(value.text)) return undefined;
  const number = BigInt(value.text);
  return number <= 0xffff_ffff_ffff_ffffn ? number : undefined;
});

export const float: JsonInput<number> = scalar('float64', 0, (value) =>
  value instanceof JsonNumber ? Number(value.text) : undefined,
);

/** A Go duration as text, or a number of nanoseconds. */
export const duration: JsonInput<number> = {
  zero: () => 0,
  read(value, path) {
    if (typeof value !== 'string') {
      return scalar('time.Duration', 0, (given) =>
        given instanceof JsonNumber ? Math.trunc(Number(given.text)) : undefined,
      ).read(value, path);
    }
    if (value === '') return 0;
    const nanoseconds = parseGoDuration(value);
    if (nanoseconds === null) throw new JsonDecodeError(durationComplaint(value));
    return nanoseconds;
  },
};

/** Base64 text to bytes; `null` is nil. */
export const base64: JsonInput<Uint8Array | null> = {
  zero: () => null,
  read(value, path) {
    if (value === null) return null;
    const text = str.read(value, path);
    const decoded = decodeGoBase64(text);
    if (!decoded.ok) throw new JsonDecodeError(decoded.error);
    return decoded.bytes;
  },
};

/** `goType` is Go's name of the list, for error texts. */
export function list<T>(item: JsonInput<T>, goType = '[]'): JsonInput<readonly T[] | null> {
  return {
    zero: () => null,
    read(value, path) {
      if (value === null) return null;
      if (!isList(value)) throw mismatch(value, path, goType);
      return value.map((one) => item.read(one, path));
    },
  };
}

export function map<T>(item: JsonInput<T>): JsonInput<Readonly<Record<string, T>> | null> {
  return {
    zero: () => null,
    read(value, path) {
      if (value === null) return null;
      if (!(value instanceof Map)) throw mismatch(value, path, 'map');
      const entries: [string, T][] = [];
      for (const [key, one] of value) entries.push([key, item.read(one, path)]);
      return Object.fromEntries(entries);
    },
  };
}

/** A pointer: missing and `null` are nil. */
export function pointer<T>(target: JsonInput<T>): JsonInput<T | null> {
  return {
    zero: () => null,
    read: (value, path) => (value === null ? null : target.read(value, path)),
  };
}

/** What is read in one shape and kept in another. */
export function into<Read, T>(input: JsonInput<Read>, shape: (read: Read) => T): JsonInput<T> {
  return {
    zero: () => shape(input.zero()),
    read: (value, path) => shape(input.read(value, path)),
  };
}

/** A value of unknown shape. */
export const any: JsonInput<MsgpackAny> = { zero: () => null, read: plain };

function plain(value: JsonValue): MsgpackAny {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof JsonNumber) return Number(value.text);
  if (isList(value)) return value.map(plain);
  const entries = [...(value as ReadonlyMap<string, JsonValue>)];
  return Object.fromEntries(entries.map(([key, one]) => [key, plain(one)]));
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

// biome-ignore lint/suspicious/noExplicitAny: the only way to accept an input of any type here
type Fields = Readonly<Record<string, JsonInput<any>>>;
type ObjectOf<F extends Fields> = { readonly [K in keyof F]: InputOf<F[K]> };

export interface ObjectRules<F> {
  /** Go's name of the struct, for error texts. */
  readonly name: string;
  /** What to do with keys that no field has; keys that only later versions know are dropped. */
  readonly unknown: 'refuse' | 'ignore';
  /** Further spellings: `{ Args: 'ScriptArgs' }`. */
  readonly alias?: Readonly<Record<string, keyof F & string>>;
}

/** Names that later releases send. They are dropped wherever they stand. */
const LATER_NAMES = new Set(
  [
    'Peer',
    'PeerName',
    'Partition',
    'Locality',
    'H2PING',
    'H2PingUseTLS',
    'UDP',
    'OSService',
    'SocketPath',
    'FailuresBeforeWarning',
    'DisableRedirects',
    'TLSServerName',
    'ExposedPort',
    'DestinationPeer',
    'DestinationPartition',
    'Mode',
    'TransparentProxy',
    'LocalServiceSocketPath',
    'LocalBindSocketPath',
    'LocalBindSocketMode',
    'EnvoyExtensions',
    'AccessLogs',
    'PeerMeta',
  ].map(folded),
);

export function object<F extends Fields>(fields: F, rules: ObjectRules<F>): JsonInput<ObjectOf<F>> {
  const byFolded = new Map<string, string>();
  for (const name of Object.keys(fields)) byFolded.set(folded(name), name);
  for (const [spelling, name] of Object.entries(rules.alias ?? {})) {
    byFolded.set(folded(spelling), name);
  }
  const zero = (): Record<string, unknown> =>
    Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.zero()]));
  return {
    zero: () => zero() as ObjectOf<F>,
    read(value, path) {
      const read = zero();
      if (value === null) return read as ObjectOf<F>;
      if (!(value instanceof Map)) throw mismatch(value, path, rules.name);
      for (const [key, one] of value as ReadonlyMap<string, JsonValue>) {
        const name = byFolded.get(folded(key));
        if (name !== undefined) {
          const at = `${path === '' ? rules.name : path}.${name}`;
          read[name] = (fields[name] as JsonInput<unknown>).read(one, at);
        } else if (rules.unknown === 'refuse' && !LATER_NAMES.has(folded(key))) {
          throw unknownField(key);
        }
      }
      return read as ObjectOf<F>;
    },
  };
}

function unknownField(key: string): JsonDecodeError {
  const enterprise = key === 'Namespace' ? ' - Namespaces are a Consul Enterprise feature' : '';
  return new JsonDecodeError(`json: unknown field ${JSON.stringify(key)}${enterprise}`);
}

function folded(key: string): string {
  return key.replaceAll('_', '').toLowerCase();
}
