/** Failures of files in the words of Go's `os` package, which scripts and vectors know. */

import { textOf } from './error-text.ts';

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EEXIST: 'file exists',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
  EMFILE: 'too many open files',
};

/** `open nope.pem: no such file or directory`. */
export function fileErrorText(operation: 'open' | 'read' | 'stat', path: string, error: unknown) {
  const code = (error as { readonly code?: unknown } | null)?.code;
  const words = typeof code === 'string' ? WORDS[code] : undefined;
  const reason = words ?? textOf(error);
  return `${operation} ${path}: ${reason}`;
}
