/** Applies per second of three servers on loopback TCP and this disk, in one process. */

import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { startRaftNode, type TestNode, until } from '../support/raft/single.ts';

const DURATION_MS = 2000;
const PORTS = [18301, 18302, 18303];

async function measure(callers: number): Promise<void> {
  const directory = mkdtempSync(join(process.cwd(), '.bench-raft-'));
  const world = createNodeWorld();
  const servers = PORTS.map((port, at) => ({
    suffrage: 'voter' as const,
    id: `s${at}`,
    address: `127.0.0.1:${port}`,
  }));
  const dial = ({ address }: { readonly address: string }) =>
    world.network.connectTcp({
      host: '127.0.0.1',
      port: Number(address.split(':')[1]),
      timeoutMs: 1000,
    });
  const nodes: TestNode[] = [];
  const listeners = [];
  for (const [at, { id, address }] of servers.entries()) {
    const path = `${directory}/${id}`;
    const node = startRaftNode({ world, directory: path, id, address, seed: at + 1, dial });
    nodes.push(node);
    const port = PORTS[at] as number;
    const endpoint = { address: '127.0.0.1', port };
    listeners.push(await world.network.listenTcp(endpoint, (stream) => node.accept(stream)));
  }
  await until(() => nodes.every((node) => !node.consensus.hasState()));
  const startMs = performance.now();
  await Promise.all(nodes.map((node) => node.consensus.bootstrap({ servers })));
  const leading = (node: TestNode): boolean => node.consensus.view().role === 'leader';
  await until(() => nodes.some(leading));
  const electedMs = Math.round(performance.now() - startMs);
  const leader = nodes.find(leading) as TestNode;
  const command = Buffer.alloc(256, 0x61);
  const latencies: number[] = [];
  const endMs = performance.now() + DURATION_MS;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const sentMs = performance.now();
      await leader.consensus.apply(command);
      latencies.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  latencies.sort((a, b) => a - b);
  const at = (share: number): string =>
    (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2);
  const rate = Math.round(latencies.length / (DURATION_MS / 1000));
  const text = `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, elected in ${electedMs} ms`;
  process.stdout.write(`${callers} callers, 3 servers: ${rate}/s, ${text}\n`);
  for (const node of nodes) await node.stop();
  for (const listener of listeners) await listener.close();
  rmSync(directory, { recursive: true, force: true });
}

async function main(): Promise<void> {
  for (const callers of [1, 16, 64, 256]) await measure(callers);
  process.exit(0);
}

void main();
