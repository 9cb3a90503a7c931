/** What the HTTP API asks of its agent, answered from the latest views and by the gossip pools. */

import type { Post } from '../../machines/routes.ts';
import type { EventLog } from '../../src/agent/event-log.ts';
import { hostFacts } from '../../src/agent/host-facts.ts';
import { toError } from '../../src/error-text.ts';
import type { AgentFacts, FiredEvent, SeenEvent } from '../../src/http/agent-facts.ts';
import { joinedErrors } from '../../src/joined-errors.ts';
import type { LogReader } from '../../src/log-tap.ts';
import { EventFireRequest } from '../../src/model/event.ts';
import type { Member, MembersView, PoolKind } from '../../src/model/member.ts';
import { randomUuid } from '../../src/model/uuid.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import { INTERNAL_EVENT_FIRE } from '../../src/rpc/methods/internal.ts';
import { encodeConsulEvent } from '../../src/wire/gossip/consul-event.ts';
import type { DiskSpace } from '../../src/world/world.ts';
import { agentSelf, type SelfSources } from './agent-self.ts';
import type { Foundation } from './foundation.ts';

const JOIN_TIMEOUT_MS = 60_000;
const FORCE_LEAVE_TIMEOUT_MS = 10_000;

export interface AgentFactsDeps {
  readonly base: Foundation;
  readonly rpc: RpcCaller;
  readonly events: EventLog<SeenEvent>;
  readonly self: SelfSources;
  /** Reads along the agent's log. Returns the way to end that. */
  readonly onLog: (reader: LogReader) => () => void;
  /** Leaves and resolves when that is over. */
  readonly leave: () => Promise<void>;
  readonly reload: () => Promise<void>;
}

export function createAgentFacts(deps: AgentFactsDeps): AgentFacts {
  const { base, events } = deps;
  const post = base.bus.postFor('agent');
  return {
    domains: [base.plan.domain, ...(base.plan.altDomain ? [base.plan.altDomain] : [])].map(
      (domain) => `${domain}.`,
    ),
    own: { datacenter: base.plan.datacenter, node: base.plan.node.name, segment: '' },
    role: base.plan.role,
    defaultToken: () => '',
    self: async () => agentSelf(base, deps.self),
    host: async () => hostFacts(base.world.clock.now(), await spaceOf(base)),
    onLog: deps.onLog,
    members: (pool) => membersOf(pool === 'lan' ? base.views.lan : base.views.wan),
    join: (pool, addresses) => join(base, post, pool, addresses),
    leave: deps.leave,
    forceLeave: (node, how) => forceLeave(base, post, node, how),
    reload: deps.reload,
    events: () => events.events,
    onEvent: (seen) => events.onNext(seen),
    fireEvent: (datacenter, event, token) => fireEvent(deps, datacenter, event, token),
  };
}

/** Of the file system that holds the agent's data. */
async function spaceOf({ plan, world }: Foundation): Promise<DiskSpace | Error> {
  try {
    return await world.disk.space(plan.dataDir ?? '/');
  } catch (error) {
    return toError(error);
  }
}

function membersOf(view: MembersView | undefined): readonly Member[] {
  return view === undefined ? [] : [...view.members.values()];
}

async function join(
  base: Foundation,
  post: Post<'agent'>,
  pool: PoolKind,
  addresses: readonly string[],
): Promise<void> {
  if (pool === 'wan') {
    if (base.plan.role === 'client') throw new Error('Must be a server to join WAN cluster');
    if (base.plan.connect.meshGatewayWanFederation) {
      throw new Error('WAN join is disabled when wan federation via mesh gateways is enabled');
    }
  }
  const question = { type: 'members.join', addresses, oldEvents: 'ignore' } as const;
  const limit = { timeoutMs: JOIN_TIMEOUT_MS };
  const outcome =
    pool === 'lan'
      ? await post.ask('gossip.lan', question, limit)
      : await post.ask('gossip.wan', question, limit);
  if (outcome.joined === 0) throw new Error(joinedErrors(outcome.errors));
}

/** As Consul: the LAN member of this name, and the WAN member of it in the own datacenter. */
async function forceLeave(
  base: Foundation,
  post: Post<'agent'>,
  node: string,
  how: 'leave' | 'prune',
): Promise<void> {
  const limit = { timeoutMs: FORCE_LEAVE_TIMEOUT_MS };
  const prune = how === 'prune';
  const lanKnown = base.views.lan?.members.has(node) ?? false;
  const wanName = node.includes('.') ? node : `${node}.${base.plan.datacenter}`;
  const wanKnown = base.views.wan?.members.has(wanName) ?? false;
  if (!lanKnown && !wanKnown) throw new Error(`agent: No node found with name '${node}'`);
  if (lanKnown) {
    await post.ask('gossip.lan', { type: 'members.force-leave', name: node, prune }, limit);
  }
  if (wanKnown) {
    await post.ask('gossip.wan', { type: 'members.force-leave', name: wanName, prune }, limit);
  }
}

async function fireEvent(
  deps: AgentFactsDeps,
  datacenter: string,
  event: FiredEvent,
  token: string,
): Promise<string> {
  const id = randomUuid(deps.base.world.random);
  const payload = encodeConsulEvent({
    id,
    name: event.name,
    payload: event.payload ?? new Uint8Array(),
    nodeFilter: event.nodeFilter,
    serviceFilter: event.serviceFilter,
    tagFilter: event.tagFilter,
  });
  await deps.rpc.call(
    INTERNAL_EVENT_FIRE,
    EventFireRequest.of({
      Datacenter: datacenter,
      Name: event.name,
      Payload: payload,
      Token: token,
      AllowStale: true,
    }),
  );
  return id;
}
