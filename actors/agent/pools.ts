/** The gossip pools of an agent as children of its tree, with their sockets and files. */

import type { PoolConfig } from '../../machines/gossip/config.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import { textOf } from '../../src/error-text.ts';
import { createLanGossipActor, type LanListener } from '../gossip/lan.ts';
import { loadPoolInput, type PoolFiles } from '../gossip/pool.ts';
import { createSocketTransportActor, openSocketTransport } from '../gossip/socket-transport.ts';
import { createWanGossipActor, type WanListener } from '../gossip/wan.ts';
import { type Foundation, worldHearing } from './foundation.ts';
import { lanPoolConfig, wanPoolConfig } from './pool-configs.ts';

export interface PoolParts {
  /** To be started before who sends through it. */
  readonly transport: ChildSpec;
  readonly pool: ChildSpec;
}

/** Opens the LAN pool's sockets. Rejects when address or port cannot be had. */
export async function lanParts(
  base: Foundation,
  listeners: readonly LanListener[],
): Promise<PoolParts> {
  const { plan, bus, log } = base;
  const config = lanPoolConfig(plan, base.nodeId);
  const at = { address: plan.addresses.serfLan, port: plan.ports.serfLan };
  const transport = await openTransport(base, 'LAN', at, plan.gossip.allowedLan);
  const files = filesOf(base, 'local');
  const poolLog = log.child('gossip.lan');
  return {
    transport: transportSpec(
      'socket-transport.lan',
      createSocketTransportActor({
        ...transport,
        pool: 'lan',
        post: bus.postFor('socket-transport.lan'),
      }),
    ),
    pool: {
      id: 'gossip.lan',
      logic: createLanGossipActor({
        world: base.clusterWorld,
        post: bus.postFor('gossip.lan'),
        log: poolLog,
        config,
        files,
        listeners,
      }),
      input: await inputOf(base, config, files),
      restart: 'permanent',
      shutdownMs: 0,
    },
  };
}

/** Opens the WAN pool's sockets. Rejects when address or port cannot be had. */
export async function wanParts(
  base: Foundation,
  port: number,
  listeners: readonly WanListener[],
): Promise<PoolParts> {
  const { plan, bus, log } = base;
  const config = wanPoolConfig(plan, base.nodeId, port);
  const at = { address: plan.addresses.serfWan, port };
  const transport = await openTransport(base, 'WAN', at, plan.gossip.allowedWan);
  const files = filesOf(base, 'remote');
  return {
    transport: transportSpec(
      'socket-transport.wan',
      createSocketTransportActor({
        ...transport,
        pool: 'wan',
        post: bus.postFor('socket-transport.wan'),
      }),
    ),
    pool: {
      id: 'gossip.wan',
      logic: createWanGossipActor({
        world: base.clusterWorld,
        post: bus.postFor('gossip.wan'),
        log: log.child('gossip.wan'),
        config,
        files,
        transport: plan.connect.meshGatewayWanFederation
          ? 'wanfed-transport'
          : 'socket-transport.wan',
        listeners,
      }),
      input: await inputOf(base, config, files),
      restart: 'permanent',
      shutdownMs: 0,
    },
  };
}

function transportSpec(id: string, logic: ChildSpec['logic']): ChildSpec {
  return { id, logic, restart: 'permanent', shutdownMs: 0 };
}

async function openTransport(
  base: Foundation,
  pool: 'LAN' | 'WAN',
  at: { readonly address: string; readonly port: number },
  allowed: readonly string[],
) {
  const world = worldHearing(
    base.clusterWorld,
    allowed,
    base.log.child(`socket-transport.${pool}`),
  );
  const log = base.log.child(`socket-transport.${pool.toLowerCase()}`);
  const reopen = () => openSocketTransport(world, at);
  try {
    return { transport: await reopen(), reopen, clock: world.clock, log };
  } catch (error) {
    const why = textOf(error);
    throw new Error(`Failed to start ${pool} Serf: ${why}`, { cause: error });
  }
}

function filesOf({ plan }: Foundation, name: 'local' | 'remote'): PoolFiles {
  if (plan.dataDir === undefined) return { snapshot: null, keyRing: null };
  return {
    snapshot: `${plan.dataDir}/serf/${name}.snapshot`,
    keyRing: plan.gossip.keyringFile ? `${plan.dataDir}/serf/${name}.keyring` : null,
  };
}

async function inputOf(base: Foundation, config: PoolConfig, files: PoolFiles) {
  const { encryptKey } = base.plan.gossip;
  if (base.plan.dataDir !== undefined) {
    await base.world.disk.makeDirectory(`${base.plan.dataDir}/serf`);
  }
  return loadPoolInput({
    world: base.world,
    log: base.log.child(`gossip.${config.pool}`),
    config,
    snapshot: files.snapshot,
    keyRing: {
      encrypt: encryptKey === undefined ? '' : Buffer.from(encryptKey).toString('base64'),
      path: files.keyRing,
    },
  });
}
