import { describe, expect, test } from 'vitest';
import { missingInWan } from '../../machines/federation/flood-joiner.ts';
import { replicationSteps } from '../../src/federation/replication-diff.ts';
import { sameGateways } from '../../src/federation/same-gateways.ts';
import { allUnderstand } from '../../src/federation/support.ts';
import { doubledPauseMs, fullBucket, takeToken } from '../../src/federation/token-bucket.ts';
import { type CheckServiceNode, Node, NodeService } from '../../src/model/catalog.ts';
import type { HealthCheck } from '../../src/model/health-check.ts';
import { gateway, membersView, record, server } from '../support/federation-fixture.ts';

describe('replication diff', () => {
  const at = (dc: string, ModifyIndex: number) => record(dc, [], { ModifyIndex });
  const names = (steps: ReturnType<typeof replicationSteps>) =>
    steps.map(({ op, state }) => `${op} ${state.Datacenter}`);

  test('only there: write; only here: delete; both: write what changed after the last index', () => {
    const remote = [at('dc1', 5), at('dc2', 9), at('dc4', 3)];
    const local = [at('dc1', 100), at('dc2', 101), at('dc3', 102)];
    expect(names(replicationSteps(remote, local, 7))).toEqual([
      'delete dc3',
      'upsert dc2',
      'upsert dc4',
    ]);
    expect(names(replicationSteps(remote, local, 0))).toEqual([
      'delete dc3',
      'upsert dc1',
      'upsert dc2',
      'upsert dc4',
    ]);
  });

  test("the primary's index is kept with each record", () => {
    expect(replicationSteps([at('dc1', 17)], [], 0)[0]?.state.PrimaryModifyIndex).toBe(17);
  });

  test('the same datacenter in another spelling is the same record', () => {
    expect(replicationSteps([at('DC1', 5)], [at('dc1', 1)], 5)).toEqual([]);
  });

  test('UpdatedAt plays no part', () => {
    const remote = record('dc1', [], { ModifyIndex: 3 });
    expect(replicationSteps([remote], [record('dc1', [gateway()], {})], 3)).toEqual([]);
  });
});

describe('whether a record says what the catalog says', () => {
  const one = gateway({ lan: '10.0.0.1' });
  const withNode = (change: Partial<Node>): CheckServiceNode => ({
    ...one,
    Node: Node.of({ ...one.Node, ...change }),
  });
  const withService = (change: Partial<NodeService>): CheckServiceNode => ({
    ...one,
    Service: NodeService.of({ ...one.Service, ...change }),
  });
  const withCheck = (change: Partial<HealthCheck>): CheckServiceNode => ({
    ...one,
    Checks: (one.Checks ?? []).map((check) => ({ ...check, ...change })),
  });

  test('number and order count', () => {
    const two = gateway({ id: 'two' });
    expect(sameGateways([one, two], [one, two])).toBe(true);
    expect(sameGateways([one, two], [two, one])).toBe(false);
    expect(sameGateways([one], [one, two])).toBe(false);
  });

  test('a changing check output alone writes nothing to the primary', () => {
    const noisy = gateway({ lan: '10.0.0.1', output: 'TCP connect 10.0.0.1:8443: Success' });
    expect(sameGateways([one], [noisy])).toBe(true);
    expect(sameGateways([one], [gateway({ lan: '10.0.0.1', status: 'warning' })])).toBe(false);
  });

  test('raft indexes do not count, nothing and empty are the same', () => {
    expect(sameGateways([one], [withNode({ CreateIndex: 99, Meta: {} })])).toBe(true);
    expect(sameGateways([one], [withService({ ModifyIndex: 99, Tags: [] })])).toBe(true);
    expect(sameGateways([one], [withCheck({ ModifyIndex: 99 })])).toBe(true);
    expect(sameGateways(null, [])).toBe(true);
  });

  const differences: readonly [string, CheckServiceNode][] = [
    ['node address', withNode({ Address: '9' })],
    ['node id', withNode({ ID: '9' })],
    ['service port', withService({ Port: 9 })],
    ['service meta', withService({ Meta: { a: '1' } })],
    ['check name', withCheck({ Name: 'x' })],
    ['a check less', { ...one, Checks: [] }],
  ];
  test.each(differences)('%s counts', (_, other) => {
    expect(sameGateways([one], [other])).toBe(false);
  });
});

describe('support of federation states', () => {
  const rows: readonly [string, Parameters<typeof membersView>[1], boolean][] = [
    ['all alive servers have the tag', [server('a', 'dc1'), server('b', 'dc1')], true],
    ['nobody is found', [server('a', 'dc2')], false],
    ['one is too old', [server('a', 'dc1'), server('b', 'dc1', 'alive', { ft_fs: '0' })], false],
    ['a failed one counts', [server('a', 'dc1', 'failed', { ft_fs: '' })], false],
    ['a left one does not', [server('a', 'dc1'), server('b', 'dc1', 'left', { ft_fs: '' })], true],
    [
      'clients do not count',
      [server('a', 'dc1'), server('c', 'dc1', 'alive', { role: 'node', ft_fs: '' })],
      true,
    ],
  ];
  test.each(rows)('%s', (_, members, expected) => {
    expect(allUnderstand(membersView('lan', members), 'dc1')).toBe(expected);
  });
});

describe('pacing', () => {
  test('a burst of five, then one in five seconds', () => {
    const rules = { rate: 0.2, burst: 5 };
    let bucket = fullBucket(rules);
    let nowMs = 0;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const taken = takeToken(bucket, rules, nowMs);
      bucket = taken.bucket;
      waits.push(Math.round(taken.waitMs));
      nowMs += taken.waitMs;
    }
    expect(waits).toEqual([0, 0, 0, 0, 5000, 5000, 5000, 5000]);
  });

  test('pauses double up to a limit', () => {
    const pauses = [1, 2, 3, 8, 99].map((n) => doubledPauseMs(n, 2000, 256_000));
    expect(pauses).toEqual([2000, 4000, 8000, 256_000, 256_000]);
  });
});

describe('flood join', () => {
  test('alive servers of the LAN without any entry in the WAN, with their WAN port', () => {
    const lan = membersView('lan', [
      server('a', 'dc1'),
      server('b', 'dc1'),
      server('c', 'dc1', 'failed'),
      server('d', 'dc1', 'alive', { wan_join_port: '' }),
      server('e', 'dc1', 'alive', { role: 'node' }),
      server('f', 'dc1'),
    ]);
    const wan = membersView('wan', [server('a.dc1', 'dc1'), server('f.dc1', 'dc1', 'failed')]);
    const missing = missingInWan({ datacenter: 'dc1', lan, wan, targets: [] });
    expect(missing).toEqual({
      targets: [{ name: 'b', address: 'b.dc1/10.0.0.1:8302' }],
      unjoinable: ['d'],
    });
    expect(missingInWan({ datacenter: 'dc1', lan, wan: undefined, targets: [] }).targets).toEqual(
      [],
    );
  });
});
