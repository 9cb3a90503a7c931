/** All decoders of foreign bytes. */

import type { Target } from './engine/target.ts';
import { CONFIG_TARGETS } from './targets/config.ts';
import { FILE_TARGETS } from './targets/files.ts';
import { GOSSIP_TARGETS } from './targets/gossip.ts';
import { HTTP_TARGETS } from './targets/http.ts';
import { PORT_TARGETS } from './targets/port.ts';
import { RAFT_TARGETS } from './targets/raft.ts';
import { RPC_TARGETS } from './targets/rpc.ts';
import { STATE_TARGETS } from './targets/state.ts';

export const TARGETS: readonly Target[] = [
  ...GOSSIP_TARGETS,
  ...RPC_TARGETS,
  ...PORT_TARGETS,
  ...RAFT_TARGETS,
  ...STATE_TARGETS,
  ...HTTP_TARGETS,
  ...CONFIG_TARGETS,
  ...FILE_TARGETS,
];

/** Throws for a name that no decoder has, with the names that there are. */
export function targetNamed(name: string): Target {
  const found = TARGETS.find((target) => target.name === name);
  if (found !== undefined) return found;
  const names = TARGETS.map((target) => target.name).join(', ');
  throw new Error(`no decoder "${name}"; there are: ${names}`);
}
