// What Consul puts on top of serf: events, server tags, coordinates.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { distance, observe, VIVALDI_START } from '../../../machines/gossip/vivaldi.ts';
import { clientTags, serverOfMember, serverTags } from '../../../src/model/consul-tags.ts';
import type { Coordinate } from '../../../src/model/member.ts';
import { encodeConsulEvent, readConsulEvent } from '../../../src/wire/gossip/consul-event.ts';
import { decodeTags } from '../../../src/wire/gossip/serf.ts';

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly decoded: unknown;
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../../vectors/gossip.json', import.meta.url), 'utf8'),
);

function vector(name: string): Vector {
  const found = vectors.find((item) => item.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return found;
}

test('the recorded user event of Consul reads and writes the same', () => {
  const { hex } = vector('consul-user-event-payload');
  const read = readConsulEvent(Buffer.from(hex, 'hex'));
  if (!read.ok) throw new Error(read.error);
  expect(read.value).toMatchObject({ name: 'deploy', nodeFilter: '^web', version: 1 });
  expect(encodeConsulEvent(read.value).toString('hex')).toBe(hex);
});

const facts = {
  datacenter: 'dc1',
  nodeId: '9c5b7e34-6f3b-4c2e-a4f9-2f1f0e5d7a11',
  build: '1.9.1:',
  acls: 'disabled',
  port: 8300,
  wanJoinPort: 8302,
  bootstrap: true,
  bootstrapExpect: 0,
  readReplica: false,
  useTls: false,
  grpcPort: null,
  grpcTlsPort: null,
} as const;

test.each(['lan', 'wan'] as const)('our %s tags are those of a Consul server', (pool) => {
  const recorded = decodeTags(Buffer.from(vector(`tags-consul-server-${pool}`).hex, 'hex'));
  expect(serverTags(facts, pool)).toEqual(recorded);
});

test('our client tags are those of a Consul client', () => {
  const recorded = decodeTags(Buffer.from(vector('tags-consul-client').hex, 'hex'));
  const client = { ...facts, nodeId: recorded['id'] ?? '', segment: '' };
  expect(clientTags({ ...client, advertiseReconnectTimeout: null })).toEqual(recorded);
});

test('a server is read from its tags', () => {
  const tags = serverTags({ ...facts, bootstrapExpect: 3, useTls: true }, 'lan');
  const member = { name: 's1.dc1', address: '10.0.0.1', tags, status: 'alive' } as const;
  expect(serverOfMember(member)).toMatchObject({
    shortName: 's1',
    datacenter: 'dc1',
    port: 8300,
    wanJoinPort: 8302,
    expect: 3,
    useTls: true,
    version: '1.9.1',
    features: { fs: 1, si: 1 },
    acls: 'disabled',
  });
  const without = (tag: string) => {
    const { [tag]: _, ...rest } = tags;
    return serverOfMember({ ...member, tags: rest });
  };
  for (const tag of ['role', 'port', 'build', 'vsn']) expect(without(tag)).toBeNull();
  for (const tag of ['acls', 'id', 'expect', 'raft_vsn', 'wan_join_port']) {
    expect(without(tag)).not.toBeNull();
  }
  expect(without('acls')?.acls).toBe('unknown');
  const broken = (tag: string, value: string) =>
    serverOfMember({ ...member, tags: { ...tags, [tag]: value } });
  for (const tag of ['ft_x', 'expect', 'wan_join_port', 'raft_vsn', 'sl_a', 'grpc_port']) {
    expect(broken(tag, 'x')).toBeNull();
  }
  expect(broken('grpc_port', '0')).toBeNull();
});

test('coordinates move as those of serf do', () => {
  const { start, steps } = vector('vivaldi-updates').decoded as {
    start: Coordinate;
    steps: readonly {
      node: string;
      other: Coordinate;
      rttNs: number;
      distanceBeforeNs: number;
      after: Coordinate;
    }[];
  };
  let vivaldi = { ...VIVALDI_START, coordinate: start };
  for (const step of steps) {
    const predicted = distance(vivaldi.coordinate, step.other);
    expect(predicted * 1e9).toBeCloseTo(step.distanceBeforeNs, 3);
    vivaldi = observe(vivaldi, step.node, step.other, step.rttNs / 1e9, () => 0.3);
    const { Vec, Error: error, Adjustment, Height } = vivaldi.coordinate;
    const actual = [...Vec, error, Adjustment, Height];
    const { after } = step;
    [...after.Vec, after.Error, after.Adjustment, after.Height].forEach((expected, index) => {
      expect(actual[index]).toBeCloseTo(expected, 10);
    });
  }
});
