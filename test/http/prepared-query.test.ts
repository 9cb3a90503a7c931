/** Goal: prepared queries as clients of later versions send them. */

import { expect, it } from 'vitest';
import { decodeJson } from '../../src/http/json/input.ts';
import { preparedQueryInput } from '../../src/http/json/prepared-query.ts';

const failover = (Failover: object) =>
  decodeJson(preparedQueryInput, JSON.stringify({ Service: { Service: 'web', Failover } })).Service
    .Failover;

it('takes targets that name datacenters for a list of these', () => {
  expect(failover({ NearestN: 2, Datacenters: ['dc2'], Targets: null })).toEqual({
    NearestN: 2,
    Datacenters: ['dc2'],
  });
  const targets = [
    { Peer: '', Datacenter: 'dc3' },
    { Peer: '', Datacenter: 'dc2' },
  ];
  expect(failover({ Targets: targets })).toEqual({ NearestN: 0, Datacenters: ['dc3', 'dc2'] });
});

it('refuses peers, and targets beside what they stand for', () => {
  const peer = [{ Peer: 'cluster-02', Datacenter: '' }];
  expect(() => failover({ Targets: peer })).toThrow('peers are not supported');
  const target = [{ Peer: '', Datacenter: 'dc2' }];
  expect(() => failover({ Targets: target, NearestN: 1 })).toThrow('cannot stand beside');
});
