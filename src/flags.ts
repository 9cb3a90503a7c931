/**
 * Command-line flags as Go's `flag` package reads them, since scripts written for Consul rely on it:
 * one or two dashes, `-name value` or `-name=value`, booleans without a value, parsing stops at the
 * first argument that is not a flag or after `--`.
 */

export type FlagKind = 'string' | 'bool' | 'int' | 'duration' | 'list';

export interface FlagSpec {
  readonly name: string;
  readonly kind: FlagKind;
  readonly help: string;
  /** Shown in the help text; what an absent flag means is the command's business. */
  readonly fallback?: string;
}

export type FlagValue = string | boolean | number | readonly string[];

export interface ParsedFlags {
  /** Only the flags that were given; lists in order of the command line. */
  readonly values: ReadonlyMap<string, FlagValue>;
  /** What follows the flags. */
  readonly rest: readonly string[];
}

export type FlagsOutcome =
  | { readonly ok: true; readonly flags: ParsedFlags }
  /** `help` is set when `-h` or `-help` was asked for, which is not an error. */
  | { readonly ok: false; readonly help: boolean; readonly text: string };

interface SplitFlag {
  readonly name: string;
  readonly value: string | undefined;
}

/** Parses `args` by `specs`. Never throws; error texts are Go's. */
export function parseFlags(specs: readonly FlagSpec[], args: readonly string[]): FlagsOutcome {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const values = new Map<string, FlagValue>();
  let position = 0;
  while (position < args.length) {
    const argument = args[position] as string;
    if (argument === '--') {
      position += 1;
      break;
    }
    if (argument.length < 2 || !argument.startsWith('-')) break;
    position += 1;
    const split = splitFlag(argument);
    if (split === undefined) return refusal(`bad flag syntax: ${argument}`);
    const spec = byName.get(split.name);
    if (spec === undefined) {
      if (split.name === 'h' || split.name === 'help') return { ok: false, help: true, text: '' };
      return refusal(`flag provided but not defined: -${split.name}`);
    }
    let text = split.value;
    if (text === undefined && spec.kind !== 'bool') {
      text = args[position];
      if (text === undefined) return refusal(`flag needs an argument: -${split.name}`);
      position += 1;
    }
    const problem = store(values, spec, text ?? 'true');
    if (problem !== undefined) return refusal(problem);
  }
  return { ok: true, flags: { values, rest: args.slice(position) } };
}

function splitFlag(argument: string): SplitFlag | undefined {
  const body = argument.startsWith('--') ? argument.slice(2) : argument.slice(1);
  if (body === '' || body.startsWith('-') || body.startsWith('=')) return undefined;
  const equals = body.indexOf('=');
  if (equals < 0) return { name: body, value: undefined };
  return { name: body.slice(0, equals), value: body.slice(equals + 1) };
}

function refusal(text: string): FlagsOutcome {
  return { ok: false, help: false, text };
}

const GO_TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const GO_FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function store(values: Map<string, FlagValue>, spec: FlagSpec, text: string): string | undefined {
  switch (spec.kind) {
    case 'string':
    case 'duration':
      values.set(spec.name, text);
      return undefined;
    case 'bool':
      if (!GO_TRUE.has(text) && !GO_FALSE.has(text)) {
        return `invalid boolean value "${text}" for -${spec.name}: parse error`;
      }
      values.set(spec.name, GO_TRUE.has(text));
      return undefined;
    case 'int':
      if (!/^[+-]?\d+$/.test(text)) {
        return `invalid value "${text}" for flag -${spec.name}: parse error`;
      }
      values.set(spec.name, Number(text));
      return undefined;
    case 'list':
      values.set(spec.name, [...listOf(values, spec.name), text]);
      return undefined;
  }
}

function listOf(values: ReadonlyMap<string, FlagValue>, name: string): readonly string[] {
  const value = values.get(name);
  return Array.isArray(value) ? value : [];
}

/** Typed reading of parsed flags; each throws if the flag is not of that kind. */
export class Flags {
  readonly #parsed: ParsedFlags;

  constructor(parsed: ParsedFlags) {
    this.#parsed = parsed;
  }

  get rest(): readonly string[] {
    return this.#parsed.rest;
  }

  has(name: string): boolean {
    return this.#parsed.values.has(name);
  }

  string(name: string): string | undefined {
    const value = this.#parsed.values.get(name);
    if (value !== undefined && typeof value !== 'string') throw kindError(name, 'string');
    return value;
  }

  bool(name: string): boolean {
    const value = this.#parsed.values.get(name) ?? false;
    if (typeof value !== 'boolean') throw kindError(name, 'bool');
    return value;
  }

  int(name: string): number | undefined {
    const value = this.#parsed.values.get(name);
    if (value !== undefined && typeof value !== 'number') throw kindError(name, 'int');
    return value;
  }

  list(name: string): readonly string[] {
    return listOf(this.#parsed.values, name);
  }
}

function kindError(name: string, kind: FlagKind): TypeError {
  return new TypeError(`flag -${name} is not of kind ${kind}`);
}

/** The `Options` part of a help text, flags in alphabetical order. */
export function describeFlags(specs: readonly FlagSpec[]): string {
  return [...specs]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((spec) => {
      const placeholder =
        spec.kind === 'bool' ? '' : `=<${spec.kind === 'list' ? 'value' : spec.kind}>`;
      const fallback = spec.fallback === undefined ? '' : ` (default ${spec.fallback})`;
      return `  -${spec.name}${placeholder}\n     ${spec.help}${fallback}`;
    })
    .join('\n\n');
}
