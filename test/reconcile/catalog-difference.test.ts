import { expect, test } from 'vitest';
import { Node } from '../../src/model/catalog.ts';
import { HealthCheck } from '../../src/model/health-check.ts';
import type { Member, MemberStatus } from '../../src/model/member.ts';
import {
  type CatalogFacts,
  catalogDifference,
  leftDifference,
} from '../../src/reconcile/catalog-difference.ts';

const OWN = { datacenter: 'dc1', node: 'self' };
const EMPTY: CatalogFacts = { node: undefined, serfCheck: undefined, consulService: undefined };

function member(status: MemberStatus, changes: Partial<Member> = {}): Member {
  return {
    name: 'n1',
    address: '10.0.0.1',
    port: 8301,
    status,
    tags: { role: 'node', dc: 'dc1', id: 'id-1' },
    versions: {
      protocolMin: 1,
      protocolMax: 5,
      protocolCur: 2,
      delegateMin: 2,
      delegateMax: 5,
      delegateCur: 4,
    },
    ...changes,
  };
}

const SERVER_TAGS = {
  role: 'consul',
  dc: 'dc1',
  id: 'id-1',
  port: '8300',
  build: '1.9.1:abcdef',
  vsn: '2',
  raft_vsn: '3',
};

function known(status: string): CatalogFacts {
  return {
    ...EMPTY,
    node: Node.of({ Node: 'n1', Address: '10.0.0.1' }),
    serfCheck: HealthCheck.of({ Status: status }),
  };
}

test('an alive member becomes a node with a passing check', () => {
  const change = catalogDifference(member('alive'), () => EMPTY, OWN);
  expect(change?.kind).toBe('register');
  expect(change?.request).toMatchObject({
    Datacenter: 'dc1',
    Node: 'n1',
    ID: 'id-1',
    Address: '10.0.0.1',
    Service: null,
    SkipNodeUpdate: true,
    Check: { CheckID: 'serfHealth', Status: 'passing', Output: 'Agent alive and reachable' },
  });
});

test('a server also becomes the service consul, and only differences are written', () => {
  const server = member('alive', { tags: SERVER_TAGS });
  const change = catalogDifference(server, () => EMPTY, OWN);
  if (change?.kind !== 'register') throw new Error('expected a registration');
  const service = change.request.Service;
  expect(service).toMatchObject({ ID: 'consul', Port: 8300, Meta: { version: '1.9.1' } });
  const facts = { ...known('passing'), consulService: service ?? undefined };
  expect(catalogDifference(server, () => facts, OWN)).toBeUndefined();
});

test('a failed member turns critical and keeps what the agent wrote of its node', () => {
  const change = catalogDifference(member('failed'), () => known('passing'), OWN);
  expect(change?.request).toMatchObject({ SkipNodeUpdate: true, Check: { Status: 'critical' } });
  expect(catalogDifference(member('failed'), () => known('critical'), OWN)).toBeUndefined();
});

test('a member that left is removed, the leader itself never', () => {
  expect(catalogDifference(member('left'), () => known('passing'), OWN)?.kind).toBe('deregister');
  expect(catalogDifference(member('left'), () => EMPTY, OWN)).toBeUndefined();
  expect(leftDifference('self', known('passing'), OWN)).toBeUndefined();
});

test('who is neither server nor client of Consul is left alone', () => {
  expect(
    catalogDifference(member('alive', { tags: { role: 'web' } }), () => EMPTY, OWN),
  ).toBeUndefined();
});
