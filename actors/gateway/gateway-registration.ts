/** Binds the registration of the gateway to its agent. */

import type { AnyActorRef } from 'xstate';
import {
  type GatewayRegistrationEvent,
  gatewayRegistrationMachine,
} from '../../machines/gateway/gateway-registration.ts';
import { textOf } from '../../src/error-text.ts';
import type { AgentDoor } from '../../src/gateway/agent-door.ts';
import type { Registration } from '../../src/gateway/registration.ts';
import type { Log } from '../../src/log.ts';

export interface GatewayRegistrationDeps {
  readonly agent: Pick<AgentDoor, 'register' | 'knows' | 'deregister'>;
  readonly log: Log;
  readonly registration: Registration;
}

export function createGatewayRegistrationActor(
  deps: GatewayRegistrationDeps,
): typeof gatewayRegistrationMachine {
  const { agent, log, registration } = deps;
  const { ID: id, Name: service } = registration;
  return gatewayRegistrationMachine.provide({
    actions: {
      register: ({ self }) => {
        agent.register(registration).then(
          () => tell(self, { type: 'registration.written' }),
          (error: unknown) => tell(self, { type: 'registration.failed', error: textOf(error) }),
        );
      },
      look: ({ self }) => {
        agent.knows(id).then(
          (known) => tell(self, { type: known ? 'registration.found' : 'registration.missing' }),
          (error: unknown) => tell(self, { type: 'registration.unknown', error: textOf(error) }),
        );
      },
      deregister: ({ self }) => {
        const ended = (): void => tell(self, { type: 'deregistration.ended' });
        agent.deregister(id).then(
          () => {
            log.info('deregistered service', { service });
            ended();
          },
          (error: unknown) => {
            log.warn('could not deregister service', { service, error });
            ended();
          },
        );
      },
      reportRegistered: () => log.info(`Registered service: ${service}`, { id }),
      reportLost: () => log.warn('the agent has forgotten the service', { service, id }),
      reportFailure: (_, { error, failures }) => {
        // Each power of two is a line: the first is seen at once, an outage is not one line each.
        if ((failures & (failures - 1)) === 0) {
          log.error(`Error registering service ${JSON.stringify(service)}: ${error}`, { failures });
        }
      },
    },
  });
}

function tell(self: AnyActorRef, event: GatewayRegistrationEvent): void {
  // The process may have ended meanwhile.
  if (self.getSnapshot().status === 'active') self.send(event);
}
