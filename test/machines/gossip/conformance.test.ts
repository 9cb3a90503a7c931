// Rules of memberlist, serf and Consul one by one, as gossip.md lists them; each test names where.

import { describe, expect, test } from 'vitest';
import { retransmitLimit } from '../../../machines/gossip/broadcasts.ts';
import { CONSUL_SERF_TIMING } from '../../../machines/gossip/config.ts';
import { suspicionTimeoutMs } from '../../../machines/gossip/nodes.ts';
import type { QueryOutcome } from '../../../machines/routes/gossip.ts';
import {
  encodeAck,
  encodeAlive,
  encodeDead,
  encodeIndirectPing,
  encodeNack,
  encodeUser,
  NODE_STATE,
  type PushNodeState,
} from '../../../src/wire/gossip/messages.ts';
import { packMessages } from '../../../src/wire/gossip/packet.ts';
import { encodeSerf, encodeTags, QUERY_FLAG, type Query } from '../../../src/wire/gossip/serf.ts';
import { asking, LoneMember } from '../../support/lone-member.ts';

const GOOD = Uint8Array.of(1, 5, 2, 2, 5, 4);

const serf = (message: Parameters<typeof encodeSerf>[0]): Buffer => encodeUser(encodeSerf(message));

function query(change: Partial<Query>): Buffer {
  const body: Query = {
    LTime: 5n,
    ID: 9,
    Addr: Buffer.of(10, 0, 0, 2),
    Port: 8_301,
    SourceNode: 'a',
    Filters: null,
    Flags: QUERY_FLAG.ack,
    RelayFactor: 0,
    Timeout: 5_000_000_000,
    Name: 'q',
    Payload: null,
  };
  return serf({ kind: 'query', body: { ...body, ...change } });
}

/** A push/pull with one entry comes in. */
function pushed(member: LoneMember, change: Partial<PushNodeState>): void {
  const node: PushNodeState = {
    Name: 'x',
    Addr: Buffer.of(10, 0, 0, 9),
    Port: 8_301,
    Meta: null,
    Incarnation: 1,
    State: NODE_STATE.alive,
    Vsn: GOOD,
  };
  const from = { address: '10.0.0.9', port: 40_000 };
  const nodes = [{ ...node, ...change }];
  const message = { kind: 'pushPull', join: true, nodes, userState: Buffer.alloc(0) } as const;
  member.feed({ type: 'exchange.requested', id: 1, from, message });
}

describe('versions (1.11)', () => {
  test('an entry without versions speaks 0, and spoils the whole exchange', () => {
    const member = new LoneMember();
    pushed(member, { Vsn: null });
    expect(member.logs.join()).toContain(
      "Failed push/pull merge: Node 'x' protocol version (0) is incompatible: [1, 5]",
    );
    expect(member.state.nodes.has('x')).toBe(false);
  });

  test('delegate versions are compared too, dead members included', () => {
    const member = new LoneMember();
    pushed(member, { Vsn: Uint8Array.of(1, 5, 2, 0, 0, 0) });
    expect(member.logs.at(-1)).toContain(
      "Node 'x' delegate protocol version (0) is incompatible: [2, 0]",
    );
    pushed(member, { State: NODE_STATE.dead, Vsn: Uint8Array.of(1, 5, 6, 2, 5, 4) });
    expect(member.logs.at(-1)).toContain("Node 'x' protocol version (6) is incompatible: [1, 5]");
  });

  test('versions of our own that others die of are refused at the start', () => {
    expect(() => new LoneMember({ versions: Uint8Array.of(1, 5, 2) })).toThrow(
      '3 bytes of versions, 6 needed',
    );
  });
});

describe('order (2.4)', () => {
  test('of a goodbye and the intent to leave in one packet, the intent is heard first', () => {
    const member = new LoneMember();
    member.meet('a', 2);
    const goodbye = encodeDead({ Incarnation: 1, Node: 'a', From: 'a' });
    const intent = serf({ kind: 'leave', body: { LTime: 9n, Node: 'a', Prune: false } });
    member.hear(packMessages([goodbye, intent]));
    expect(member.state.members.get('a')?.status).toBe('left');
    const kinds = member.effects.flatMap(({ view }) => view?.changes.map(({ kind }) => kind) ?? []);
    expect(kinds).not.toContain('failed');
  });
});

describe('merges (4.6)', () => {
  test('with a delegate, one address or meta that cannot be spoils the whole exchange', () => {
    const admission = { kind: 'consul-wan' } as const;
    const member = new LoneMember({ admission });
    pushed(member, { Addr: Buffer.of(1, 2, 3) });
    expect(member.logs.at(-1)).toContain(
      'Failed push/pull merge: IP byte length is invalid: 3 bytes is not either 4 or 16',
    );
    pushed(member, { Meta: Buffer.alloc(513) });
    expect(member.logs.at(-1)).toContain(
      'Failed push/pull merge: Encoded length of tags exceeds limit of 512 bytes',
    );
    expect(member.state.nodes.size).toBe(1);
  });

  test('without one, only that entry is ignored', () => {
    const member = new LoneMember();
    pushed(member, { Addr: Buffer.of(1, 2, 3) });
    expect(member.logs.at(-1)).toBe(
      "ignoring alive message for 'x': IP byte length is invalid: 3 bytes is not either 4 or 16",
    );
  });
});

describe('failure detector (2.3 - 2.6)', () => {
  test('an indirect ping that finds nobody is nacked, and an ack after that is dropped', () => {
    const member = new LoneMember();
    const request = {
      SeqNo: 77,
      Target: Buffer.of(10, 0, 0, 3),
      Port: 8_301,
      Node: 'b',
      Nack: true,
      SourceAddr: Buffer.of(10, 0, 0, 2),
      SourcePort: 8_301,
      SourceNode: 'a',
    };
    // Our own alive message travels along.
    const sent = () => member.sent().filter(({ message }) => message.kind !== 'alive');
    member.hear(encodeIndirectPing(request));
    const [ping] = sent();
    expect(ping).toMatchObject({ to: { name: 'b' }, message: { kind: 'ping' } });
    const sequence = ping?.message.kind === 'ping' ? ping.message.body.SeqNo : 0;
    member.wait(450);
    expect(sent()).toHaveLength(1);
    member.wait(100);
    expect(sent().at(-1)).toMatchObject({
      to: { name: 'a', address: '10.0.0.2' },
      message: { kind: 'nackResp', body: { SeqNo: 77 } },
    });
    member.hear(encodeAck({ SeqNo: sequence, Payload: null }));
    expect(sent()).toHaveLength(2);
  });

  test('nacks beyond those asked for make nobody healthier', () => {
    const member = new LoneMember();
    member.meet('a', 2);
    member.meet('b', 3);
    while (member.state.probe?.phase !== 'indirect') member.wait(50);
    const nack = encodeNack({ SeqNo: member.state.probe.sequence });
    member.state = { ...member.state, health: 3 };
    for (let times = 0; times < 5; times++) member.hear(nack);
    const before = member.state.counts.probesFailed;
    while (member.state.counts.probesFailed === before) member.wait(50);
    expect(member.state.health).toBe(3);
  });

  test('confirmations shorten a suspicion as in Lifeguard', () => {
    const times = (minMs: number, confirmationsMax: number): readonly number[] =>
      Array.from({ length: confirmationsMax + 1 }, (_, confirmations) =>
        suspicionTimeoutMs({ minMs, maxMs: 6 * minMs, confirmationsMax, confirmations }),
      );
    expect(times(4_000, 2)).toEqual([24_000, 11_381, 4_000]);
    expect(times(30_000, 4)).toEqual([180_000, 115_398, 77_609, 50_797, 30_000]);
    expect(times(4_000, 0)).toEqual([4_000]);
  });

  test('broadcasts are sent as often as the pool is large (2.10)', () => {
    expect([1, 9, 10, 99, 100, 1_000].map((nodes) => retransmitLimit(4, nodes))).toEqual([
      4, 4, 8, 8, 12, 16,
    ]);
  });
});

describe('what cannot be passed on', () => {
  test('a name that is no UTF-8 is not taken for another', () => {
    const member = new LoneMember();
    member.meet('x\uFFFD', 9);
    expect(member.state.nodes.size).toBe(1);
    expect(member.logs.at(-1)).toContain('the name is not UTF-8');
  });

  test('an event that fits into no packet is delivered, but not queued', () => {
    const member = new LoneMember();
    member.meet('a', 2);
    const body = { LTime: 4n, Name: 'big', Payload: Buffer.alloc(2_000), CC: false };
    const effects = member.hear(serf({ kind: 'userEvent', body }));
    expect(effects.events).toHaveLength(1);
    expect(member.state.eventQueue).toEqual([]);
  });

  test('of what is to be relayed, only answers are (3.9)', () => {
    const member = new LoneMember();
    const header = {
      DestAddr: { IP: Buffer.of(10, 0, 0, 2), Port: 8_301, Zone: '' },
      DestName: 'a',
    };
    const join = encodeSerf({ kind: 'join', body: { LTime: 3n, Node: 'z' } });
    for (const inner of [join, Buffer.alloc(0), Buffer.of(4)]) {
      member.hear(serf({ kind: 'relay', header, inner }));
    }
    expect(member.sent()).toEqual([]);
    const answer = { LTime: 3n, ID: 1, From: 'z', Flags: 0, Payload: Buffer.of(1) };
    const inner = encodeSerf({ kind: 'queryResponse', body: answer });
    member.hear(serf({ kind: 'relay', header, inner }));
    expect(member.sent()).toMatchObject([{ to: { name: 'a' }, message: { kind: 'user' } }]);
  });
});

describe('queries (3.7, 3.8)', () => {
  const ask = (member: LoneMember, name: string, payload = Buffer.alloc(0), more = {}) => {
    const asked = asking<QueryOutcome>();
    const order = { name, payload, filters: [], relayFactor: 0, timeoutMs: 1_000, ...more };
    const { reply } = asked;
    member.feed({ type: 'query.start', ...order, acks: 'request', reply });
    return asked;
  };

  test('one that is filtered out is passed on all the same, unless it says not to', () => {
    const member = new LoneMember();
    member.meet('a', 2);
    const names = Buffer.concat([Buffer.of(0, 0x91, 0xa1), Buffer.from('z')]);
    member.hear(query({ Filters: [names] }));
    expect(member.state.queryQueue).toHaveLength(1);
    expect(member.sent().filter(({ message }) => message.kind === 'user')).toEqual([]);
    member.hear(query({ ID: 10, Filters: [names], Flags: QUERY_FLAG.noBroadcast }));
    expect(member.state.queryQueue).toHaveLength(1);
  });

  test("names of serf's own queries are refused, but for the ping that wants acks only", () => {
    const member = new LoneMember();
    const refusal = "Queries cannot contain the '_serf_' prefix";
    expect(ask(member, '_serf_list-keys').error).toBe(refusal);
    expect(ask(member, '_serf_ping', Buffer.of(1)).error).toBe(refusal);
    const ping = ask(member, '_serf_ping');
    member.wait(1_100);
    expect(ping.answer?.acks).toEqual(['self']);
  });

  test('what does not fit the wire is refused', () => {
    const member = new LoneMember();
    const refusalOf = (more: object) => ask(member, 'q', Buffer.alloc(0), more).error;
    expect(refusalOf({ relayFactor: 256 })).toBe('relay factor 256 is not within 0 and 255');
    expect(refusalOf({ relayFactor: -1 })).toBe('relay factor -1 is not within 0 and 255');
    expect(refusalOf({ timeoutMs: 1e15 })).toBe('a query lasts for 86400000 ms at most');
    expect(refusalOf({ payload: Buffer.alloc(1_024) })).toBe('query exceeds limit of 1024 bytes');
    expect(member.state.queries.size).toBe(0);
  });

  test('senders that nobody has heard of cannot fill the memory', () => {
    const member = new LoneMember();
    const asked = ask(member, 'q');
    const running = [...member.state.queries.values()][0];
    for (let number = 0; number < 100; number++) {
      for (const Flags of [0, 1]) {
        const { ltime: LTime = 0n, id: ID = 0 } = running ?? {};
        const body = { LTime, ID, From: `stranger${number}`, Flags, Payload: null };
        member.hear(serf({ kind: 'queryResponse', body }));
      }
    }
    member.wait(1_100);
    expect(asked.answer?.acks).toHaveLength(2);
    expect(asked.answer?.responses).toHaveLength(2);
  });

  test('who does not know a name is no voice for the one that asks about its own (3.11)', () => {
    const member = new LoneMember({ nameConflict: 'resolve' });
    member.meet('a', 2);
    member.meet('b', 3);
    const claim = { Node: 'self', Addr: Buffer.of(10, 0, 0, 66), Port: 8_301 };
    member.hear(encodeAlive({ ...claim, Incarnation: 9, Meta: null, Vsn: GOOD }));
    const running = [...member.state.queries.values()][0];
    const { ltime: LTime = 0n, id: ID = 0 } = running ?? {};
    const known = encodeSerf({ kind: 'conflictResponse', body: memberAt(10, 0, 0, 1) });
    const unknown = encodeSerf({ kind: 'conflictResponse', body: null });
    for (const [From, Payload] of Object.entries({ a: known, b: unknown })) {
      member.hear(serf({ kind: 'queryResponse', body: { LTime, ID, From, Flags: 0, Payload } }));
    }
    member.wait(10_000);
    expect(member.logs).toContain('minority in name conflict resolution, quiting [1 / 2]');
    expect(member.state.ousted).toBe(true);
  });
});

function memberAt(...address: readonly number[]) {
  return {
    Name: 'self',
    Addr: Buffer.from(address),
    Port: 8_301,
    Tags: {},
    Status: 1,
    ProtocolMin: 1,
    ProtocolMax: 5,
    ProtocolCur: 2,
    DelegateMin: 2,
    DelegateMax: 5,
    DelegateCur: 4,
  };
}

describe('members over time (3.4, 3.12, 3.14, 3.15)', () => {
  test('after a leave the snapshot remembers nobody who came later', () => {
    const member = new LoneMember();
    member.meet('a', 2);
    const leaving = member.feed({ type: 'pool.leave' });
    expect(leaving.snapshot).toContainEqual({ kind: 'leave' });
    member.meet('b', 3);
    expect(member.effects.at(-1)?.snapshot).toEqual([]);
    expect(member.state.members.get('b')?.status).toBe('alive');
  });

  test('new tags that cannot be told in time are said to be so', () => {
    const member = new LoneMember({ serf: { ...CONSUL_SERF_TIMING, broadcastTimeoutMs: 100 } });
    member.meet('a', 2);
    const asked = asking<null>();
    member.feed({ type: 'tags.set', tags: { role: 'x' }, reply: asked.reply });
    member.wait(150);
    expect(asked.error).toBe('timeout waiting for update broadcast');
  });

  test('clients say by a tag how long they are remembered after a failure (4.3)', () => {
    const failing = (tag: string): LoneMember => {
      const member = new LoneMember();
      const meta = encodeTags({ role: 'node', rc_tm: tag });
      if (!meta.ok) throw new Error(meta.error);
      const claim = { Node: 'a', Addr: Buffer.of(10, 0, 0, 2), Port: 8_301, Meta: meta.value };
      member.hear(encodeAlive({ ...claim, Incarnation: 1, Vsn: GOOD }));
      member.hear(encodeDead({ Incarnation: 1, Node: 'a', From: 'b' }));
      expect(member.state.members.get('a')?.status).toBe('failed');
      return member;
    };
    const soon = failing('40s');
    soon.wait(40_000);
    expect(soon.state.members.has('a')).toBe(true);
    soon.wait(20_000);
    expect(soon.state.members.has('a')).toBe(false);
    for (const tag of ['0s', 'later']) {
      const usual = failing(tag);
      usual.wait(100_000);
      expect(usual.state.members.get('a')?.status).toBe('failed');
      const complains = usual.logs.join().includes('malformed reconnect timeout');
      expect(complains).toBe(tag === 'later');
    }
  });
});
