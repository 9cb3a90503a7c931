/**
 * Logging as the rest of the program sees it: one line per change of state, a short text and fields.
 * What writes the lines (pino in `src/main`, a list in tests) is decided by whoever starts things.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
  /** A log whose lines carry `name` appended to the actor path: `server` → `server/raft`. */
  child(name: string): Log;
}

/** One line, before it is written. */
export interface LogLine {
  readonly level: LogLevel;
  /** Path of the actor in the supervisor tree, joined by `/`; empty for the process itself. */
  readonly actor: string;
  readonly text: string;
  readonly fields: LogFields;
}

const NO_FIELDS: LogFields = {};

/** A log that hands every line to `write`. */
export function createLog(write: (line: LogLine) => void, actor = ''): Log {
  const at =
    (level: LogLevel) =>
    (text: string, fields: LogFields = NO_FIELDS): void =>
      write({ level, actor, text, fields });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (name) => createLog(write, actor === '' ? name : `${actor}/${name}`),
  };
}

/** Lines that a memory log keeps; older ones are dropped. */
export const MEMORY_LINES_MAX = 10_000;

/** A log that keeps its lines, for tests and for the last lines of a crash report. */
export interface MemoryLog extends Log {
  readonly lines: readonly LogLine[];
}

export function createMemoryLog(): MemoryLog {
  const lines: LogLine[] = [];
  const log = createLog((line) => {
    lines.push(line);
    if (lines.length > MEMORY_LINES_MAX) lines.splice(0, MEMORY_LINES_MAX / 2);
  });
  return { ...log, lines };
}

/** A log that forgets everything. */
export const silentLog: Log = createLog(() => {});
