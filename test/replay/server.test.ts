import { afterAll, describe, expect, it } from 'vitest';
import { startBoxedServer } from './in-process.ts';
import { loadRecording } from './recording.ts';
import { type FileResult, replay } from './replay.ts';
import { replayFailures, replayTable } from './table.ts';

/** Exchanges about the key ring of the pools, which the box does not have. */
function needsGossip(exchange: string): boolean {
  return exchange.startsWith('keyring');
}

const results: FileResult[] = [];
afterAll(() => console.log(replayTable(results)));

describe('exchanges recorded from Consul 1.9.1', () => {
  it.each([
    '02-status',
    '03-catalog',
    '04-health',
    '07-kv',
    '08-session',
    '09-txn',
    '12-operator',
    '16-federation-states',
    '18-query',
  ])(
    '%s',
    async (name) => {
      const server = await startBoxedServer();
      try {
        const recording = loadRecording(name);
        const exchanges = recording.exchanges.filter((one) => !needsGossip(one.name));
        const result = await replay({ ...recording, exchanges }, server.target);
        results.push(result);
        expect(replayFailures(result)).toBe('');
      } finally {
        await server.close();
      }
    },
    60_000,
  );
});
