/** Binds autopilot to the servers, to raft, to the pools and to its configuration in the store. */

import { fromPromise } from 'xstate';
import type { Post } from '../../machines/routes.ts';
import { autopilotMachine } from '../../machines/server/autopilot.ts';
import { deadServerCleanup, promotions, type Removal } from '../../src/autopilot/decisions.ts';
import {
  type KnownServer,
  nextState,
  type RaftPeerFacts,
  type ServerStats,
} from '../../src/autopilot/state.ts';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { COMMAND_TYPES } from '../../src/fsm/command-types.ts';
import type { RaftApply } from '../../src/fsm/raft-apply.ts';
import type { Log } from '../../src/log.ts';
import {
  type AutopilotConfig,
  AutopilotSetConfigRequest,
  type AutopilotState,
} from '../../src/model/operator.ts';
import { autopilotConfiguration } from '../../src/store/index.ts';
import type { StoreSource } from '../../src/store/store.ts';
import type { Clock } from '../../src/world/world.ts';

/** Half of the time between updates. */
const STATS_TIMEOUT_MS = 1_000;
const FORCE_LEAVE = { type: 'members.force-leave', prune: false } as const;
const LIMIT = { timeoutMs: 10_000 };

export interface AutopilotDeps {
  readonly post: Post<'autopilot'>;
  readonly log: Log;
  readonly clock: Clock;
  readonly datacenter: string;
  readonly consensus: Pick<Consensus, 'view' | 'addVoter' | 'removeServer'>;
  readonly raftApply: RaftApply;
  readonly store: StoreSource;
  /** Written when the store has no configuration. */
  readonly initialConfig: AutopilotConfig;
  /** Servers of this datacenter by their IDs. */
  readonly knownServers: () => ReadonlyMap<string, KnownServer>;
  /** Asks one server how far its log is; rejects when it does not answer. */
  readonly statsOf: (server: KnownServer, signal: AbortSignal) => Promise<ServerStats>;
  /** Whether the WAN pool holds a member of this name for failed. */
  readonly failedInWan: (name: string) => boolean;
  /** Where the endpoints read the state; written by this actor alone. */
  readonly board: AutopilotBoard;
}

/** The latest state; `null` before the first one of a leadership. */
export interface AutopilotBoard {
  state: AutopilotState | null;
}

export function createAutopilotActor(deps: AutopilotDeps): typeof autopilotMachine {
  let startedMs = 0;
  return autopilotMachine.provide({
    actors: {
      prepare: fromPromise(() => prepare(deps)),
      update: fromPromise(({ signal }) => update(deps, signal)),
      reconcile: fromPromise(() => reconcile(deps, startedMs)),
    },
    actions: {
      forget: () => {
        startedMs = deps.clock.now();
        deps.board.state = null;
      },
      announceFailure: (_, { error }) => deps.log.error('autopilot failed', { error }),
    },
  });
}

function configOf({ store }: AutopilotDeps): AutopilotConfig | null {
  return autopilotConfiguration(store.view()).result;
}

async function prepare(deps: AutopilotDeps): Promise<void> {
  if (configOf(deps) !== null) return;
  const request = AutopilotSetConfigRequest.of({
    Datacenter: deps.datacenter,
    Config: deps.initialConfig,
  });
  await deps.raftApply(COMMAND_TYPES.Autopilot, AutopilotSetConfigRequest, request);
}

async function update(deps: AutopilotDeps, signal: AbortSignal): Promise<void> {
  const known = deps.knownServers();
  const stats = await fetchStats(deps, known, signal);
  const { leader, lastIndex, lastTerm } = deps.consensus.view();
  const input = {
    config: configOf(deps) ?? deps.initialConfig,
    peers: peersOf(deps),
    leaderId: leader?.id ?? '',
    lastTerm,
    lastIndex,
    known,
    stats,
    nowMs: deps.clock.now(),
  };
  deps.board.state = nextState(input, deps.board.state);
}

function peersOf({ consensus }: AutopilotDeps): readonly RaftPeerFacts[] {
  const { servers } = consensus.view().configuration;
  return servers.map(({ id, address, suffrage }) => ({ id, address, voter: suffrage === 'voter' }));
}

/** Asks all at once; who does not answer in time is left out. */
async function fetchStats(
  deps: AutopilotDeps,
  known: ReadonlyMap<string, KnownServer>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ServerStats>> {
  const stats = new Map<string, ServerStats>();
  const late = new AbortController();
  const timer = deps.clock.setTimeout(() => late.abort(), STATS_TIMEOUT_MS);
  const either = AbortSignal.any([signal, late.signal]);
  const asked = peersOf(deps).map(async ({ id }) => {
    const server = known.get(id);
    if (server === undefined || server.status !== 'alive') return;
    const told = await deps.statsOf(server, either).catch(() => null);
    if (told !== null) stats.set(id, told);
  });
  await Promise.all(asked);
  deps.clock.clearTimeout(timer);
  return stats;
}

async function reconcile(deps: AutopilotDeps, startedMs: number): Promise<void> {
  const { board, consensus, log } = deps;
  const config = configOf(deps) ?? deps.initialConfig;
  const known = deps.knownServers();
  if (board.state === null) return;
  const times = { startedMs, nowMs: deps.clock.now() };
  for (const { id, address } of promotions(config, board.state, known, times)) {
    log.info('promoting a healthy server to a voter', { id, address });
    await consensus.addVoter(id, address, { prevIndex: 0 });
  }
  const { removals, kept } = deadServerCleanup(config, peersOf(deps), known);
  for (const { server, why } of kept) log.debug('not removing a dead server', { server, why });
  for (const removal of removals) await remove(deps, removal);
  await leaveWan(deps, known);
}

/** The member reconciler takes out of raft and catalog who has left. */
async function remove(deps: AutopilotDeps, removal: Removal): Promise<void> {
  const { post, log } = deps;
  if (removal.kind === 'remove-peer') {
    log.info('removing a server that gossip does not know', { id: removal.id });
    return deps.consensus.removeServer(removal.id, { prevIndex: 0 });
  }
  const { name } = removal;
  log.info('removing a failed server', { name });
  await post.ask('gossip.lan', { ...FORCE_LEAVE, name }, LIMIT);
}

/**
 * Servers that left the LAN pool leave the WAN pool too, but only once that one holds them for
 * failed as well: a server that is alive there, and does not hear of it, would be leaving for ever.
 */
async function leaveWan(
  { post, datacenter, failedInWan }: AutopilotDeps,
  known: ReadonlyMap<string, KnownServer>,
): Promise<void> {
  for (const { status, name } of known.values()) {
    const wanName = `${name}.${datacenter}`;
    if (status !== 'left' || !failedInWan(wanName)) continue;
    await post.ask('gossip.wan', { ...FORCE_LEAVE, name: wanName }, LIMIT);
  }
}
