/** Whether all servers that matter understand federation states. */

import type { MembersView } from '../model/member.ts';

/** Serf tag of servers that do (Consul 1.8). */
export const SUPPORT_TAG = 'ft_fs';

/** Every server of the datacenter, alive or failed, says so, and there is at least one. */
export function allUnderstand(view: MembersView | undefined, datacenter: string): boolean {
  let found = false;
  for (const { tags, status } of view?.members.values() ?? []) {
    if (tags['role'] !== 'consul' || tags['dc'] !== datacenter) continue;
    if (status === 'left' || status === 'leaving') continue;
    if (tags[SUPPORT_TAG] !== '1') return false;
    found = true;
  }
  return found;
}

/** Read by endpoints and duties; set once, by the actor `federation-support`. */
export interface SupportLatch {
  readonly latched: boolean;
}
