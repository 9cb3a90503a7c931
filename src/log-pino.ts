/** Writes log lines with pino, as JSON lines: level, time, actor path, text, fields. */

import { destination, pino, stdSerializers } from 'pino';
import { createLog, type Log, type LogLevel } from './log.ts';

/** `fd` 1 is standard output, 2 standard error. */
export function createPinoLog(options: { readonly level: LogLevel; readonly fd: 1 | 2 }): Log {
  const logger = pino(
    { level: options.level, base: null, serializers: { error: stdSerializers.err } },
    destination(options.fd),
  );
  return createLog(({ level, actor, text, fields }) => {
    const bindings = actor === '' ? fields : { actor, ...fields };
    logger[level](bindings, text);
  });
}
