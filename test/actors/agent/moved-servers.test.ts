/** Whole servers in a simulated world that lose their addresses all at once, as pods do. */

import { expect, it } from 'vitest';
import { startAgent } from '../../../actors/agent/start.ts';
import { loadPlan } from '../../../src/config/load.ts';
import type { RaftView } from '../../../src/consensus/consensus.ts';
import { createMemoryLog } from '../../../src/log.ts';
import { createSimulation, type SimulatedHost } from '../../../src/world/simulated/simulation.ts';

const NUMBERS = [1, 2, 3] as const;
const LIMIT_MS = 120_000;

interface RaftChanged {
  readonly type: string;
  readonly view: RaftView;
}

const addressOf = (number: number, place: number): string => `10.0.${place}.${number}`;

function configOf(number: number, place: number): string {
  const others = NUMBERS.map((other) => `"${addressOf(other, place)}"`).join(', ');
  return `
    server = true
    bootstrap_expect = 3
    node_name = "s${number}"
    data_dir = "/data"
    bind_addr = "${addressOf(number, place)}"
    ports { http = -1, dns = -1, serf_wan = -1 }
    performance { raft_multiplier = 1 }
    retry_join = [${others}]
    retry_interval = "1s"
  `;
}

it('servers that all come back at other addresses elect a leader, and it writes these down', async () => {
  const simulation = createSimulation({ seed: 5 });
  const hosts = NUMBERS.map((number) =>
    simulation.host({ name: `s${number}`, addresses: [0, 1].map((at) => addressOf(number, at)) }),
  );
  const views = new Map<SimulatedHost, RaftView>();
  const hear = (host: SimulatedHost, message: { readonly type: string }): void => {
    if (message.type === 'raft.changed') views.set(host, (message as RaftChanged).view);
  };
  const start = async (host: SimulatedHost, number: number, place: number): Promise<void> => {
    const { world } = host;
    const pieces = [configOf(number, place)];
    const given = { paths: [], format: undefined, lists: new Map(), others: new Map(), pieces };
    const loaded = await loadPlan({ mode: 'normal', ...given }, world, host.name);
    if (!loaded.ok) throw new Error(loaded.text);
    const { plan, tls: material } = loaded;
    const agent = await startAgent({ plan, material, world, log: createMemoryLog() });
    agent.bus.observe(({ message }) => hear(host, message));
  };
  const ledAt = (place: number) => (): boolean => {
    const leads = [...views.values()].find(({ role }) => role === 'leader');
    const known = leads?.configuration.servers.map(({ address }) => address).sort() ?? [];
    return `${known}` === `${NUMBERS.map((number) => `${addressOf(number, place)}:8300`)}`;
  };
  for (const [at, host] of hosts.entries()) await simulation.settle(start(host, at + 1, 0));
  await simulation.runUntil(ledAt(0), LIMIT_MS);

  for (const host of hosts) host.kill();
  views.clear();
  for (const [at, host] of hosts.entries()) await simulation.settle(start(host, at + 1, 1));
  await simulation.runUntil(ledAt(1), LIMIT_MS);
  expect(views.size).toBe(3);
}, 60_000);
