// What is looked at when the servers are left alone again: that they agree, and that there is an
// explanation for everything that callers were told.

import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkLinearizable } from '../../simulation/history/linearizable.ts';
import { REGISTER, type RegisterOperation } from '../../simulation/history/register.ts';
import { settled } from '../../simulation/history/settled.ts';
import { until } from '../program.ts';
import type { HttpCalls } from './calls.ts';
import type { CrashCluster } from './cluster.ts';

const AGREE_LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 15_000;
/** Searches of a history that is right take a few steps a call. */
const STEPS_MAX = 5_000_000;

/** What all must show alike, each from its own store, indexes included. */
const VIEWS = ['/v1/kv/?recurse&stale', '/v1/catalog/nodes?stale', '/v1/session/list?stale'];

/** Until all have applied the same log and show the same to the byte. */
export async function agree(cluster: CrashCluster, calls: HttpCalls): Promise<void> {
  let differing: readonly string[] = [];
  await until('the same state everywhere', AGREE_LIMIT_MS, async () => {
    const shown = await Promise.all(cluster.nodes.map((node) => viewOf(node.end.bound, calls)));
    const standings = await Promise.all(cluster.servers.map((server) => server.standing()));
    const logs = standings.map(
      ({ term, lastIndex, commitIndex }) =>
        `term ${term}, ${commitIndex} of ${lastIndex} committed`,
    );
    differing = new Set(shown).size === 1 ? logs : [...logs, ...shown];
    const committed = standings.every(({ lastIndex, commitIndex }) => lastIndex === commitIndex);
    return committed && new Set(shown).size === 1 && new Set(logs).size === 1;
  }).catch((error: Error) => {
    const told = differing.map((text) => text.slice(0, 2_000));
    throw new Error([error.message, ...told].join('\n'));
  });
}

async function viewOf(host: string, calls: HttpCalls): Promise<string> {
  const views = await Promise.all(
    VIEWS.map(async (path) => {
      const answer = await calls.call(host, { method: 'GET', path, limitMs: ANSWER_LIMIT_MS });
      if (answer.kind !== 'answered') return `${host}: ${answer.text}`;
      return `${answer.status} ${answer.index} ${answer.text}`;
    }),
  );
  return views.join('\n');
}

/**
 * What is wrong with the histories of all keys, a line each; each is kept in a file. `name` tells
 * runs apart.
 */
export function unexplained(
  histories: ReadonlyMap<string, readonly RegisterOperation[]>,
  name: string,
): readonly string[] {
  return [...histories].flatMap(([key, history]) => {
    const verdict = checkLinearizable(REGISTER, settled(history), STEPS_MAX);
    if (verdict.kind === 'linearizable') return [];
    const file = join(tmpdir(), `mobius-crashes-${name}-${key.replaceAll('/', '-')}.json`);
    writeFileSync(file, JSON.stringify({ verdict, history }, null, 1));
    const what = verdict.kind === 'violated' ? JSON.stringify(verdict.unexplained) : '';
    return [`${key}: ${verdict.kind} ${what} (history in ${file})`];
  });
}
