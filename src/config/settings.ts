/** Typed reading of merged settings. Asking for a key by the wrong type is a bug and throws. */

import { durationComplaint, parseGoDuration } from '../go-duration.ts';
import type { Fragment } from './fragment.ts';
import { type ConfigIssue, valueIssue } from './issues.ts';
import { CONFIG_KEYS, type KeyKind } from './keys.ts';

const NS_PER_MS = 1e6;

export class Settings {
  readonly #values: Fragment;
  readonly #issues: ConfigIssue[];

  /** Values that cannot be used are added to `issues`. */
  constructor(values: Fragment, issues: ConfigIssue[]) {
    this.#values = values;
    this.#issues = issues;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  string(key: string): string | undefined {
    return this.#read(key, 'string') as string | undefined;
  }

  bool(key: string): boolean | undefined {
    return this.#read(key, 'bool') as boolean | undefined;
  }

  int(key: string): number | undefined {
    return this.#read(key, 'int') as number | undefined;
  }

  float(key: string): number | undefined {
    return this.#read(key, 'float') as number | undefined;
  }

  list(key: string): readonly string[] {
    return (this.#read(key, 'list') as readonly string[] | undefined) ?? [];
  }

  map(key: string): Readonly<Record<string, string>> {
    return (this.#read(key, 'map') as Readonly<Record<string, string>> | undefined) ?? {};
  }

  opaque(key: string): unknown {
    return this.#read(key, 'opaque');
  }

  /** Milliseconds; a text that is no duration is an issue and reads as absent. */
  durationMs(key: string): number | undefined {
    const text = this.#read(key, 'duration') as string | undefined;
    if (text === undefined || text === '') return undefined;
    const ns = parseGoDuration(text);
    if (ns !== null) return ns / NS_PER_MS;
    const quoted = JSON.stringify(text);
    this.#issues.push(
      valueIssue(
        'duration.invalid',
        key,
        `${key}: invalid duration: ${quoted}: ${durationComplaint(text)}`,
      ),
    );
    return undefined;
  }

  #read(key: string, kind: KeyKind): unknown {
    if (CONFIG_KEYS.get(key) !== kind) throw new TypeError(`${key} is not of type ${kind}`);
    return this.#values.get(key);
  }
}
