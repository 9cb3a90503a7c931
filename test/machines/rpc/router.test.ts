import { describe, expect, it } from 'vitest';
import { rpcRouterMachine } from '../../../machines/rpc/router.ts';
import type { RouterEvent, RouterInput } from '../../../machines/rpc/router.types.ts';
import type { RaftView } from '../../../src/consensus/consensus.ts';
import { noChoices } from '../../../src/federation/gateway-choices.ts';
import type { Member, MemberStatus, MembersView } from '../../../src/model/member.ts';
import type { RouterView } from '../../../src/rpc/router-view.ts';
import { modelTest } from '../../support/model-test.ts';
import { createStepper } from '../../support/step.ts';

const INPUT: RouterInput = { datacenter: 'dc1', role: 'server', node: 'a', seed: 7 };

function member(name: string, dc: string, status: MemberStatus = 'alive', tags = {}): Member {
  return {
    name,
    address: `10.0.0.${name.charCodeAt(0)}`,
    port: 8301,
    tags: { role: 'consul', dc, port: '8300', id: `id-${name}`, ...tags },
    status,
    versions: {
      protocolMin: 1,
      protocolMax: 5,
      protocolCur: 2,
      delegateMin: 2,
      delegateMax: 5,
      delegateCur: 4,
    },
  };
}

function members(pool: 'lan' | 'wan', ...list: readonly Member[]): MembersView {
  return {
    pool,
    self: 'a',
    version: 1,
    members: new Map(list.map((one) => [one.name, one])),
    changes: list.map((one) => ({ kind: 'join', member: one })),
  };
}

const raft = (change: Partial<RaftView>): RouterEvent => ({
  type: 'raft.changed',
  view: { role: 'follower', leader: undefined, lastContactMs: undefined, ...change } as RaftView,
});
const lan = (...list: readonly Member[]): RouterEvent => ({
  type: 'lan-members.changed',
  view: members('lan', ...list),
});
const wan = (...list: readonly Member[]): RouterEvent => ({
  type: 'wan-members.changed',
  view: members('wan', ...list),
});
const GATEWAYS: RouterEvent = {
  type: 'gateways.changed',
  choices: noChoices({ datacenter: 'dc1', primaryDatacenter: 'dc1', directDialing: 'allowed' }),
};
const failed = (datacenter: string, node: string): RouterEvent => ({
  type: 'call.failed',
  datacenter,
  node,
  error: 'rpc error making call: EOF',
});

function viewAfter(...events: readonly RouterEvent[]): RouterView {
  const stepper = createStepper(rpcRouterMachine);
  let { snapshot } = stepper.start(INPUT);
  for (const event of events) snapshot = stepper.next(snapshot, event).snapshot;
  return snapshot.context.view;
}

const nodesOf = (view: RouterView, name: string): string[] =>
  (view.datacenters.find((dc) => dc.name === name)?.servers ?? []).map((server) => server.node);

describe('the RPC router', () => {
  it('reaches all states and transitions', () => {
    const coverage = modelTest(rpcRouterMachine, {
      inputs: [INPUT, { ...INPUT, role: 'client' }],
      events: [
        lan(member('a', 'dc1')),
        wan(member('x.dc2', 'dc2'), member('y.dc2', 'dc2')),
        raft({ role: 'leader' }),
        GATEWAYS,
        failed('dc2', 'x'),
        { type: 'call.succeeded', datacenter: 'dc2' } as RouterEvent,
        { type: 'pings.finished', results: [{ datacenter: 'dc2', alive: null }] } as RouterEvent,
      ],
      key: (context) => [
        context.raft?.role,
        context.view.datacenters.map((dc: { name: string; health: string }) => [
          dc.name,
          dc.health,
        ]),
      ],
    });
    expect(coverage.missing).toEqual([]);
  });

  it('knows own servers from the LAN, others from the WAN, by their short names', () => {
    const view = viewAfter(
      lan(member('a', 'dc1'), member('b', 'dc1'), member('web', 'dc1', 'alive', { role: 'node' })),
      wan(
        member('a.dc1', 'dc1'),
        member('c.dc1', 'dc1'),
        member('x.dc2', 'dc2'),
        member('n.o.dc3', 'dc3'),
      ),
    );
    expect(view.datacenters.map((dc) => dc.name)).toEqual(['dc1', 'dc2', 'dc3']);
    expect(nodesOf(view, 'dc1').sort()).toEqual(['a', 'b']);
    expect(nodesOf(view, 'dc2')).toEqual(['x']);
    expect(nodesOf(view, 'dc3')).toEqual(['n.o']);
    expect(view.datacenters[1]?.servers[0]?.address).toEqual({ address: '10.0.0.120', port: 8300 });
  });

  it('keeps a datacenter whose servers all failed, without servers to try', () => {
    const view = viewAfter(wan(member('x.dc2', 'dc2', 'failed'), member('z.dc3', 'dc3', 'left')));
    expect(
      view.datacenters.map((dc) => [dc.name, dc.servers.length, dc.unavailable.length]),
    ).toEqual([['dc2', 0, 1]]);
  });

  it('puts a server that failed behind the others, once', () => {
    const events = [wan(member('x.dc2', 'dc2'), member('y.dc2', 'dc2'), member('z.dc2', 'dc2'))];
    const [first, second, third] = nodesOf(viewAfter(...events), 'dc2') as [string, string, string];
    const view = viewAfter(...events, failed('dc2', first), failed('dc2', first));
    expect(nodesOf(view, 'dc2')).toEqual([second, third, first]);
    expect(view.datacenters[0]).toMatchObject({
      health: 'failing',
      lastError: 'rpc error making call: EOF',
    });
    const healed = viewAfter(...events, failed('dc2', first), {
      type: 'call.succeeded',
      datacenter: 'dc2',
    });
    expect(healed.datacenters[0]).toMatchObject({ health: 'reachable' });
    expect(healed.datacenters[0]?.lastError).toBeUndefined();
  });

  it('keeps the order when members come and go', () => {
    const three = wan(member('x.dc2', 'dc2'), member('y.dc2', 'dc2'), member('z.dc2', 'dc2'));
    const order = nodesOf(viewAfter(three), 'dc2');
    const without = viewAfter(three, wan(member('x.dc2', 'dc2'), member('z.dc2', 'dc2')));
    expect(nodesOf(without, 'dc2')).toEqual(order.filter((node) => node !== 'y'));
  });

  it('finds the leader by address, else by id, else not', () => {
    const servers = lan(member('a', 'dc1'), member('b', 'dc1'));
    const leader = (id: string, address: string): string | undefined =>
      viewAfter(servers, raft({ leader: { id, address }, lastContactMs: 5 })).leader?.node;
    expect(leader('', '10.0.0.98:8300')).toBe('b');
    expect(leader('id-b', '10.9.9.9:8300')).toBe('b');
    expect(leader('id-q', '10.9.9.9:8300')).toBeUndefined();
    expect(viewAfter(servers, raft({ role: 'leader' }))).toMatchObject({
      leading: true,
      heardFromLeader: true,
    });
    expect(viewAfter(servers, raft({})).heardFromLeader).toBe(false);
  });

  it('publishes nothing when raft moves on under the same leader', () => {
    const stepper = createStepper(rpcRouterMachine);
    const start = stepper.start(INPUT).snapshot;
    const leader = { id: 'x', address: '10.0.0.1:8300' };
    const led = stepper.next(start, raft({ leader, lastContactMs: 5 }));
    expect(led.effects.map((effect) => effect.type)).toContain('publish');
    const later = stepper.next(led.snapshot, raft({ leader, lastContactMs: 900 }));
    expect(later.effects.map((effect) => effect.type)).not.toContain('publish');
  });

  it('marks a datacenter offline when no server answered a ping, until one does or joins', () => {
    const servers = wan(member('x.dc2', 'dc2'), member('y.dc2', 'dc2'));
    const silent: RouterEvent = {
      type: 'pings.finished',
      results: [{ datacenter: 'dc2', alive: null, error: 'refused' }],
    };
    const stepper = createStepper(rpcRouterMachine);
    let { snapshot } = stepper.start(INPUT);
    snapshot = stepper.next(snapshot, servers).snapshot;
    const due = Object.keys(snapshot.machine.getStateNodeById('rpc-router.settled').after)[0];
    expect(due).toBeDefined();
    snapshot = stepper.next(snapshot, {
      type: 'xstate.after.rebalance.rpc-router.settled',
    } as never).snapshot;
    expect(snapshot.value).toBe('pinging');
    snapshot = stepper.next(snapshot, silent).snapshot;
    expect(snapshot.context.view.datacenters[0]).toMatchObject({
      health: 'offline',
      lastError: 'refused',
    });
    const rerouted = stepper.next(snapshot, GATEWAYS).snapshot;
    expect(rerouted.context.view.datacenters[0]?.health).toBe('unknown');
    const revived = stepper.next(snapshot, wan(member('x.dc2', 'dc2'))).snapshot;
    expect(revived.context.view.datacenters[0]?.health).toBe('unknown');
    snapshot = stepper.next(snapshot, {
      type: 'xstate.after.rebalance.rpc-router.settled',
    } as never).snapshot;
    snapshot = stepper.next(snapshot, {
      type: 'pings.finished',
      results: [{ datacenter: 'dc2', alive: 'y' }],
    } as RouterEvent).snapshot;
    expect(snapshot.context.view.datacenters[0]?.health).toBe('reachable');
    expect(nodesOf(snapshot.context.view, 'dc2')[0]).toBe('y');
  });
});
