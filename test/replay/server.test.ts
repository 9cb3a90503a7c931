import { afterAll, describe, expect, it } from 'vitest';
import { startBoxedServer } from './in-process.ts';
import { loadRecording } from './recording.ts';
import { type FileResult, replay } from './replay.ts';
import { replayFailures, replayTable } from './table.ts';

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
    '16-federation-states',
    '18-query',
  ])(
    '%s',
    async (name) => {
      const server = await startBoxedServer();
      try {
        const result = await replay(loadRecording(name), server.target);
        results.push(result);
        expect(replayFailures(result)).toBe('');
      } finally {
        await server.close();
      }
    },
    60_000,
  );
});
