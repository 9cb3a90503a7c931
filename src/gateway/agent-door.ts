/** What the gateway asks of its local agent, over the agent's HTTP API. */

import { type HttpClient, UnexpectedStatusError } from '../http-client/client.ts';
import { watchResource } from '../http-client/watch.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../world/world.ts';
import {
  type AgentFacts,
  type AgentService,
  parseAgentService,
  parseAgentServices,
  parseInstances,
  parseInstancesByDatacenter,
  parseSelf,
} from './answers.ts';
import type { ServiceInstance } from './instances.ts';
import type { Registration } from './registration.ts';
import type { InstancesByDatacenter } from './snapshot.ts';

const REQUEST_TIMEOUT_MS = 10_000;

/** Hands out content at once and after every change; the returned function ends it. */
type Watch<Content> = (changed: (content: Content) => void) => () => void;

export interface AgentDoor {
  readonly watchAgent: Watch<AgentFacts>;
  readonly watchServers: Watch<readonly ServiceInstance[]>;
  readonly watchGateways: Watch<InstancesByDatacenter>;
  register(registration: Registration): Promise<void>;
  /** Whether the agent has this service. Rejects when it cannot be asked. */
  knows(id: string): Promise<boolean>;
  deregister(id: string): Promise<void>;
  service(id: string): Promise<AgentService>;
  /** Mesh gateways that are registered at this agent. */
  gateways(): Promise<readonly AgentService[]>;
}

export interface AgentDoorOptions {
  readonly client: Pick<HttpClient, 'expectOk' | 'request'>;
  readonly clock: Clock;
  readonly log: Log;
}

export function createAgentDoor(options: AgentDoorOptions): AgentDoor {
  const { client } = options;
  const watch =
    <Content>(path: string, parse: (body: unknown) => Content): Watch<Content> =>
    (changed) =>
      watchResource({ ...options, path, changed: (body) => changed(parse(body)) });
  const get = async (path: string): Promise<unknown> => {
    const request = { method: 'GET', path, timeoutMs: REQUEST_TIMEOUT_MS } as const;
    return JSON.parse((await client.expectOk(request)).body.toString('utf8')) as unknown;
  };
  const put = async (path: string, body?: string): Promise<void> => {
    const request = { method: 'PUT', path, timeoutMs: REQUEST_TIMEOUT_MS } as const;
    await client.expectOk(body === undefined ? request : { ...request, body });
  };
  return {
    watchAgent: watch('/v1/agent/self', parseSelf),
    // Any server may answer: the gateway must work while there is no leader.
    watchServers: watch('/v1/health/service/consul?stale', parseInstances),
    watchGateways: watch(
      '/v1/internal/federation-states/mesh-gateways?stale',
      parseInstancesByDatacenter,
    ),
    register: (registration) => put('/v1/agent/service/register', JSON.stringify(registration)),
    async knows(id) {
      const path = `/v1/agent/service/${encodeURIComponent(id)}`;
      const { status, body } = await client.request({
        method: 'GET',
        path,
        timeoutMs: REQUEST_TIMEOUT_MS,
      });
      if (status === 404) return false;
      if (status === 200) return true;
      throw new UnexpectedStatusError(status, body.toString('utf8'));
    },
    deregister: (id) => put(`/v1/agent/service/deregister/${encodeURIComponent(id)}`),
    service: async (id) =>
      parseAgentService(await get(`/v1/agent/service/${encodeURIComponent(id)}`)),
    gateways: async () =>
      parseAgentServices(await get('/v1/agent/services')).filter(
        (service) => service.Kind === 'mesh-gateway',
      ),
  };
}
