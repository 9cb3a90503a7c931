/**
 * What the leader must change in the raft configuration so that it says what gossip knows of the
 * servers: new servers are added, servers that left are removed, a server that came back with
 * another address or ID replaces its old entry. (Consul's joinConsulServer and removeConsulServer.)
 */

import { joinHostPort } from '../host-port.ts';
import type { ServerFacts } from '../model/consul-tags.ts';

/** A server of the raft configuration. */
export interface ConfiguredServer {
  readonly id: string;
  /** `ip:port`. */
  readonly address: string;
  readonly voter: boolean;
}

export type RaftChange =
  | { readonly kind: 'add-voter'; readonly id: string; readonly address: string }
  | { readonly kind: 'add-nonvoter'; readonly id: string; readonly address: string }
  | { readonly kind: 'remove'; readonly id: string; readonly why: string };

export type RaftDifference =
  | { readonly kind: 'changes'; readonly changes: readonly RaftChange[] }
  | { readonly kind: 'refused'; readonly why: string };

const NOTHING: RaftDifference = { kind: 'changes', changes: [] };

/** Changes for a server that is alive in the LAN pool. */
export function joinDifference(
  server: ServerFacts,
  configured: readonly ConfiguredServer[],
  bootstrapServers: readonly string[],
): RaftDifference {
  if (server.bootstrap && bootstrapServers.some((name) => name !== server.name)) {
    return {
      kind: 'refused',
      why: `${server.name} and ${bootstrapServers.join(', ')} are all in bootstrap mode: only one may be`,
    };
  }
  const address = joinHostPort(server.address, server.port);
  const same = configured.find((entry) => entry.id === server.id);
  if (same?.address === address) return NOTHING;
  const squatters = configured.filter(
    (entry) => entry.address === address && entry.id !== server.id,
  );
  if (squatters.some((entry) => entry.voter) && voters(configured) <= 2 && same === undefined) {
    return {
      kind: 'refused',
      why: 'Preventing server addition that would require removal of too many servers and cause cluster instability',
    };
  }
  const removals: readonly RaftChange[] = squatters.map((entry) => ({
    kind: 'remove',
    id: entry.id,
    why: `its address ${address} now belongs to ${server.name}`,
  }));
  // Who is new has no vote until autopilot finds it healthy and stable; who has one keeps it.
  const kind = same?.voter && !server.nonVoter ? 'add-voter' : 'add-nonvoter';
  return { kind: 'changes', changes: [...removals, { kind, id: server.id, address }] };
}

/** Changes for a server that left the LAN pool or was reaped from it. */
export function leaveDifference(
  server: ServerFacts,
  configured: readonly ConfiguredServer[],
): RaftDifference {
  const entry = configured.find((candidate) => candidate.id === server.id);
  if (entry === undefined) return NOTHING;
  return {
    kind: 'changes',
    changes: [{ kind: 'remove', id: entry.id, why: `${server.name} has left` }],
  };
}

function voters(configured: readonly ConfiguredServer[]): number {
  return configured.filter((entry) => entry.voter).length;
}
