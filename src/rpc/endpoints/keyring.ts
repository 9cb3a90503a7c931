/**
 * `Internal.KeyringOperation` on a server: first the WAN pool, then the LAN pool, then one server of
 * each other datacenter for its LAN pool. A pool that fails is told in its answer; a datacenter that
 * cannot be asked fails the call.
 */

import { textOf } from '../../error-text.ts';
import { decodeGoBase64 } from '../../go-base64.ts';
import { KeyringRequest, KeyringResponse } from '../../model/event.ts';
import { RpcError, type ServedMethod, serve } from '../method.ts';
import { INTERNAL_KEYRING_OPERATION, KEYRING_OPERATION_THERE } from '../methods/internal.ts';
import type { EndpointDeps, KeyChange, KeyOrder } from './deps.ts';
import { queryMeta } from './read.ts';

const OPERATIONS: readonly string[] = [
  'list',
  'install',
  'use',
  'remove',
] satisfies readonly KeyOrder['operation'][];
const RELAY_FACTOR_MAX = 5;

export function keyringEndpoints(deps: EndpointDeps): readonly ServedMethod[] {
  return [
    serve(INTERNAL_KEYRING_OPERATION, async (request, origin) => {
      refuseUnusable(request);
      const { lan, wan } = deps.keys;
      if (request.LocalOnly || request.Forwarded || wan === null) {
        return { Responses: [await askPool(deps, 'lan', lan, request)], ...queryMeta(deps, 0) };
      }
      const own = [
        await askPool(deps, 'wan', wan, request),
        await askPool(deps, 'lan', lan, request),
      ];
      const others = deps.datacenters().filter((name) => name !== deps.datacenter);
      const answers = await Promise.all(
        others.map((Datacenter) =>
          deps.rpc.call(
            KEYRING_OPERATION_THERE,
            KeyringRequest.of({ ...request, Datacenter, Forwarded: true }),
            origin.signal,
          ),
        ),
      );
      const theirs = answers.flatMap(({ Responses }) => Responses ?? []);
      return { Responses: [...own, ...theirs], ...queryMeta(deps, 0) };
    }),
  ];
}

function refuseUnusable({ Operation, LocalOnly, RelayFactor }: KeyringRequest): void {
  if (!OPERATIONS.includes(Operation)) {
    throw new RpcError(
      `unknown keyring operation ${JSON.stringify(Operation)}: list, install, use or remove`,
    );
  }
  if (RelayFactor > RELAY_FACTOR_MAX) {
    throw new RpcError(`Relay factor must be in range: [0, ${RELAY_FACTOR_MAX}]`);
  }
  if (LocalOnly && Operation !== 'list') {
    throw new RpcError('argument error: LocalOnly can only be used for List operations');
  }
}

async function askPool(
  deps: EndpointDeps,
  pool: 'lan' | 'wan',
  change: KeyChange,
  request: KeyringRequest,
): Promise<KeyringResponse> {
  const told = { WAN: pool === 'wan', Datacenter: deps.datacenter };
  const key = decodeGoBase64(request.Key);
  if (!key.ok) return KeyringResponse.of({ ...told, Error: key.error });
  const operation = request.Operation as KeyOrder['operation'];
  const order = { operation, key: key.bytes, relayFactor: request.RelayFactor };
  try {
    const { messages, keys, primaryKeys, nodes, error } = await change(order);
    return {
      ...told,
      Segment: '',
      Messages: messages,
      Keys: keys,
      PrimaryKeys: primaryKeys,
      NumNodes: nodes,
      Error: error,
    };
  } catch (error) {
    return KeyringResponse.of({ ...told, Error: textOf(error) });
  }
}
