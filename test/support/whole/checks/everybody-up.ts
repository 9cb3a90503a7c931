import type { WholeFederation } from '../federation.ts';

/** Nothing is down, and nothing ended that nobody had ended. */
export function everybodyUp({ servers, gateways }: WholeFederation): string[] {
  return [
    ...servers.filter(({ up }) => !up).map(({ name }) => `${name} is down`),
    ...gateways.filter(({ up }) => !up).map(({ id, dc }) => `${id}.${dc} is down`),
    ...servers.flatMap(({ surrenders }) => surrenders),
  ];
}
