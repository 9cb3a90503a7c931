/** Binds the agent's services and checks to the clock, the network, the disk and the catalog. */

import { fromCallback } from 'xstate';
import { localServicesMachine } from '../../machines/agent/local-services.ts';
import type { Post } from '../../machines/routes.ts';
import { toError } from '../../src/error-text.ts';
import type { LocalServices } from '../../src/http/local-services.ts';
import { EMPTY_LOCAL_VIEW, type LocalView } from '../../src/local/definitions.ts';
import type { NodeFacts, RemoteCopy, SyncWrite } from '../../src/local/sync.ts';
import type { Log } from '../../src/log.ts';
import { NodeSpecificRequest } from '../../src/model/blocks.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import {
  CATALOG_DEREGISTER,
  CATALOG_NODE_SERVICE_LIST,
  CATALOG_REGISTER,
} from '../../src/rpc/methods/catalog.ts';
import { HEALTH_NODE_CHECKS } from '../../src/rpc/methods/health.ts';
import type { TimerId, World } from '../../src/world/world.ts';
import type { Bus } from '../bus.ts';
import { CheckRunner } from './check-runner.ts';
import type { LocalStore } from './local-store.ts';

/** A copy of the catalog that is older does not do for a comparison. */
const REMOTE_STALE_NS = 2e9;
/** A client waits this long for its registration to be kept. */
const COMMAND_TIMEOUT_MS = 30_000;

export interface LocalServicesDeps {
  readonly world: World;
  readonly log: Log;
  readonly post: Post<'local-services'>;
  readonly rpc: RpcCaller;
  readonly facts: NodeFacts;
  readonly store: LocalStore;
  /** Roots that HTTPS checks trust. */
  readonly caPem: readonly string[];
}

export function createLocalServicesActor(deps: LocalServicesDeps) {
  const { world, log } = deps;
  const timers = new Map<string, TimerId>();
  let runner: CheckRunner | null = null;
  const stop = (): void => {
    runner?.stop();
    runner = null;
    for (const timer of timers.values()) world.clock.clearTimeout(timer);
    timers.clear();
  };
  const arm = (name: string, ms: number, due: () => void): void => {
    timers.set(
      name,
      world.clock.setTimeout(() => {
        timers.delete(name);
        due();
      }, ms),
    );
  };
  return localServicesMachine.provide({
    actors: { upkeep: fromCallback(() => stop) },
    actions: {
      readRemote: ({ self }) => {
        readRemote(deps).then(
          (copy) => self.send({ type: 'remote.read', copy }),
          (error) => self.send({ type: 'remote.failed', error: toError(error) }),
        );
      },
      write: ({ self }, { writes }) => {
        writeAll(deps, writes).then(
          (outcome) => self.send({ type: 'writes.done', ...outcome }),
          (error) => self.send({ type: 'writes.done', written: [], error: toError(error) }),
        );
      },
      armFullSync: ({ self }, { afterMs, spreadMs }) => {
        const armed = timers.get('full');
        if (armed !== undefined) world.clock.clearTimeout(armed);
        const ms = afterMs + world.random.float() * spreadMs;
        arm('full', ms, () => self.send({ type: 'full-sync.due' }));
      },
      armOutputs: ({ self }, { afterMs, spreadMs }) => {
        if (timers.has('outputs')) return;
        const ms = afterMs + world.random.float() * spreadMs;
        arm('outputs', ms, () => self.send({ type: 'outputs.due' }));
      },
      publish: ({ self }, { view }) => {
        runner ??= new CheckRunner({
          world,
          caPem: deps.caPem,
          report: (results) => self.send({ type: 'checks.resulted', results }),
          doom: (id) => self.send({ type: 'service.doomed', id }),
        });
        runner.reconcile(view);
        deps.post.send('http', { type: 'local-view.changed', view });
      },
      commit: (_, { view, reply }) => {
        deps.store.save(view).then(
          () => reply.answer(null),
          (error) => reply.refuse(toError(error)),
        );
      },
      keep: (_, { view }) => {
        deps.store.save(view).catch((error) => log.error('cannot keep registrations', { error }));
      },
      restartTtl: (_, { id }) => runner?.restartTtl(id),
      commitFed: (_, { check, reply }) => {
        deps.store.saveFed(check).then(
          () => reply.answer(null),
          (error) => reply.refuse(toError(error)),
        );
      },
      refuse: (_, { reply, text }) => reply.refuse(new Error(text)),
      announceFailure: (_, { what, error }) => log.error(what, { error: error.message }),
      announceDoom: (_, { id }) =>
        log.info('deregistered a service whose check stayed critical', { service: id }),
    },
  });
}

/** Reads the catalog's copy of this node; any server may answer unless it lags. */
async function readRemote({ rpc, facts }: LocalServicesDeps): Promise<RemoteCopy> {
  const request = NodeSpecificRequest.of({
    Datacenter: facts.datacenter,
    Node: facts.name,
    Token: facts.token,
    AllowStale: true,
    MaxStaleDuration: REMOTE_STALE_NS,
  });
  const fresh = { ...request, AllowStale: false };
  let list = await rpc.call(CATALOG_NODE_SERVICE_LIST, request);
  if (list.LastContact > REMOTE_STALE_NS) list = await rpc.call(CATALOG_NODE_SERVICE_LIST, fresh);
  let checks = await rpc.call(HEALTH_NODE_CHECKS, request);
  if (checks.LastContact > REMOTE_STALE_NS) checks = await rpc.call(HEALTH_NODE_CHECKS, fresh);
  return {
    node: list.NodeServices.Node,
    services: list.NodeServices.Services ?? [],
    checks: checks.HealthChecks ?? [],
  };
}

interface WriteOutcome {
  readonly written: readonly SyncWrite[];
  readonly error: Error | null;
}

async function writeAll(
  { rpc, log }: LocalServicesDeps,
  writes: readonly SyncWrite[],
): Promise<WriteOutcome> {
  const written: SyncWrite[] = [];
  for (const write of writes) {
    try {
      if (write.kind === 'register') await rpc.call(CATALOG_REGISTER, write.request);
      else await rpc.call(CATALOG_DEREGISTER, write.request);
    } catch (error) {
      const text = toError(error).message;
      if (!isSettled(write, text)) return { written, error: toError(error) };
      log.warn('the catalog refused a write', { error: text });
    }
    written.push(write);
  }
  return { written, error: null };
}

/** A refusal by ACL stands until the next full comparison; what is gone already is fine. */
function isSettled(write: SyncWrite, text: string): boolean {
  if (text.includes('Permission denied') || text.includes('ACL not found')) return true;
  return (
    write.kind !== 'register' &&
    (text.includes('Unknown service') || text.includes('Unknown check'))
  );
}

/** The side of the HTTP door: commands as questions, the latest view at hand. */
export function createLocalServicesFacade(bus: Bus): LocalServices & { close(): void } {
  const post = bus.postFor('http');
  const listeners = new Set<() => void>();
  const limit = { timeoutMs: COMMAND_TIMEOUT_MS };
  let view: LocalView = EMPTY_LOCAL_VIEW;
  const close = bus.receive<'local-view.changed'>('http', (message) => {
    view = message.view;
    const woken = [...listeners];
    listeners.clear();
    for (const changed of woken) changed();
  });
  return {
    close,
    view: () => view,
    onChange(changed) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    async registerService(service, checks, others) {
      const question = { type: 'local-service.register', service, checks, others } as const;
      await post.ask('local-services', question, limit);
    },
    async deregisterService(id) {
      await post.ask('local-services', { type: 'local-service.deregister', id }, limit);
    },
    async registerCheck(definition) {
      await post.ask('local-services', { type: 'local-check.register', definition }, limit);
    },
    async deregisterCheck(id) {
      await post.ask('local-services', { type: 'local-check.deregister', id }, limit);
    },
    async updateTtl(id, status, output) {
      const question = { type: 'local-check.feed', id, status, output } as const;
      await post.ask('local-services', question, limit);
    },
  };
}
