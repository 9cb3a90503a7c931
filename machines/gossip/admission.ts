/**
 * Who may be a member of a pool: serf's merge and alive delegates, with Consul's reasons word for
 * word. Judged for all members of a push/pull that joins, and for each single alive message.
 */

import { serverOfMember } from '../../src/model/consul-tags.ts';

export type Admission =
  | { readonly kind: 'anyone' }
  | {
      readonly kind: 'consul-lan';
      readonly datacenter: string;
      readonly nodeId: string;
      readonly nodeName: string;
      readonly segment: string;
    }
  | { readonly kind: 'consul-wan' };

export interface Candidate {
  readonly name: string;
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly left: boolean;
}

/** The reason why these may not come in, or null. */
export function refusalOf(rule: Admission, candidates: readonly Candidate[]): string | null {
  switch (rule.kind) {
    case 'anyone':
      return null;
    case 'consul-lan':
      return lanRefusal(rule, candidates);
    case 'consul-wan':
      return wanRefusal(candidates);
  }
}

function wanRefusal(candidates: readonly Candidate[]): string | null {
  for (const candidate of candidates) {
    if (serverOfMember({ ...candidate, status: 'alive' }) === null) {
      return `Member '${candidate.name}' is not a server`;
    }
  }
  return null;
}

/** Ids of members older than this are not compared among each other. */
const UNIQUE_IDS_SINCE = [0, 8, 5] as const;

function lanRefusal(
  rule: Extract<Admission, { kind: 'consul-lan' }>,
  candidates: readonly Candidate[],
): string | null {
  const nameById = new Map<string, string>();
  for (const candidate of candidates) {
    const { name, tags } = candidate;
    const id = tags['id'] ?? '';
    if (id !== '' && candidate.left) continue;
    if (id !== '') {
      if (id === rule.nodeId && name.toLowerCase() !== rule.nodeName.toLowerCase()) {
        return `Member '${name}' has conflicting node ID '${id}' with this agent's ID`;
      }
      const other = nameById.get(id);
      if (other !== undefined) {
        return `Member '${name}' has conflicting node ID '${id}' with member '${other}'`;
      }
      if (hasUniqueIds(tags['build'] ?? '')) nameById.set(id, name);
    }
    const refusal = placeRefusal(rule, candidate);
    if (refusal !== null) return refusal;
  }
  return null;
}

function placeRefusal(
  rule: Extract<Admission, { kind: 'consul-lan' }>,
  candidate: Candidate,
): string | null {
  const { name, tags } = candidate;
  const dc = tags['dc'] ?? '';
  const isAgent = tags['role'] === 'node' || serverOfMember({ ...candidate, status: 'alive' });
  if (isAgent && dc !== rule.datacenter) {
    return `Member '${name}' part of wrong datacenter '${dc}'`;
  }
  const partition = tags['ap'] ?? '';
  if (partition !== '') {
    return `Member '${name}' part of partition '${partition}'; Partitions are a Consul Enterprise feature`;
  }
  const segment = tags['segment'] ?? '';
  if (segment === rule.segment) return null;
  return `Member '${name}' part of wrong segment '${segment}' (expected '${rule.segment}')`;
}

function hasUniqueIds(build: string): boolean {
  const version = /(\d+)\.(\d+)\.(\d+)/.exec(build);
  if (version === null) return false;
  for (let part = 0; part < 3; part++) {
    const difference = Number(version[part + 1]) - (UNIQUE_IDS_SINCE[part] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
