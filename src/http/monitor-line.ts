/** Log lines as `/v1/agent/monitor` sends them: in Consul's form, so that its readers understand. */

import { toError } from '../error-text.ts';
import type { LogLine } from '../log.ts';

export type LineForm = 'text' | 'json';

const TEXT_LEVELS = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR' } as const;
const LEVEL_WIDTH = '[DEBUG]'.length;

/** One line with its end; `nowMs` is the wall clock. */
export function lineText(line: LogLine, nowMs: number, form: LineForm): string {
  const time = new Date(nowMs).toISOString();
  const module = line.actor === '' ? 'agent' : `agent.${line.actor.replaceAll('/', '.')}`;
  const fields = Object.entries(line.fields).map(
    ([name, value]) => [name, value instanceof Error ? toError(value).message : value] as const,
  );
  if (form === 'json') {
    const said = { '@level': line.level, '@message': line.text, '@module': module };
    return `${JSON.stringify({ ...said, '@timestamp': time, ...Object.fromEntries(fields) })}\n`;
  }
  const level = `[${TEXT_LEVELS[line.level]}]`.padEnd(LEVEL_WIDTH);
  const pairs = fields.map(([name, value]) => ` ${name}=${fieldText(value)}`).join('');
  return `${time} ${level} ${module}: ${line.text}${pairs === '' ? '' : `:${pairs}`}\n`;
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
  return typeof value === 'string' && /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
