// What a WAN pool over mesh gateways needs: names everywhere, and no member that lives for ever
// because it cannot be sent to.

import { expect, test } from 'vitest';
import {
  CONSUL_FEDERATED_WAN_DEFAULTS,
  CONSUL_WAN_TIMING,
} from '../../../machines/gossip/config.ts';
import { initialState } from '../../../machines/gossip/start.ts';
import { stepPool } from '../../../machines/gossip/step.ts';
import { serverTags } from '../../../src/model/consul-tags.ts';
import { encodeIndirectPing, encodePing } from '../../../src/wire/gossip/messages.ts';
import { openPacket } from '../../../src/wire/gossip/packet.ts';
import { EMPTY_SNAPSHOT } from '../../../src/wire/gossip/snapshot.ts';
import { agree, PoolPump, type PumpedNode } from '../../support/pool-pump.ts';

const TIMING = { ...CONSUL_WAN_TIMING, probeIntervalMs: 1_000, probeTimeoutMs: 500 };
const gatewayAddress = { address: '127.0.0.9', port: 40_000 };

function tags(datacenter: string): Readonly<Record<string, string>> {
  const facts = { datacenter, nodeId: '', build: '1.16.0:', acls: 'disabled', port: 8300 } as const;
  const ports = { wanJoinPort: 8302, grpcPort: null, grpcTlsPort: null } as const;
  const flags = { bootstrap: false, bootstrapExpect: 0, readReplica: false, useTls: true } as const;
  return serverTags({ ...facts, ...ports, ...flags }, 'wan');
}

function federation(pump: PoolPump, names: readonly string[]): PumpedNode[] {
  const nodes = names.map((name) =>
    pump.start(name, {
      ...CONSUL_FEDERATED_WAN_DEFAULTS,
      timing: TIMING,
      tags: tags(name.split('.')[1] ?? ''),
    }),
  );
  for (const node of nodes.slice(1)) pump.join(node, nodes[0] as PumpedNode);
  return nodes;
}

const config = {
  ...CONSUL_FEDERATED_WAN_DEFAULTS,
  name: 's1.dc1',
  address: '10.0.0.1',
  port: 8302,
  tags: tags('dc1'),
} as const;

function lonely() {
  const input = {
    config,
    seed: 1,
    nowMs: 0,
    keyRing: { keys: [] },
    snapshot: EMPTY_SNAPSHOT,
  };
  return stepPool(initialState(input), { type: 'pool.start', input }, 0).state;
}

function receive(bytes: Uint8Array) {
  const packets = [{ from: gatewayAddress, bytes }];
  return stepPool(lonely(), { type: 'packets.received', packets }, 10).effects;
}

const source = { SourceAddr: Buffer.of(10, 2, 0, 1), SourcePort: 8302, SourceNode: 's1.dc2' };

test('an ack goes to the source that the ping names, not to the gateway it came from', () => {
  const { packets } = receive(encodePing({ SeqNo: 7, Node: 's1.dc1', ...source }));
  expect(packets.map((packet) => packet.to)).toEqual([
    { name: 's1.dc2', address: '10.2.0.1', port: 8302 },
  ]);
});

test('a ping without a source name gets no ack, and a log line', () => {
  const ping = { SeqNo: 7, Node: 's1.dc1', SourceAddr: null, SourcePort: 0, SourceNode: '' };
  const effects = receive(encodePing(ping));
  expect(effects.packets).toEqual([]);
  expect(effects.logs.map((line) => line.text)).toContain(
    'node names are required by configuration but one was not provided',
  );
});

test('a ping on behalf of another carries our own name as its source', () => {
  const request = {
    SeqNo: 9,
    Target: Buffer.of(10, 3, 0, 1),
    Port: 8302,
    Node: 's1.dc3',
    Nack: true,
  };
  const [packet] = receive(encodeIndirectPing({ ...request, ...source })).packets;
  expect(packet?.to).toEqual({ name: 's1.dc3', address: '10.3.0.1', port: 8302 });
  const opened = openPacket(packet?.bytes ?? new Uint8Array(0), {
    label: '',
    keys: [],
    plaintext: 'refuse',
  });
  expect(opened.messages[0]).toMatchObject({
    kind: 'ping',
    body: { Node: 's1.dc3', SourceNode: 's1.dc1', SourcePort: 8302 },
  });
});

test('a join without a node name is refused', () => {
  const pump = new PoolPump();
  const [a] = federation(pump, ['s1.dc1']) as [PumpedNode];
  const { asked, reply } = pump.ask<{
    readonly joined: number;
    readonly errors: readonly string[];
  }>();
  pump.feed(a, { type: 'members.join', addresses: ['10.0.0.9'], oldEvents: 'ignore', reply });
  pump.run(100);
  expect(asked.error?.message).toContain(
    'memberlist: node names are required by configuration but one was not provided',
  );
});

test('who is not a server may not join', () => {
  const pump = new PoolPump();
  const [a] = federation(pump, ['s1.dc1']) as [PumpedNode];
  const client = pump.start('c1.dc2', { ...CONSUL_FEDERATED_WAN_DEFAULTS, tags: { role: 'node' } });
  const asked = pump.join(a, client);
  pump.run(1_000);
  expect(asked.error?.message).toContain("Member 'c1.dc2' is not a server");
});

test('only the own datacenter is pinged over streams', () => {
  const pump = new PoolPump();
  const nodes = federation(pump, ['s1.dc1', 's2.dc1', 's1.dc2']);
  pump.run(5_000);
  const [a, b, c] = nodes as [PumpedNode, PumpedNode, PumpedNode];
  pump.datagrams = () => false;
  pump.run(90_000);
  // Push/pulls bring it back each time, but without datagrams it is failed again and again.
  const failed = a.changes.filter((change) => change.kind === 'failed');
  expect(new Set(failed.map((change) => change.member.name))).toEqual(new Set([c.name]));
  expect(a.status(b.name)).toBe('alive');
});

test('a member that cannot be sent to is suspected and failed, whatever the error', () => {
  const pump = new PoolPump();
  const nodes = federation(pump, ['s1.dc1', 's1.dc2']);
  pump.run(5_000);
  const [a, b] = nodes as [PumpedNode, PumpedNode];
  expect(agree(nodes, nodes)).toBe(true);
  pump.reachable = () => false;
  const error = new Error('Remote DC has no server currently reachable');
  const to = { name: b.name, address: b.config.address, port: b.config.port };
  for (let second = 0; second < 60 && a.status(b.name) === 'alive'; second++) {
    if (a.state.probe?.phase === 'direct') {
      pump.feed(a, { type: 'packets.failed', failures: [{ to, error }] });
      expect(a.state.probe?.phase).toBe('indirect');
    }
    pump.run(1_000);
  }
  expect(a.status(b.name)).toBe('failed');
});
