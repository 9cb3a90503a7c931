/** Leader's duties and the flood joiner, bound to real stores and a bus. */

import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { createBus } from '../../../actors/bus.ts';
import { createFederationAntiEntropyActor } from '../../../actors/federation/federation-anti-entropy.ts';
import { createFederationPrunerActor } from '../../../actors/federation/federation-pruner.ts';
import { createFederationReplicatorActor } from '../../../actors/federation/federation-replicator.ts';
import { createFloodJoinerActor } from '../../../actors/federation/flood-joiner.ts';
import type { Message } from '../../../machines/messages.ts';
import { COMMAND_TYPES } from '../../../src/fsm/command-types.ts';
import { Fsm } from '../../../src/fsm/fsm.ts';
import { createRaftApply } from '../../../src/fsm/raft-apply.ts';
import { createMemoryLog } from '../../../src/log.ts';
import { FederationStateRequest } from '../../../src/model/federation-state.ts';
import type { RpcCaller } from '../../../src/rpc/method.ts';
import { federationStates } from '../../../src/store/read/other.ts';
import { createSimulation } from '../../../src/world/simulated/simulation.ts';
import { gateway, membersView, record, server } from '../../support/federation-fixture.ts';

const HOUR = 3_600_000;

function setUp(seed: number) {
  const simulation = createSimulation({ seed });
  const { world } = simulation.host({ name: 'a', addresses: ['10.0.0.1'] });
  const log = createMemoryLog();
  const bus = createBus({ clock: world.clock, log });
  const fsm = new Fsm({ log });
  let index = 0;
  const refusals: string[] = [];
  const raftApply = createRaftApply({
    consensus: {
      apply: async (data) => {
        const [refusal] = refusals;
        if (refusal !== undefined) throw new Error(refusal);
        index += 1;
        return fsm.apply([{ index, term: 1, data, extensions: null }], index).responses[0];
      },
    },
    random: world.random,
    log,
  });
  const put = (datacenter: string, ...gateways: Parameters<typeof record>[1]) =>
    raftApply(
      COMMAND_TYPES.FederationState,
      FederationStateRequest,
      FederationStateRequest.of({ Op: 'upsert', State: record(datacenter, gateways) }),
    );
  const names = () => federationStates(fsm.store.view()).result.map((s) => s.Datacenter);
  const start = (logic: Parameters<typeof createActor>[0], input?: unknown) => {
    const actor = createActor(logic, { input, clock: world.clock } as never);
    actor.start();
    return actor;
  };
  return { simulation, world, log, bus, fsm, raftApply, refusals, put, names, start };
}

const unreachable: RpcCaller = {
  call: () => Promise.reject(new Error('Remote DC has no server currently reachable')),
};

describe('federation pruner', () => {
  test('hourly, records of datacenters that nobody is left of are deleted, the own never', async () => {
    const t = setUp(1);
    for (const dc of ['dc1', 'DC2', 'dc3']) await t.put(dc);
    t.start(
      createFederationPrunerActor({
        log: t.log,
        raftApply: t.raftApply,
        store: t.fsm.store,
        datacenter: 'dc1',
        knownDatacenters: () => ['dc2'],
      }),
    );
    await t.simulation.run(HOUR - 1000);
    expect(t.names()).toEqual(['dc1', 'DC2', 'dc3']);
    await t.simulation.run(2000);
    expect(t.names()).toEqual(['dc1', 'DC2']);
    expect(t.log.lines).toMatchObject([
      { text: 'pruning stale federation state', fields: { datacenter: 'dc3' } },
    ]);
  });

  test('a failure is told once with what was tried, and tried again an hour later', async () => {
    const t = setUp(2);
    await t.put('dc3');
    t.refusals.push('leadership lost while committing log');
    const deps = { log: t.log, raftApply: t.raftApply, store: t.fsm.store, datacenter: 'dc1' };
    t.start(createFederationPrunerActor({ ...deps, knownDatacenters: () => [] }));
    await t.simulation.run(HOUR + 1000);
    const [, failure] = t.log.lines;
    expect(failure).toMatchObject({ text: 'error pruning stale federation states' });
    expect(String(failure?.fields['error'])).toBe(
      'Error: Failed to delete federation state dc3: leadership lost while committing log',
    );
    t.refusals.pop();
    await t.simulation.run(HOUR);
    expect(t.names()).toEqual([]);
  });
});

describe('federation replicator', () => {
  test('an unreachable primary: the locator is told each time, the log says it in full', async () => {
    const t = setUp(3);
    const told: Message<'replication.failed' | 'replication.succeeded'>[] = [];
    t.bus.receive<'replication.failed' | 'replication.succeeded'>('gateway-locator', (message) => {
      told.push(message);
    });
    t.start(
      createFederationReplicatorActor({
        post: t.bus.postFor('federation-replicator'),
        log: t.log,
        clock: t.world.clock,
        random: t.world.random,
        rpc: unreachable,
        raftApply: t.raftApply,
        store: t.fsm.store,
        support: { latched: true },
        datacenter: 'dc2',
        primaryDatacenter: 'dc1',
        token: () => '',
      }),
    );
    await t.simulation.run(8000);
    const text =
      'failed to retrieve federation states: Remote DC has no server currently reachable';
    expect(told).toEqual(Array(4).fill({ type: 'replication.failed', error: text }));
    expect(t.log.lines[0]).toMatchObject({
      level: 'warn',
      text: 'replication error (will retry if still leader)',
      fields: { error: text },
    });
  });
});

describe('federation anti-entropy', () => {
  const deps = (t: ReturnType<typeof setUp>, datacenter: string) => ({
    log: t.log,
    clock: t.world.clock,
    random: t.world.random,
    rpc: unreachable,
    raftApply: t.raftApply,
    verifyLeader: async () => {},
    store: t.fsm.store,
    support: { latched: true },
    datacenter,
    primaryDatacenter: 'dc1',
    token: () => '',
  });

  test('in the primary the empty record is written at once, and then nothing more', async () => {
    const t = setUp(4);
    t.start(createFederationAntiEntropyActor(deps(t, 'dc1')));
    await t.simulation.run(HOUR);
    const [own] = federationStates(t.fsm.store.view()).result;
    expect(own).toMatchObject({ Datacenter: 'dc1', MeshGateways: null, ModifyIndex: 1 });
    expect(t.fsm.store.view().appliedIndex).toBe(1);
  });

  test('a primary that cannot be reached is told in full, at growing distances', async () => {
    const t = setUp(5);
    t.start(createFederationAntiEntropyActor(deps(t, 'dc2')));
    await t.simulation.run(15_000);
    expect(t.log.lines).toHaveLength(4);
    expect(t.log.lines[0]).toMatchObject({
      level: 'error',
      text: 'error performing anti-entropy sync of federation state',
      fields: {
        error:
          'error performing federation state anti-entropy sync: Remote DC has no server currently reachable',
      },
    });
  });

  test('without support nothing is read or written, and nothing is said', async () => {
    const t = setUp(6);
    t.start(createFederationAntiEntropyActor({ ...deps(t, 'dc1'), support: { latched: false } }));
    await t.simulation.run(60_000);
    expect(t.names()).toEqual([]);
    expect(t.log.lines).toEqual([]);
  });

  test('a write for a stopped leader never happens: the read ends with the actor', async () => {
    const t = setUp(7);
    const actor = t.start(createFederationAntiEntropyActor(deps(t, 'dc1')));
    await t.simulation.run(1000);
    expect(t.fsm.store.waiting).toBe(1);
    actor.stop();
    await t.simulation.run(1000);
    expect(t.fsm.store.waiting).toBe(0);
    await t.put('dc1', gateway());
    expect(t.log.lines.filter((line) => line.level === 'error')).toEqual([]);
  });
});

describe('flood joiner', () => {
  test('joins by name and WAN port; a failure is tried again after a minute', async () => {
    const t = setUp(8);
    const joined: string[] = [];
    let refuse = true;
    t.bus.receive<'members.join'>('gossip.wan', ({ addresses, reply }) => {
      joined.push(...addresses);
      if (refuse) reply.refuse(new Error('no route to host'));
      else reply.answer({ joined: 1, errors: [] });
    });
    const logic = createFloodJoinerActor({ post: t.bus.postFor('flood-joiner'), log: t.log });
    const actor = t.start(logic, { datacenter: 'dc1' });
    const lan = membersView('lan', [server('a', 'dc1'), server('b', 'dc1')]);
    actor.send({ type: 'wan-members.changed', view: membersView('wan', [server('a.dc1', 'dc1')]) });
    actor.send({ type: 'lan-members.changed', view: lan });
    await t.simulation.run(1000);
    expect(joined).toEqual(['b.dc1/10.0.0.1:8302']);
    expect(t.log.lines.at(-1)).toMatchObject({ level: 'warn' });
    refuse = false;
    await t.simulation.run(60_000);
    expect(joined).toHaveLength(2);
    expect(t.log.lines.at(-1)?.text).toBe(
      'Successfully performed flood-join for server at address',
    );
  });
});
