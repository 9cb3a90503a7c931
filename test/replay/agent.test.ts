/** Goal: the whole program, as a process of its own, answers as Consul 1.9.1 was recorded to. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, startBaseProfile, startKeyringProfile, startWanProfile } from './agents.ts';
import { loadRecording, type Recording } from './recording.ts';
import { type FileResult, replay } from './replay.ts';
import { replayFailures, replayTable } from './table.ts';

const FILE_TIMEOUT_MS = 240_000;

/** Exchanges that need parts which are not there yet; each is expected to differ until then. */
const OPEN: Readonly<Record<string, readonly string[]>> = {
  // The versions of Envoy that are served by xDS.
  '05-agent': ['self', 'gzip of a large body'],
  // Kinds that route, split and resolve, and the chains through them; intentions are written by
  // their own routes only.
  '13-config': [
    'splitter needs http',
    'splitter sum',
    'splitter',
    'get resolver',
    'get splitter',
    'resolver redirect and failover',
    'resolver without name',
    'resolver bad subset filter',
    'resolver with load balancer',
    'get resolver with load balancer',
    'router',
    'get router',
    'router bad path',
    'service-intentions',
    'get service-intentions',
    'service-intentions without sources',
    'protocol change that breaks a chain',
    'delete that breaks a chain',
    'resolved chain',
  ],
  // The hash of the older form, which only secondaries of Consul 1.8 look at.
  '15-intentions': ['get by id', 'get after update'],
  // The hash of overrides is of our own making; chains through resolvers are not compiled.
  '17-discovery-chain': [
    'post overrides',
    'post overrides snake case',
    'redirect to another dc',
    'cached',
  ],
};

/**
 * Exchanges that look into the catalog right after the agent was told something: its word gets there
 * by itself, soon, and clients poll (http-api.md 5.2). They may be asked again for so long.
 */
const SYNCED: Readonly<Record<string, readonly string[]>> = {
  '05-agent': ['maintenance check in catalog', 'maintenance check gone'],
};
const SYNC_MS = 2_000;

function polled(name: string): Recording {
  const recording = loadRecording(name);
  const exchanges = recording.exchanges.map((exchange) =>
    SYNCED[name]?.includes(exchange.name) ? { ...exchange, retry_ms: SYNC_MS } : exchange,
  );
  return { ...recording, exchanges };
}

const results: FileResult[] = [];
beforeAll(() => buildProgram(), FILE_TIMEOUT_MS);
afterAll(() => process.stdout.write(`${replayTable(results)}\n`));

describe('a real agent', () => {
  it.each([
    ['02-status', startBaseProfile],
    ['03-catalog', startBaseProfile],
    ['04-health', startBaseProfile],
    ['05-agent', startBaseProfile],
    ['07-kv', startBaseProfile],
    ['10-event', startBaseProfile],
    ['11-coordinate', startBaseProfile],
    ['12-operator', startBaseProfile],
    ['13-config', startBaseProfile],
    ['15-intentions', startBaseProfile],
    ['16-federation-states', startBaseProfile],
    ['18-query', startBaseProfile],
    ['17-discovery-chain', startBaseProfile],
    ['19-internal-ui', startBaseProfile],
    ['20-snapshot', startBaseProfile],
    ['21-acl-disabled', startBaseProfile],
    ['32-keyring', startKeyringProfile],
    ['33-wan-federation', startWanProfile],
  ])(
    'replays %s',
    async (name, start) => {
      const agents = await start();
      try {
        const result = await replay(polled(name), agents.target);
        results.push(result);
        const open = OPEN[name] ?? [];
        const rest = result.exchanges.filter((exchange) => !open.includes(exchange.name));
        expect(replayFailures({ ...result, exchanges: rest })).toBe('');
        const met = result.exchanges.filter(
          ({ name: exchange, differences }) => open.includes(exchange) && differences.length === 0,
        );
        expect(met.map((exchange) => exchange.name)).toEqual([]);
      } finally {
        await agents.stop();
      }
    },
    FILE_TIMEOUT_MS,
  );
});
