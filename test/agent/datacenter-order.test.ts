import { expect, it } from 'vitest';
import { ORIGIN } from '../../machines/gossip/vivaldi.ts';
import { datacenterMaps, datacenterOrder } from '../../src/agent/datacenter-order.ts';
import type { CoordinatesView, Member, MembersView } from '../../src/model/member.ts';

function server(node: string, dc: string, status: Member['status'] = 'alive'): Member {
  return {
    name: `${node}.${dc}`,
    address: '10.0.0.1',
    port: 8302,
    status,
    tags: { role: 'consul', dc, port: '8300', vsn: '2', build: '1.9.1:' },
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

const servers = [
  server('a1', 'dc1'),
  server('b1', 'near'),
  server('b2', 'near'),
  server('b3', 'near'),
  server('c1', 'far'),
  server('d1', 'unknown'),
  server('e1', 'gone', 'left'),
];
const wan: MembersView = {
  pool: 'wan',
  self: 'a1.dc1',
  version: 1,
  members: new Map(servers.map((member) => [member.name, member])),
  changes: [],
};
const at = (seconds: number) => ({ ...ORIGIN, Height: seconds });
const coordinates: CoordinatesView = {
  pool: 'wan',
  self: 'a1.dc1',
  own: ORIGIN,
  others: new Map([
    ['b1.near', at(0.9)],
    ['b2.near', at(0.01)],
    ['b3.near', at(0.02)],
    ['c1.far', at(0.3)],
  ]),
};

it('orders datacenters by the median round trip to their servers, the unknown ones last', () => {
  const known = ['gone', 'unknown', 'far', 'near', 'dc1'];
  const order = datacenterOrder('dc1', known, wan, coordinates);
  expect(order).toEqual(['dc1', 'near', 'far', 'gone', 'unknown']);
  expect(datacenterOrder('dc1', known, undefined, undefined)).toEqual([
    'dc1',
    'far',
    'gone',
    'near',
    'unknown',
  ]);
});

it('maps datacenters to the coordinates of their servers, without those that have left', () => {
  const maps = datacenterMaps(wan, coordinates);
  expect(maps.map(({ Datacenter }) => Datacenter)).toEqual(['dc1', 'far', 'near', 'unknown']);
  expect(maps[0]).toEqual({
    Datacenter: 'dc1',
    AreaID: 'wan',
    Coordinates: [{ Node: 'a1', Segment: '', Coord: ORIGIN }],
  });
  expect(maps[2]?.Coordinates?.map(({ Node }) => Node)).toEqual(['b1', 'b2', 'b3']);
  expect(maps[3]?.Coordinates).toEqual([]);
});
