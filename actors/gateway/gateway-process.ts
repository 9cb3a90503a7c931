/** The gateway as a process of its own: its actors under one supervisor. */

import type { InspectionEvent } from 'xstate';
import type { SupervisorInput } from '../../machines/supervisor.types.ts';
import type { AgentDoor } from '../../src/gateway/agent-door.ts';
import type { GatewayCounters } from '../../src/gateway/counters.ts';
import type { Address } from '../../src/gateway/instances.ts';
import type { Registration } from '../../src/gateway/registration.ts';
import type { Log } from '../../src/log.ts';
import type { World } from '../../src/world/world.ts';
import { type Bus, createBus } from '../bus.ts';
import { createSupervisorActor, type Root, startRoot } from '../supervisor.ts';
import { createGatewayActor } from './gateway.ts';
import { createGatewayRegistrationActor } from './gateway-registration.ts';
import { createProxyWatchActor } from './proxy-watch.ts';

/** Time beyond its own limit that the gateway gets to end its connections. */
const SHUTDOWN_SLACK_MS = 2_000;
const DEREGISTER_LIMIT_MS = 5_000;

export interface GatewayProcessDeps {
  readonly world: Pick<World, 'network' | 'clock'>;
  readonly log: Log;
  readonly agent: AgentDoor;
  readonly listenAt: readonly Address[];
  /** All addresses that lead to this gateway. */
  readonly own: readonly Address[];
  readonly exposesServers: boolean;
  /** Absent: somebody else has registered the gateway. */
  readonly registration?: Registration;
  readonly drainMs: number;
  /** Carries the messages, for those who want to watch them; an own one when absent. */
  readonly bus?: Bus;
  readonly inspect?: (event: InspectionEvent) => void;
}

export interface GatewayProcess extends Root {
  readonly counters: () => GatewayCounters;
}

/** Starts the gateway. `ended` rejects when it cannot listen, after a few attempts. */
export function startGatewayProcess(deps: GatewayProcessDeps): GatewayProcess {
  const { world, log, agent, registration } = deps;
  const bus = deps.bus ?? createBus({ clock: world.clock, log });
  const gateway = createGatewayActor({
    world,
    log: log.child('gateway'),
    post: bus.postFor('gateway'),
    listenAt: deps.listenAt,
    own: deps.own,
  });
  const watch = createProxyWatchActor({ agent, post: bus.postFor('proxy-watch') });
  const input: SupervisorInput = {
    // The gateway first: who restarts it also restarts the watch, which tells it all it knows.
    children: [
      {
        id: 'gateway',
        logic: gateway.logic,
        input: { drainMs: deps.drainMs },
        restart: 'transient',
        shutdownMs: deps.drainMs + SHUTDOWN_SLACK_MS,
      },
      {
        id: 'proxy-watch',
        logic: watch,
        input: { exposesServers: deps.exposesServers },
        restart: 'transient',
        shutdownMs: 1_000,
      },
      ...(registration === undefined
        ? []
        : [
            {
              id: 'gateway-registration',
              logic: createGatewayRegistrationActor({
                agent,
                registration,
                log: log.child('gateway-registration'),
              }),
              restart: 'transient' as const,
              shutdownMs: DEREGISTER_LIMIT_MS,
            },
          ]),
    ],
    strategy: 'rest-for-one',
    intensity: 3,
    periodMs: 10_000,
    backoffMs: [500, 2_000],
  };
  const root = startRoot({
    logic: createSupervisorActor({ log }),
    input,
    name: 'gateway-process',
    clock: world.clock,
    bus,
    ...(deps.inspect ? { inspect: deps.inspect } : {}),
  });
  return { ...root, counters: gateway.counters };
}
