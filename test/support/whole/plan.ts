/**
 * Who is where in a simulated federation of two datacenters: both use the same LAN addresses, as
 * networks do that were never meant to meet. Gateways alone listen on the WAN; servers of the
 * secondary can dial into it, as behind a NAT, and nobody can dial them.
 */

import { buildPlan } from '../../../src/config/build.ts';
import { mergeFragments } from '../../../src/config/fragment.ts';
import { failureText } from '../../../src/config/issues.ts';
import type { AgentPlan } from '../../../src/config/plan.ts';
import { parseSource } from '../../../src/config/sources.ts';
import type { Placed } from '../../../src/world/simulated/simulation.ts';

export const DATACENTERS = ['dc1', 'dc2'] as const;
export type Dc = (typeof DATACENTERS)[number];

/** What the secondary is configured with; leads to the gateways of the primary as they are now. */
export const PRIMARY_DOOR = 'gateways.dc1.example';

export const GATEWAY_PORT = 443;
const ENCRYPT = 'pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=';

const numberOf = (dc: Dc): number => DATACENTERS.indexOf(dc) + 1;

export function lanSegment(dc: Dc): string {
  return `lan of ${dc}`;
}

export function serverAddress(number: number): string {
  return `10.0.0.${number}`;
}

/** `place` counts the addresses that a gateway has had. */
export function gatewayAddresses(dc: Dc, slot: number, place: number) {
  const last = 10 * slot + place;
  return { lan: `10.0.1.${last}`, wan: `198.51.${numberOf(dc)}.${last}` };
}

export function serverPlaces(dc: Dc, number: number): readonly Placed[] {
  const lan = { address: serverAddress(number), segment: lanSegment(dc) };
  if (dc === 'dc1') return [lan];
  return [lan, { address: `203.0.113.${number}`, segment: 'wan' }];
}

export interface ServerSettings {
  readonly dc: Dc;
  readonly number: number;
  readonly servers: number;
}

/** Throws when the configuration is refused. */
export function serverPlan({ dc, number, servers }: ServerSettings): AgentPlan {
  const address = serverAddress(number);
  const config = {
    server: true,
    bootstrap_expect: servers,
    datacenter: dc,
    primary_datacenter: 'dc1',
    node_name: nodeName(dc, number),
    data_dir: '/data',
    bind_addr: address,
    client_addr: address,
    ports: { http: -1 },
    encrypt: ENCRYPT,
    ca_file: '/tls/ca.pem',
    cert_file: '/tls/cert.pem',
    key_file: '/tls/key.pem',
    verify_incoming_rpc: true,
    verify_outgoing: true,
    verify_server_hostname: true,
    connect: { enabled: true, enable_mesh_gateway_wan_federation: true },
    performance: { raft_multiplier: 1 },
    raft_snapshot_threshold: 40,
    raft_snapshot_interval: '5s',
    raft_trailing_logs: 20,
    retry_join: Array.from({ length: servers }, (_, n) => serverAddress(n + 1)),
    retry_interval: '2s',
    ...(dc === 'dc1'
      ? {}
      : {
          primary_gateways: [`${PRIMARY_DOOR}:${GATEWAY_PORT}`],
          primary_gateways_interval: '5s',
          retry_interval_wan: '5s',
        }),
  };
  const read = parseSource('server.json', JSON.stringify(config), 'json');
  const interfaces = [{ name: 'eth0', address, internal: false }];
  const built = buildPlan(mergeFragments([read.fragment]), 'normal', {
    hostname: 'host',
    interfaces,
  });
  const refused = failureText([...read.issues, ...built.issues]);
  if (refused !== undefined) throw new Error(refused);
  return built.plan;
}

/** Equal names in both datacenters, like the addresses. */
export function nodeName(_dc: Dc, number: number): string {
  return `server${number}`;
}
