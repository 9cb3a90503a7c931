import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import type { Bench } from './bench.ts';
import { clockCompliance } from './clock.ts';
import { diskCompliance } from './disk.ts';
import { tcpCompliance } from './tcp.ts';
import { tlsCompliance } from './tls.ts';
import { udpCompliance } from './udp.ts';

async function open(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'mobius-'));
  return {
    world: createNodeWorld(),
    settle: (promise) => promise,
    folder,
    close: () => rm(folder, { recursive: true }),
  };
}

clockCompliance('node', open);
diskCompliance('node', open);
tcpCompliance('node', open);
udpCompliance('node', open);
tlsCompliance('node', open);
