/** Writes log lines with pino, as JSON lines: level, time, actor path, text, fields. */

import { destination, pino } from 'pino';
import { createLog, type Log, type LogLevel } from './log.ts';

/** `fd` 1 is standard output, 2 standard error. */
export function createPinoLog(options: { readonly level: LogLevel; readonly fd: 1 | 2 }): Log {
  const logger = pino(
    { level: options.level, base: null, serializers: { error: errorFields } },
    destination(options.fd),
  );
  return createLog(({ level, actor, text, fields }) => {
    const bindings = actor === '' ? fields : { actor, ...fields };
    logger[level](bindings, text);
  });
}

/** Errors that only a mistake in the program makes: their stack says where. */
const MISTAKES = [TypeError, ReferenceError, RangeError, SyntaxError];

/** Operating errors are their text, which names what was attempted; mistakes come with the stack. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const mistake = MISTAKES.some((kind) => error instanceof kind);
  return mistake ? (error.stack ?? error.message) : error.message;
}
