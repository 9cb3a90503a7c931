/** The program's source files, as text, for the rules of the house. */

import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Source {
  /** Path from the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** Path from the root for own files, the bare name for packages. */
  readonly target: string;
  readonly kind: 'type' | 'value';
  /** What is imported, as written. */
  readonly names: string;
}

/** All TypeScript files in the given folders. */
export function sourcesIn(...folders: readonly string[]): readonly Source[] {
  return folders.flatMap((folder) =>
    readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
      .sort()
      .map((path) => ({ path, text: readFileSync(`${ROOT}/${path}`, 'utf8') })),
  );
}

const IMPORT = /^(?:import|export)\s+(type\s)?([^;]*?)\sfrom\s+'([^']+)'|\bimport\('([^']+)'\)/gm;

export function importsOf(source: Source): readonly Import[] {
  return [...source.text.matchAll(IMPORT)].map(([, type, names = '', from, lazy]) => {
    const target = from ?? lazy ?? '';
    const onlyTypes = /^\{(\s*type\s[^,}]+,?)+\s*\}$/.test(names.trim());
    return {
      target: target.startsWith('.') ? posix.join(posix.dirname(source.path), target) : target,
      kind: type || onlyTypes ? 'type' : 'value',
      names,
    };
  });
}

/** The text without comments, so that rules about code do not read prose. */
export function codeOf(source: Source): string {
  return source.text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
