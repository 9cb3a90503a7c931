/**
 * The supervisor tree of whole agents in a simulated world: its shape, and what becomes of failures
 * that no restart can mend.
 */

import { describe, expect, it } from 'vitest';
import type { AnyActorRef } from 'xstate';
import { type RunningAgent, startAgent } from '../../../actors/agent/start.ts';
import type { ChildView, SupervisorContext } from '../../../machines/supervisor.types.ts';
import { loadPlan } from '../../../src/config/load.ts';
import { createMemoryLog, type MemoryLog } from '../../../src/log.ts';
import { DCSpecificRequest } from '../../../src/model/blocks.ts';
import { CATALOG_LIST_NODES } from '../../../src/rpc/methods/catalog.ts';
import { pause } from '../../../src/world/pause.ts';
import { createSimulation, type Simulation } from '../../../src/world/simulated/simulation.ts';
import type { World } from '../../../src/world/world.ts';

const ADDRESS = '10.0.0.1';

/** HTTP is served by Node itself, so that no simulated agent has it. */
const COMMON = `
  node_name = "one"
  datacenter = "dc1"
  data_dir = "/data"
  bind_addr = "${ADDRESS}"
  ports { http = -1, dns = -1 }
`;
const SERVER = `${COMMON} server = true bootstrap = true`;

/** Of a type that no version knows, and not marked as one that may be ignored. */
const UNKNOWN_COMMAND = Uint8Array.of(99, 0xc0);
const UNHEARD = { answer: () => {}, refuse: () => {} };

interface Scene {
  readonly simulation: Simulation;
  readonly world: World;
  readonly log: MemoryLog;
}

function scene(): Scene {
  const simulation = createSimulation({ seed: 1 });
  const { world } = simulation.host({ name: 'one', addresses: [ADDRESS] });
  return { simulation, world, log: createMemoryLog() };
}

async function start({ simulation, world, log }: Scene, config: string): Promise<RunningAgent> {
  const loading = loadPlan(
    {
      mode: 'normal',
      paths: [],
      format: undefined,
      lists: new Map(),
      others: new Map(),
      pieces: [config],
    },
    world,
    'one',
  );
  const loaded = await simulation.settle(loading);
  if (!loaded.ok) throw new Error(loaded.text);
  return simulation.settle(startAgent({ plan: loaded.plan, material: loaded.tls, world, log }));
}

/** Names of the nodes in the catalog, with all that was ever acknowledged. */
async function nodesOf(agent: RunningAgent): Promise<readonly string[]> {
  const request = DCSpecificRequest.of({ Datacenter: 'dc1', RequireConsistent: true });
  const { Nodes } = await agent.context.rpc.call(CATALOG_LIST_NODES, request);
  return (Nodes ?? []).map(({ Node }) => Node);
}

/** One line an actor, indented by its depth; the strategy of those that supervise. */
function drawn(actor: AnyActorRef, depth = 0): readonly string[] {
  const snapshot = actor.getSnapshot();
  const { strategy, intensity, view } = (snapshot.context ?? {}) as Partial<SupervisorContext>;
  const policy = strategy === undefined ? '' : `  ${strategy}, ${intensity}`;
  const line = `${'  '.repeat(depth)}${actor.id}${policy}`;
  if (strategy === undefined) return [line];
  const below = (view ?? []).map(({ id }: ChildView) => snapshot.children[id] as AnyActorRef);
  return [line, ...below.flatMap((child) => drawn(child, depth + 1))];
}

describe('the tree of an agent', () => {
  it('of a server keeps the state apart from the port, the pools, the doors and the joiners', async () => {
    const at = scene();
    const agent = await start(at, SERVER);
    expect(`\n${drawn(agent.root.actor).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      mobius  one-for-one, 0
        supervisor.agent  one-for-one, 5
          agent
        supervisor.state  one-for-all, 3
          fsm
          raft
        supervisor.server  one-for-one, 5
          rpc-router
          server
          raft-bootstrap
          member-reconciler
          session-ttl
          tombstone-gc
          coordinate-batcher
          federation-support
          flood-joiner
          leader-duties
          alpn-listener
        supervisor.pools  one-for-one, 5
          socket-transport.wan
          gossip.wan
          socket-transport.lan
          gossip.lan
        supervisor.local  one-for-one, 5
          local-services
          coordinate-sender
        supervisor.doors  one-for-one, 5
          http-door
        supervisor.joiners  one-for-one, 5
          retry-join.lan
          retry-join.wan
      "
    `);
    await at.simulation.settle(agent.root.shutdown());
  });

  it('of a client has no state and no port', async () => {
    const at = scene();
    const agent = await start(at, COMMON);
    expect(`\n${drawn(agent.root.actor).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      mobius  one-for-one, 0
        supervisor.agent  one-for-one, 5
          agent
          rpc-router
        supervisor.pools  one-for-one, 5
          socket-transport.lan
          gossip.lan
        supervisor.local  one-for-one, 5
          local-services
          coordinate-sender
        supervisor.doors  one-for-one, 5
          http-door
        supervisor.joiners  one-for-one, 5
          retry-join.lan
      "
    `);
    await at.simulation.settle(agent.root.shutdown());
  });

  it('ends with one clear line when the server port is in use', async () => {
    const at = scene();
    await at.simulation.settle(
      at.world.network.listenTcp({ address: ADDRESS, port: 8300 }, () => {}),
    );
    const run = async (): Promise<unknown> => (await start(at, SERVER)).ended;
    await expect(at.simulation.settle(run())).rejects.toThrow(
      `Failed to start RPC layer: listen tcp ${ADDRESS}:8300: bind: address already in use`,
    );
    expect(at.log.lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  it('brings a crashed state machine its log again, and the others hear that nobody leads meanwhile', async () => {
    const at = scene();
    const agent = await start(at, SERVER);
    const heard: string[] = [];
    agent.bus.observe(({ from, to, message }) => {
      if (from === 'raft' && to === 'server') heard.push(message.type);
    });
    const registered = async (): Promise<void> => {
      while ((await nodesOf(agent)).length === 0) await pause(at.world.clock, 100);
    };
    await at.simulation.settle(registered(), 30_000);
    heard.length = 0;
    // A defect: nobody sends such a batch.
    agent.root.actor.system.get('fsm')?.send({ type: 'entries.committed', entries: null });
    await at.simulation.runUntil(() => heard.includes('leadership.gained'), 30_000);
    expect(await at.simulation.settle(nodesOf(agent), 30_000)).toEqual(['one']);
    expect(heard.filter((type) => type.startsWith('leadership'))).toEqual([
      'leadership.lost',
      'leadership.gained',
    ]);
    const state = agent.root.actor.getSnapshot().children['supervisor.state'];
    expect(state.getSnapshot().context.view).toMatchObject([
      { id: 'fsm', status: 'running', restarts: 1 },
      { id: 'raft', status: 'running', restarts: 0 },
    ]);
    await at.simulation.settle(agent.root.shutdown());
  });

  it('ends at a command that cannot be applied, without trying it again', async () => {
    const at = scene();
    const agent = await start(at, SERVER);
    let leads = false;
    agent.bus.observe(({ message }) => {
      leads ||= message.type === 'leadership.gained';
    });
    await at.simulation.runUntil(() => leads, 30_000);
    agent.bus.postFor('consensus').send('raft', {
      type: 'proposals.submitted',
      proposals: [{ kind: 'command', data: UNKNOWN_COMMAND, extensions: null, reply: UNHEARD }],
      reply: UNHEARD,
    });
    await expect(at.simulation.settle(agent.ended)).rejects.toThrow(
      /^entry \d+: failed to apply request of unknown type 99$/,
    );
  });
});
