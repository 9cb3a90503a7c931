/** Where configuration comes from: files, folders and pieces on the command line, in order. */

import { fileErrorText } from '../file-errors.ts';
import type { Disk } from '../world/world.ts';
import { checkFragment, type Fragment } from './fragment.ts';
import { HclError, parseHcl } from './hcl.ts';
import { type ConfigIssue, fileIssue, warning } from './issues.ts';

export type ConfigFormat = 'hcl' | 'json';

/** Files that one folder may give at most; a folder with more is refused. */
const FILES_MAX = 10_000;

export interface ReadSources {
  readonly fragments: readonly Fragment[];
  readonly issues: readonly ConfigIssue[];
}

/** Reads `paths`, files and folders, in their order. `format` overrides the endings of names. */
export async function readSources(
  disk: Disk,
  paths: readonly string[],
  format: ConfigFormat | undefined,
): Promise<ReadSources> {
  const fragments: Fragment[] = [];
  const issues: ConfigIssue[] = [];
  for (const path of paths) {
    const names = await filesAt(disk, path);
    if (typeof names === 'string') {
      const text = `config: Open failed on ${path}. ${names}`;
      issues.push(fileIssue('file.unreadable', path, text));
      continue;
    }
    for (const name of names) {
      const kind = format ?? formatOf(name);
      if (kind === undefined) {
        issues.push(warning('file.skipped', skipped(name)));
        continue;
      }
      const read = await readOne(disk, name, kind);
      // A folder inside of a folder is passed over.
      if (read === undefined) continue;
      fragments.push(read.fragment);
      issues.push(...read.issues);
    }
  }
  return { fragments, issues };
}

/** Understands one text; `name` is used in the issues. */
export function parseSource(
  name: string,
  text: string,
  format: ConfigFormat,
): { readonly fragment: Fragment; readonly issues: readonly ConfigIssue[] } {
  try {
    const content: unknown = format === 'json' ? JSON.parse(text) : parseHcl(text);
    return checkFragment(name, content);
  } catch (error) {
    if (!(error instanceof HclError) && !(error instanceof SyntaxError)) throw error;
    return { fragment: new Map(), issues: [fileIssue('file.malformed', name, error.message)] };
  }
}

/** Paths of the files, or why there are none. */
async function filesAt(disk: Disk, path: string): Promise<readonly string[] | string> {
  try {
    const names = await disk.list(path);
    if (names.length > FILES_MAX) return `more than ${FILES_MAX} files`;
    return names.map((name) => `${path.replace(/\/+$/, '')}/${name}`);
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return [path];
    return fileErrorText('open', path, error);
  }
}

async function readOne(
  disk: Disk,
  path: string,
  format: ConfigFormat,
): Promise<ReturnType<typeof parseSource> | undefined> {
  try {
    const text = Buffer.from(await disk.readFile(path)).toString('utf8');
    return parseSource(path, text, format);
  } catch (error) {
    if (codeOf(error) === 'EISDIR') return undefined;
    const text = `config: ReadFile failed on ${path}: ${fileErrorText('open', path, error)}`;
    return { fragment: new Map(), issues: [fileIssue('file.unreadable', path, text)] };
  }
}

function skipped(name: string): string {
  return `skipping file ${name}, extension must be .hcl or .json, or config format must be set`;
}

function formatOf(name: string): ConfigFormat | undefined {
  if (name.endsWith('.json')) return 'json';
  return name.endsWith('.hcl') ? 'hcl' : undefined;
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | null)?.code;
}
