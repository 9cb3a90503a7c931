/** Applies per second of one server on this disk, by number of concurrent callers. */

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { startRaftNode, until } from '../support/raft/single.ts';

const DURATION_MS = 2000;

async function measure(callers: number): Promise<void> {
  const directory = mkdtempSync(join(process.cwd(), '.bench-raft-'));
  const node = startRaftNode({
    world: createNodeWorld(),
    directory,
    id: 'a',
    address: '127.0.0.1:8300',
    seed: 1,
  });
  await until(() => !node.consensus.hasState());
  await node.consensus.bootstrap({
    servers: [{ suffrage: 'voter', id: 'a', address: '127.0.0.1:8300' }],
  });
  await until(() => node.consensus.view().role === 'leader');
  const command = Buffer.alloc(256, 0x61);
  const latencies: number[] = [];
  const endMs = performance.now() + DURATION_MS;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const startMs = performance.now();
      await node.consensus.apply(command);
      latencies.push(performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  latencies.sort((a, b) => a - b);
  const at = (share: number): string =>
    (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2);
  const rate = Math.round(latencies.length / (DURATION_MS / 1000));
  process.stdout.write(`${callers} callers: ${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms\n`);
  await node.stop();
  rmSync(directory, { recursive: true, force: true });
}

for (const callers of [1, 16, 64, 256]) await measure(callers);
