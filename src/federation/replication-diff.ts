/** What a secondary has to write so that its federation states become those of the primary. */

import type { FederationState } from '../model/federation-state.ts';

export type ReplicationStep =
  | { readonly op: 'delete'; readonly state: FederationState }
  | { readonly op: 'upsert'; readonly state: FederationState };

/**
 * Deletions first, then writes, each in order of datacenters. A record that both have is written
 * when the primary changed it after `lastIndex`; when it was changed plays no other part.
 */
export function replicationSteps(
  remote: readonly FederationState[],
  local: readonly FederationState[],
  lastIndex: number,
): readonly ReplicationStep[] {
  const there = new Map(remote.map((state) => [keyOf(state), state]));
  const here = new Set(local.map(keyOf));
  const gone = local.filter((state) => !there.has(keyOf(state)));
  const changed = remote.filter(
    (state) => !here.has(keyOf(state)) || state.ModifyIndex > lastIndex,
  );
  return [
    ...sorted(gone).map((state) => ({ op: 'delete', state }) as const),
    ...sorted(changed).map(
      (state) =>
        ({ op: 'upsert', state: { ...state, PrimaryModifyIndex: state.ModifyIndex } }) as const,
    ),
  ];
}

/** Names are compared without case, as the store does. */
const keyOf = (state: FederationState): string => state.Datacenter.toLowerCase();

function sorted(states: readonly FederationState[]): readonly FederationState[] {
  return [...states].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
