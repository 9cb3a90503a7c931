/** A member of a gossip pool as it runs in an agent: pool actor, socket transport and bus. */

import { type Actor, createActor } from 'xstate';
import { createBus } from '../../actors/bus.ts';
import { createLanGossipActor } from '../../actors/gossip/lan.ts';
import { loadPoolInput } from '../../actors/gossip/pool.ts';
import {
  createSocketTransportActor,
  openSocketTransport,
  type SocketTransport,
} from '../../actors/gossip/socket-transport.ts';
import { CONSUL_LAN_DEFAULTS, type PoolConfig } from '../../machines/gossip/config.ts';
import type { poolMachine } from '../../machines/gossip/pool.ts';
import type { Message } from '../../machines/messages.ts';
import type { ReceivedQuery } from '../../machines/routes/gossip.ts';
import type { Post } from '../../machines/routes.ts';
import { createMemoryLog, type MemoryLog } from '../../src/log.ts';
import type { MemberChange, MembersView, UserEvent } from '../../src/model/member.ts';
import type { World } from '../../src/world/world.ts';

export interface GossipMember {
  readonly name: string;
  readonly post: Post<'agent'>;
  readonly log: MemoryLog;
  readonly transport: SocketTransport;
  readonly actor: Actor<typeof poolMachine>;
  readonly changes: MemberChange[];
  readonly events: UserEvent[];
  readonly queries: ReceivedQuery[];
  view(): MembersView | null;
  status(name: string): string;
  /** Ends without a word. */
  kill(): void;
}

export interface GossipMemberOptions {
  readonly world: World;
  readonly config: Partial<PoolConfig> & { readonly name: string };
  readonly address: string;
  readonly port?: number;
  readonly encrypt?: string;
  /** Paths of the files; none are kept by default. */
  readonly snapshot?: string;
  readonly keyRing?: string;
  /** Called for all that the pool tells its agent. */
  readonly hear?: (message: AgentMessage) => void;
}

/** What a pool tells the agent that it runs in. */
export type AgentMessage = Message<
  'lan-members.changed' | 'coordinates.changed' | 'user-events.received' | 'queries.received'
>;

export async function startGossipMember(options: GossipMemberOptions): Promise<GossipMember> {
  const { world } = options;
  const log = createMemoryLog();
  const bus = createBus({ clock: world.clock, log });
  const at = { address: options.address, port: options.port ?? 0 };
  const transport = await openSocketTransport(world, at);
  const config: PoolConfig = {
    ...CONSUL_LAN_DEFAULTS,
    tags: { role: 'node' },
    address: options.address,
    ...options.config,
    port: transport.endpoint.port,
  };
  const changes: MemberChange[] = [];
  const events: UserEvent[] = [];
  const queries: ReceivedQuery[] = [];
  let view: MembersView | null = null;
  bus.receive<AgentMessage['type']>('agent', (message) => {
    if (message.type === 'lan-members.changed') {
      view = message.view;
      changes.push(...message.view.changes);
    } else if (message.type === 'user-events.received') events.push(...message.events);
    else if (message.type === 'queries.received') queries.push(...message.queries);
    options.hear?.(message);
  });
  const files = { snapshot: options.snapshot ?? null, keyRing: options.keyRing ?? null };
  const input = await loadPoolInput({
    world,
    log,
    config,
    snapshot: files.snapshot,
    keyRing: { encrypt: options.encrypt ?? '', path: files.keyRing },
  });
  const { clock } = world;
  const socketActor = createActor(
    createSocketTransportActor({
      transport,
      reopen: async () => transport,
      clock,
      log,
      pool: 'lan',
      post: bus.postFor('socket-transport.lan'),
    }),
    { clock },
  );
  const logic = createLanGossipActor({
    world,
    post: bus.postFor('gossip.lan'),
    log,
    config,
    files,
    listeners: ['agent'],
  });
  const actor = createActor(logic, { input, clock });
  const named = new Map<string, unknown>([
    ['socket-transport.lan', socketActor],
    ['gossip.lan', actor],
  ]);
  bus.attach({ get: (name) => named.get(name) as never });
  socketActor.start();
  actor.start();
  return {
    name: config.name,
    post: bus.postFor('agent'),
    log,
    transport,
    actor,
    changes,
    events,
    queries,
    view: () => view,
    status: (name) => view?.members.get(name)?.status ?? 'none',
    kill: () => {
      actor.stop();
      socketActor.stop();
    },
  };
}
