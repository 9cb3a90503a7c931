import type { WholeFederation } from '../federation.ts';

/** What no process may do, whatever happens around it: lose messages, fail children, throw. */
const NEVER = ['dead letter', 'child failed', 'a receiver threw', 'child did not finish in time'];

export function quietHouse({ servers, gateways }: WholeFederation): string[] {
  const houses = [
    ...servers.flatMap(({ name, logs }) => logs.map((log) => ({ name, log }))),
    ...gateways.map(({ id, dc, log }) => ({ name: `${id}.${dc}`, log })),
  ];
  return houses.flatMap(({ name, log }) =>
    log.lines
      .filter(({ text }) => NEVER.includes(text))
      .map(({ text, actor, fields }) => `${name} ${actor}: ${text} ${describe(fields)}`),
  );
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value instanceof Error ? value.stack : String(value)}`)
    .join(' ');
}
