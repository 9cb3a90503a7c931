/** Writes log lines with pino, as JSON lines: level, time, actor path, text, fields. */

import { pino } from 'pino';
import { createLog, type Log, type LogLevel } from './log.ts';

/** Bytes that wait for a reader that has stalled; lines beyond are dropped. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/** `fd` 1 is standard output, 2 standard error. */
export function createPinoLog(options: { readonly level: LogLevel; readonly fd: 1 | 2 }): Log {
  const stream = options.fd === 1 ? process.stdout : process.stderr;
  // Whoever read the lines may be gone (`agent | head`): that must neither end nor hang the agent,
  // as pino's own destination does, which tries for ever to write its last lines.
  stream.on('error', () => {});
  const write = (line: string): void => {
    if (stream.writableLength < WAITING_BYTES_MAX) stream.write(line);
  };
  const logger = pino(
    { level: options.level, base: null, serializers: { error: errorFields } },
    { write },
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
