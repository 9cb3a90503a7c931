/** Binds the agent machine: views, events, leaving and the end of the tree. */

import { type AgentEnding, agentMachine } from '../../machines/agent/agent.ts';
import { type FilteredService, isEventFor } from '../../src/agent/event-filter.ts';
import type { EventLog } from '../../src/agent/event-log.ts';
import type { SeenEvent } from '../../src/http/agent-facts.ts';
import type { UserEvent } from '../../src/model/member.ts';
import {
  CONSUL_EVENT_PREFIX,
  NEW_LEADER_EVENT,
  readConsulEvent,
} from '../../src/wire/gossip/consul-event.ts';
import type { Foundation } from './foundation.ts';

export interface CoordinatorDeps {
  readonly base: Foundation;
  readonly events: EventLog<SeenEvent>;
  /** The services of this agent, which filters of events look at. */
  readonly services: () => Iterable<FilteredService>;
  /** Leaves the pools; never rejects. */
  readonly leave: () => Promise<void>;
  /** Lets another server lead; never rejects. */
  readonly handOver: () => Promise<void>;
  readonly reload: () => Promise<void>;
  readonly endTree: (ending: AgentEnding) => void;
}

export function createAgentActor(deps: CoordinatorDeps) {
  const { base } = deps;
  const { log } = base;
  const post = base.bus.postFor('agent');
  return agentMachine.provide({
    actions: {
      shareMembers: (_, { view }) => base.views.takeMembers(view),
      shareCoordinates: (_, { view }) => base.views.takeCoordinates(view),
      takeEvents: (_, { events }) => {
        for (const event of events) takeEvent(deps, event);
      },
      passGateways: (_, { addresses }) =>
        post.send('server', { type: 'primary-gateways.discovered', addresses }),
      reload: () => {
        deps.reload().catch((error) => log.error('reload failed', { error }));
      },
      beginLeaving: ({ self }) => {
        void deps.leave().then(() => self.send({ type: 'leave.finished' }));
      },
      handOver: ({ self }) => {
        void deps.handOver().then(() => self.send({ type: 'handover.finished' }));
      },
      answerLeavers: (_, { waiting }) => {
        for (const reply of waiting) reply.answer(null);
      },
      endTree: (_, { ending }) => deps.endTree(ending),
    },
  });
}

function takeEvent({ base, events, services }: CoordinatorDeps, event: UserEvent): void {
  if (event.name === NEW_LEADER_EVENT) {
    const leader = Buffer.from(event.payload).toString('utf8');
    base.log.info('new leader elected', { leader });
    base.bus.postFor('agent').send('local-services', { type: 'leader.heard-of', node: leader });
    return;
  }
  if (!event.name.startsWith(CONSUL_EVENT_PREFIX)) {
    // Others than Consul's are for serf's own users.
    if (event.name.startsWith('consul:')) base.log.warn('unhandled event', { event: event.name });
    return;
  }
  const read = readConsulEvent(event.payload);
  if (!read.ok) {
    base.log.error('undecodable user event', { event: event.name, error: read.error });
    return;
  }
  if (!isEventFor(read.value, base.plan.node.name, services())) return;
  events.add({ ...read.value, ltime: event.ltime });
}
