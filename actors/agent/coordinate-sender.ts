/** Binds the sender of this agent's coordinate to the servers. */

import { coordinateSenderMachine } from '../../machines/agent/coordinate-sender.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import type { Log } from '../../src/log.ts';
import { CoordinateUpdateRequest } from '../../src/model/coordinate.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import { COORDINATE_UPDATE } from '../../src/rpc/methods/coordinate.ts';
import type { Foundation } from './foundation.ts';

export interface CoordinateSenderDeps {
  readonly rpc: RpcCaller;
  readonly log: Log;
  readonly datacenter: string;
  readonly node: string;
}

export function createCoordinateSenderActor(deps: CoordinateSenderDeps) {
  const { rpc, log, datacenter, node } = deps;
  return coordinateSenderMachine.provide({
    actions: {
      sendUpdate: ({ self }, { coordinate }) => {
        const request = CoordinateUpdateRequest.of({
          Datacenter: datacenter,
          Node: node,
          Coord: coordinate,
        });
        rpc.call(COORDINATE_UPDATE, request).then(
          () => self.send({ type: 'update.sent' }),
          (error) => self.send({ type: 'update.failed', error }),
        );
      },
      announceFailure: (_, { error }) => log.error('Coordinate update error', { error }),
    },
  });
}

/** The sender as a child of the tree; none when coordinates are switched off. */
export function coordinateParts(base: Foundation, rpc: RpcCaller): readonly ChildSpec[] {
  const { plan, log, world } = base;
  if (plan.disableCoordinates) return [];
  const logic = createCoordinateSenderActor({
    rpc,
    log: log.child('coordinate-sender'),
    datacenter: plan.datacenter,
    node: plan.node.name,
  });
  const input = { seed: world.random.uint32() };
  return [{ id: 'coordinate-sender', logic, input, restart: 'permanent', shutdownMs: 0 }];
}
