/** Measures pools of simulated members: more of them than a machine holds as processes. */

import { LAN_TIMING, SERF_TIMING, SERF_VERSIONS } from '../../../machines/gossip/config.ts';
import { compress } from '../../../src/wire/gossip/packet.ts';
import { agree, PoolPump, type PumpedNode } from '../../support/pool-pump.ts';
import type { Figures, Window } from './figures.ts';
import { EVENTS_PER_SECOND, eventDatagram } from './load.ts';
import { IDLE_MS, LOAD_MS } from './processes.ts';

const LIMIT_MS = 120_000;
const SETTLE_MS = 30_000;
/** Between two looks at whether all agree. */
const LOOK_MS = 100;
const IP_UDP_BYTES = 28;
/** TCP's own: half of a connection's handshake, headers, acknowledgements and end. */
const TCP_BYTES = 265;
const STRANGER = { address: '10.9.9.9', port: 7946 };

export function measureSimulated(count: number): Figures {
  const pump = new PoolPump({
    config: { versions: SERF_VERSIONS, timing: LAN_TIMING, serf: SERF_TIMING, tags: {} },
  });
  let bytes = 0;
  pump.sent = (by, sent) => {
    if (by === 'datagram') bytes += sent.length + IP_UDP_BYTES;
    else bytes += compress(Buffer.from(sent)).length + TCP_BYTES;
  };
  const window = (durationMs: number, pass: () => void): Window => {
    const before = { bytes, cpu: process.cpuUsage() };
    pass();
    const { user, system } = process.cpuUsage(before.cpu);
    const nodeSeconds = (count * durationMs) / 1_000;
    return {
      bytesPerSecond: (bytes - before.bytes) / nodeSeconds,
      cpuMsPerSecond: (user + system) / 1_000 / nodeSeconds,
    };
  };
  const nodes = pump.pool(count);
  const joinMs = runUntil(pump, () => agree(nodes, nodes));
  pump.run(SETTLE_MS);
  const idle = window(IDLE_MS, () => pump.run(IDLE_MS));
  const load = window(LOAD_MS, () => fireEvents(pump, nodes));
  pump.run(SETTLE_MS);
  const [victim, ...rest] = nodes.toReversed();
  if (victim !== undefined) pump.kill(victim);
  const failureMs = runUntil(pump, () => agree(rest, rest));
  const common = { program: 'mobius', how: 'simulated', residentMib: null } as const;
  return { ...common, nodes: count, joinMs, failureMs, idle, load };
}

function runUntil(pump: PoolPump, done: () => boolean): number {
  const since = pump.now;
  while (!done() && pump.now - since < LIMIT_MS) pump.run(LOOK_MS);
  return pump.now - since;
}

function fireEvents(pump: PoolPump, nodes: readonly PumpedNode[]): void {
  const pauseMs = 1_000 / EVENTS_PER_SECOND;
  for (let ltime = 1; ltime * pauseMs <= LOAD_MS; ltime++) {
    const node = nodes[ltime % nodes.length];
    const packets = [{ from: STRANGER, bytes: eventDatagram(ltime) }];
    if (node !== undefined) pump.feed(node, { type: 'packets.received', packets });
    pump.run(pauseMs);
  }
}
