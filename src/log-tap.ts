/** Lets others read along what a log is told, whatever of it is written. */

import { createLog, type Log, type LogLine } from './log.ts';

export type LogReader = (line: LogLine) => void;

export interface TappedLog {
  /** To be used in place of the log behind it. */
  readonly log: Log;
  /** Hands every line to `reader` from now on. Returns the way to end that. */
  listen(reader: LogReader): () => void;
}

export function tapLog(behind: Log): TappedLog {
  const readers = new Set<LogReader>();
  const children = new Map<string, Log>([['', behind]]);
  const childOf = (actor: string): Log => {
    const known = children.get(actor);
    if (known !== undefined) return known;
    const made = behind.child(actor);
    children.set(actor, made);
    return made;
  };
  const log = createLog((line) => {
    childOf(line.actor)[line.level](line.text, line.fields);
    for (const reader of readers) reader(line);
  });
  return {
    log,
    listen(reader) {
      readers.add(reader);
      return () => readers.delete(reader);
    },
  };
}
