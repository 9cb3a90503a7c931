import { createSimulation } from '../../src/world/simulated/simulation.ts';
import type { Bench } from './bench.ts';
import { clockCompliance } from './clock.ts';
import { diskCompliance } from './disk.ts';
import { tcpCompliance } from './tcp.ts';
import { tlsCompliance } from './tls.ts';
import { udpCompliance } from './udp.ts';

async function open(): Promise<Bench> {
  const simulation = createSimulation({ seed: 1, traceLinesMax: 1000 });
  const { world } = simulation.host({ name: 'a', addresses: ['10.0.0.1'] });
  await simulation.settle(world.disk.makeDirectory('/test'));
  return {
    world,
    settle: (promise) => simulation.settle(promise),
    folder: '/test',
    close: async () => {},
  };
}

clockCompliance('simulated', open);
diskCompliance('simulated', open);
tcpCompliance('simulated', open);
udpCompliance('simulated', open);
tlsCompliance('simulated', open);
