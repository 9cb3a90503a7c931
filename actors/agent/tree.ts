/**
 * The supervisor tree of an agent as data: which actors live together, what happens to the others
 * when one of them fails, and how often they may fail.
 *
 *     mobius                    ends with the first group that gives up
 *     ├ supervisor.agent        who hears signals and leaves; the client's router
 *     ├ supervisor.state        servers: fsm, then raft; one starts again with the other
 *     ├ supervisor.server       servers: port, routing, founding, leadership, gateways
 *     ├ supervisor.pools        gossip, after the sockets that it speaks through
 *     ├ supervisor.local        what this agent says of itself to the servers
 *     ├ supervisor.doors        where people and programs ask
 *     └ supervisor.joiners      who brings this agent to the others
 *
 * Groups start in this order and stop in reverse: nobody asks any more when the pools go, and raft
 * is closed when nothing is left that would write.
 */

import type { ChildSpec, SupervisorInput } from '../../machines/supervisor.types.ts';
import type { Log } from '../../src/log.ts';
import { createSupervisorActor } from '../supervisor.ts';

/** What an agent consists of; a group without children is left out of the tree. */
export interface TreeParts {
  readonly agent: readonly ChildSpec[];
  readonly state: readonly ChildSpec[];
  readonly server: readonly ChildSpec[];
  readonly pools: readonly ChildSpec[];
  readonly local: readonly ChildSpec[];
  readonly doors: readonly ChildSpec[];
  readonly joiners: readonly ChildSpec[];
}

type Policy = Omit<SupervisorInput, 'children'>;

/**
 * Sockets and doors were opened before the tree, so that what is refused is refused at the start; a
 * group that has stopped has closed them. Starting it anew is for whoever runs the process.
 */
const ROOT: Policy = {
  strategy: 'one-for-one',
  intensity: 0,
  periodMs: 10_000,
  backoffMs: [0, 0],
};

/**
 * One that fails by what it was sent should not lose what its neighbours know. Five failures within
 * seconds are one that comes back at once; a peer that is down causes none.
 */
const APART: Policy = {
  strategy: 'one-for-one',
  intensity: 5,
  periodMs: 10_000,
  backoffMs: [100, 2_000],
};

/**
 * Neither may go on without the other: a state machine that starts again must be given everything,
 * and raft that starts again gives everything, which must not be applied twice. Each restart reads
 * the whole log: seldom, with time for a disk to recover in between.
 */
const STATE: Policy = {
  strategy: 'one-for-all',
  intensity: 3,
  periodMs: 60_000,
  backoffMs: [100, 10_000],
};

const POLICIES: Readonly<Record<keyof TreeParts, Policy>> = {
  agent: APART,
  state: STATE,
  server: APART,
  pools: APART,
  local: APART,
  doors: APART,
  joiners: APART,
};

/** Order of start. */
const GROUPS = [
  'agent',
  'state',
  'server',
  'pools',
  'local',
  'doors',
  'joiners',
] as const satisfies readonly (keyof TreeParts)[];

/** Beyond what the children may take, so that a group is never stopped by force before them. */
const SHUTDOWN_SLACK_MS = 500;

/** The input of the root supervisor. */
export function agentTree(parts: TreeParts, log: Log): SupervisorInput {
  const groups = GROUPS.filter((name) => parts[name].length > 0);
  return { ...ROOT, children: groups.map((name) => group(name, parts[name], log)) };
}

/** Names of children, and of those below them that are supervised. */
export function namesIn(children: readonly ChildSpec[]): readonly string[] {
  return children.flatMap(({ id, input }) => {
    const below = (input as Partial<SupervisorInput> | undefined)?.children ?? [];
    return [id, ...namesIn(below)];
  });
}

function group(name: keyof TreeParts, children: readonly ChildSpec[], log: Log): ChildSpec {
  const id = `supervisor.${name}`;
  const input: SupervisorInput = { ...POLICIES[name], children };
  return {
    id,
    logic: createSupervisorActor({ log: log.child(id) }),
    input,
    restart: 'permanent',
    shutdownMs: children.reduce((sum, child) => sum + child.shutdownMs, SHUTDOWN_SLACK_MS),
  };
}
