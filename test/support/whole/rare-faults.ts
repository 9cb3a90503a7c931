/** Faults beyond those that every run has: of disks, clocks, connections, and of our own program. */

import { DEFAULT_DISK } from '../../../src/world/simulated/disk.ts';
import { type Fault, pick } from './faults.ts';

/** Takes writes no more, and later does again. */
export const diskFull: Fault = ({ servers }, random) => {
  const { name, host } = pick(random, servers);
  host.disk.settings = { ...DEFAULT_DISK, capacityBytes: host.disk.usedBytes };
  return {
    text: `the disk of ${name} is full`,
    lastsMs: random.between(2_000, 20_000),
    end: () => {
      host.disk.settings = DEFAULT_DISK;
    },
  };
};

export const diskSlow: Fault = ({ servers }, random) => {
  const { name, host } = pick(random, servers);
  host.disk.settings = { ...DEFAULT_DISK, latencyMs: [1, 20], syncMs: [20, 200] };
  return {
    text: `the disk of ${name} is slow`,
    lastsMs: random.between(2_000, 20_000),
    end: () => {
      host.disk.settings = DEFAULT_DISK;
    },
  };
};

/** Some operations fail. */
export const diskFails: Fault = ({ servers }, random) => {
  const server = pick(random, servers);
  const { name, host } = server;
  server.expectFailure('raft');
  const chance = random.fork(`disk of ${name}`);
  host.disk.fault = ({ kind }) =>
    (kind === 'write' || kind === 'sync' || kind === 'replace') && chance.chance(0.3)
      ? 'EIO'
      : undefined;
  return {
    text: `the disk of ${name} fails now and then`,
    lastsMs: random.between(2_000, 20_000),
    end: () => {
      host.disk.fault = undefined;
      server.start();
    },
  };
};

export const clockJumps: Fault = ({ servers }, random) => {
  const { name, host } = pick(random, servers);
  const hours = random.between(-48, 48);
  host.clockSkewMs = hours * 3_600_000;
  return {
    text: `the clock of ${name} jumps by ${hours.toFixed(1)} h`,
    lastsMs: random.between(2_000, 20_000),
    end: () => {
      host.clockSkewMs = 0;
    },
  };
};

/** As a firewall does that has lost its table. */
export const connectionsReset: Fault = ({ simulation, hostsOf }) => {
  const count = simulation.network.reset([...hostsOf('dc1'), ...hostsOf('dc2')], hostsOf('dc1'));
  return { text: `${count} connections are reset`, lastsMs: 1_000, end: () => {} };
};

/** Power fails everywhere at once. */
export const everythingLost: Fault = ({ servers, gateways }, random) => {
  for (const one of [...servers, ...gateways]) one.crash();
  return {
    text: 'power fails everywhere',
    lastsMs: random.between(1_000, 10_000),
    end: () => {
      for (const one of [...servers, ...gateways]) one.start();
    },
  };
};

/** Messages that their receiver cannot bear, so that it fails and is started again. */
const POISON: readonly (readonly [string, Record<string, unknown>])[] = [
  ['fsm', { type: 'entries.committed', entries: null, throughIndex: 1 }],
  ['raft', { type: 'requests.received', nowMs: 0, requests: null }],
  ['gossip.lan', { type: 'packets.received', packets: null }],
  ['gossip.wan', { type: 'packets.received', packets: null }],
  ['rpc-router', { type: 'lan-members.changed', view: null }],
  ['wanfed-transport', { type: 'packets.send', packets: null }],
  ['socket-transport.lan', { type: 'packets.send', packets: null }],
  ['member-reconciler', { type: 'lan-members.changed', view: null }],
  ['raft-bootstrap', { type: 'lan-members.changed', view: null }],
  ['retry-join.wan', { type: 'wan-members.changed', view: null }],
  ['flood-joiner', { type: 'lan-members.changed', view: null }],
  ['federation-support', { type: 'lan-members.changed', view: null }],
  ['gateway-locator', { type: 'raft.changed', view: null }],
  ['local-services', { type: 'lan-members.changed', view: null }],
];

/** An actor of ours fails, by a fault of its own. */
export const childFails: Fault = ({ servers }, random) => {
  const up = servers.filter((server) => server.up);
  if (up.length === 0) return undefined;
  const server = pick(random, up);
  const [actor, message] = pick(random, POISON);
  server.expectFailure(actor);
  server.agent?.root.actor.system.get(actor)?.send(message);
  return { text: `${actor} of ${server.name} fails`, lastsMs: 3_000, end: () => {} };
};

export const RARE_FAULTS: readonly Fault[] = [
  diskFull,
  diskSlow,
  diskFails,
  clockJumps,
  connectionsReset,
  everythingLost,
  childFails,
  childFails,
  childFails,
];
