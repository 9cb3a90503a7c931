/** What holds when nothing is said, and what `-dev` says. Values of Consul 1.9. */

import type { Fragment } from './fragment.ts';
import type { GossipTuning } from './plan.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

export const DEFAULT_PORTS = {
  dns: 8600,
  http: 8500,
  https: -1,
  grpc: -1,
  server: 8300,
  serf_lan: 8301,
  serf_wan: 8302,
} as const;

export const GOSSIP_LAN: GossipTuning = {
  gossipIntervalMs: 200,
  gossipNodes: 3,
  retransmitMult: 4,
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  suspicionMult: 4,
};

export const GOSSIP_WAN: GossipTuning = {
  gossipIntervalMs: 500,
  gossipNodes: 3,
  retransmitMult: 4,
  probeIntervalMs: 5_000,
  probeTimeoutMs: 3_000,
  suspicionMult: 6,
};

const DEV_GOSSIP = ['gossip_lan', 'gossip_wan'].flatMap((pool): [string, unknown][] => [
  [`${pool}.gossip_interval`, '100ms'],
  [`${pool}.probe_interval`, '100ms'],
  [`${pool}.probe_timeout`, '100ms'],
  [`${pool}.suspicion_mult`, 3],
]);

/** Merged before everything else with `-dev`. */
export const DEV_FRAGMENT: Fragment = new Map<string, unknown>([
  ['server', true],
  ['bind_addr', '127.0.0.1'],
  ['connect.enabled', true],
  ['ports.grpc', 8502],
  ['ui_config.enabled', true],
  ['enable_debug', true],
  ['log_level', 'DEBUG'],
  ['performance.raft_multiplier', 1],
  ['disable_anonymous_signature', true],
  ['disable_keyring_file', true],
  ...DEV_GOSSIP,
]);
