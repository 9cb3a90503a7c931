/**
 * `FederationState.*` on a server. Apply runs in the primary datacenter only (the router sends it
 * there); reads serve this datacenter's copy.
 */

import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import type { CheckServiceNode } from '../../model/catalog.ts';
import { FederationStateRequest } from '../../model/federation-state.ts';
import { federationState, federationStates } from '../../store/index.ts';
import { goTimeFromUnixMs, isZeroTime } from '../../wire/msgpack/time.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import * as method from '../methods/federation-state.ts';
import type { EndpointDeps } from './deps.ts';
import { answerRead } from './read.ts';

export const FEDERATION_STATES_DISABLED =
  'Federation states are currently disabled until all servers in the datacenter support the feature';

export function federationStateEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(method.FEDERATION_STATE_APPLY, async (request) => {
      requireSupport(deps);
      const prepared = preparedApply(deps, request);
      const response = await deps.raftApply(
        COMMAND_TYPES.FederationState,
        FederationStateRequest,
        prepared,
      );
      return response === true;
    }),

    serve(method.FEDERATION_STATE_GET, async (request, origin) => {
      requireSupport(deps);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = federationState(reader, request.Datacenter);
        return { index, result: { State: result } };
      });
    }),

    serve(method.FEDERATION_STATE_LIST, async (request, origin) => {
      requireSupport(deps);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = federationStates(reader);
        return { index, result: { States: result } };
      });
    }),

    serve(method.FEDERATION_STATE_LIST_MESH_GATEWAYS, async (request, origin) => {
      requireSupport(deps);
      return answerRead(deps, request, origin, (reader) => {
        const { index, result } = federationStates(reader);
        const withGateways = result.filter((state) => (state.MeshGateways ?? []).length > 0);
        const entries = withGateways.map((state): [string, readonly CheckServiceNode[] | null] => [
          state.Datacenter,
          state.MeshGateways,
        ]);
        return { index, result: { DatacenterNodes: Object.fromEntries(entries) } };
      });
    }),
  ];
}

function requireSupport(deps: EndpointDeps): void {
  if (!deps.federationStatesSupported()) throw new RpcError(FEDERATION_STATES_DISABLED);
}

function preparedApply(
  deps: EndpointDeps,
  request: FederationStateRequest,
): FederationStateRequest {
  const { State, Op } = request;
  if (State === null || State.Datacenter === '') {
    throw new RpcError('invalid request: missing federation state datacenter');
  }
  if (Op !== 'upsert' && Op !== 'delete') {
    throw new RpcError(`Invalid federation state operation: ${Op}`);
  }
  if (Op !== 'upsert' || !isZeroTime(State.UpdatedAt)) return request;
  return { ...request, State: { ...State, UpdatedAt: goTimeFromUnixMs(deps.clock.now()) } };
}
