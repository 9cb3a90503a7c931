/** Gateways of a model federation: where they are, how they are registered, what runs over them. */

import { FEDERATION_META } from '../../src/federation/gateway-addresses.ts';
import { NodeService, RegisterRequest } from '../../src/model/catalog.ts';
import { HealthCheck } from '../../src/model/health-check.ts';
import type { Clock } from '../../src/world/world.ts';

export interface ModelGateway {
  readonly dc: string;
  readonly name: string;
  lan: string;
  wan: string;
  alive: boolean;
}

/** A call that is under way through gateways. */
export interface Path {
  readonly gateways: readonly ModelGateway[];
  readonly addresses: readonly string[];
}

/** Whether one of its gateways died or is somewhere else. */
export function isBroken({ gateways, addresses }: Path): boolean {
  return gateways.some((g, i) => !g.alive || (g.lan !== addresses[i] && g.wan !== addresses[i]));
}

/** How often a call looks whether its path is whole. */
const LOOK_MS = 500;

/** Runs a call over a path: it ends with `EOF` when the path breaks. */
export function overPath(
  clock: Clock,
  broken: () => boolean,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<unknown>,
): Promise<unknown> {
  const abort = new AbortController();
  signal?.addEventListener('abort', () => abort.abort(new Error('stopped')), { once: true });
  return new Promise((resolve, reject) => {
    let open = true;
    const end = (finish: () => void): void => {
      open = false;
      finish();
    };
    const look = (): void => {
      if (!open) return;
      if (!broken()) {
        clock.setTimeout(look, LOOK_MS);
        return;
      }
      abort.abort(new Error('broken'));
      end(() => reject(new Error('rpc error making call: EOF')));
    };
    look();
    call(abort.signal).then(
      (reply) => end(() => resolve(reply)),
      (error: Error) => end(() => reject(new Error(`rpc error making call: ${error.message}`))),
    );
  });
}

export const lanOf = (service: NodeService): string => `${service.Address}:${service.Port}`;

export function registration(dc: string, gateway: ModelGateway, status: string): RegisterRequest {
  const [lan = '', lanPort = '0'] = gateway.lan.split(':');
  const [wan = '', wanPort = '0'] = gateway.wan.split(':');
  const id = 'mesh-gateway';
  return RegisterRequest.of({
    Datacenter: dc,
    Node: gateway.name,
    Address: lan,
    Service: NodeService.of({
      Kind: 'mesh-gateway',
      ID: id,
      Service: id,
      Address: lan,
      Port: Number(lanPort),
      TaggedAddresses: { wan: { Address: wan, Port: Number(wanPort) } },
      Meta: { [FEDERATION_META]: '1' },
    }),
    Check: HealthCheck.of({
      Node: gateway.name,
      CheckID: `service:${id}`,
      Status: status,
      ServiceID: id,
      ServiceName: id,
      Output: `checked ${gateway.lan}`,
    }),
  });
}
