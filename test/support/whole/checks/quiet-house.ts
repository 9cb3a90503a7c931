import type { WholeFederation } from '../federation.ts';

/** What no process may do, whatever happens around it: lose messages, fail children, throw. */
const NEVER = ['dead letter', 'child failed', 'a receiver threw', 'child did not finish in time'];

const NOBODY: ReadonlySet<string> = new Set();

export function quietHouse({ servers, gateways }: WholeFederation): string[] {
  const houses = [
    ...servers.flatMap(({ name, logs, expectedFailures: excused }) =>
      logs.map((log) => ({ name, log, excused })),
    ),
    ...gateways.map(({ id, dc, log }) => ({ name: `${id}.${dc}`, log, excused: NOBODY })),
  ];
  return houses.flatMap(({ name, log, excused }) =>
    log.lines
      .filter(({ text }) => NEVER.includes(text))
      .filter(({ text, fields }) => !isExcused(text, fields, excused))
      .map(({ text, actor, fields }) => `${name} ${actor}: ${text} ${describe(fields)}`),
  );
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value instanceof Error ? value.stack : String(value)}`)
    .join(' ');
}

/** Who was made to fail may fail, and does not hear what is sent before it is started again. */
function isExcused(
  text: string,
  fields: Readonly<Record<string, unknown>>,
  excused: ReadonlySet<string>,
): boolean {
  if (text === 'child failed') return excused.has(String(fields['child']));
  return text === 'dead letter' && excused.has(String(fields['to']));
}
