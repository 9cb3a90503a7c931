// Whatever members and users come up with: a member goes on, and nothing that it sends contains
// what real members die of (gossip.md 1.6, 1.11, 3.7, 3.10).

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PoolEvent } from '../../../machines/gossip/step.ts';
import { KEY_QUERY } from '../../../src/wire/gossip/harmless.ts';
import {
  Alive,
  Dead,
  encodeTyped,
  encodeUser,
  IndirectPing,
  MESSAGE_TYPE,
  Ping,
  Suspect,
} from '../../../src/wire/gossip/messages.ts';
import { addCrc, compress, decompress } from '../../../src/wire/gossip/packet.ts';
import {
  encodeSerf,
  Query,
  QueryResponse,
  readSerf,
  SERF_TYPE,
} from '../../../src/wire/gossip/serf.ts';
import { readStream } from '../../../src/wire/gossip/stream.ts';
import { decode } from '../../../src/wire/msgpack/schema.ts';
import { asking, LoneMember } from '../../support/lone-member.ts';

/** What would kill a real member, in bytes of a packet as we send it. */
function harmOfPacket(bytes: Uint8Array): string | null {
  const view = Buffer.from(bytes);
  switch (view[0]) {
    case undefined:
      return 'nothing at all';
    case MESSAGE_TYPE.hasCrc:
      return harmOfPacket(view.subarray(5));
    case MESSAGE_TYPE.compress: {
      const inner = decompress(view, 1_000_000);
      return inner.ok ? harmOfPacket(inner.value) : inner.error;
    }
    case MESSAGE_TYPE.compound: {
      const count = view[1] ?? 0;
      if (count > 127) return `${count} parts`;
      let at = 2 + 2 * count;
      for (let part = 0; part < count; part++) {
        const end = at + view.readUInt16BE(2 + 2 * part);
        const harm = harmOfPacket(view.subarray(at, end));
        if (harm !== null) return harm;
        at = end;
      }
      return null;
    }
    case MESSAGE_TYPE.alive:
      return harmOfVersions(decode(Alive, view, 1).Vsn);
    case MESSAGE_TYPE.user:
      return harmOfSerf(view.subarray(1));
    default:
      return null;
  }
}

function harmOfVersions(versions: Uint8Array | null): string | null {
  return versions?.length === 6 ? null : `${versions?.length} bytes of versions`;
}

function harmOfSerf(bytes: Uint8Array): string | null {
  if (bytes.length === 0) return 'an empty serf message';
  if (bytes[0] === SERF_TYPE.relay) {
    const read = readSerf(bytes);
    return read.ok && read.value.kind === 'relay' ? harmOfSerf(read.value.inner) : 'a bad relay';
  }
  if (bytes[0] !== SERF_TYPE.query) return null;
  const { Filters, Name, Payload } = decode(Query, bytes, 1);
  if ((Filters ?? []).some((filter) => !filter?.length)) return 'an empty filter';
  const isKeys = Object.values<string>(KEY_QUERY).includes(Name);
  return isKeys && !Payload?.length ? 'a key query without payload' : null;
}

function harmOfStream(bytes: Uint8Array): string | null {
  const rules = { label: '', peer: 'dialer', keys: [], plaintext: 'accept' } as const;
  const read = readStream(bytes, rules);
  if (!read.ok) return read.error;
  if (read.value.kind !== 'pushPull') return null;
  for (const { Vsn } of read.value.nodes) {
    const harm = harmOfVersions(Vsn);
    if (harm !== null) return harm;
  }
  return null;
}

const few = (sizes: readonly number[]): fc.Arbitrary<Uint8Array | null> =>
  fc.constantFrom(...sizes).chain((length) => {
    return length < 0 ? fc.constant(null) : fc.uint8Array({ minLength: length, maxLength: length });
  });
const name = fc.constantFrom('self', 'a', 'b', '', 'c'.repeat(2_000), 'd\uFFFD');
const address = few([-1, 0, 3, 4, 4, 4, 16]);
const good = fc.constantFrom(Uint8Array.of(1, 5, 2, 2, 5, 4), Uint8Array.of(1, 5, 2, 2, 5, 5));
const odd = fc.constantFrom(Uint8Array.of(1, 5, 2), Uint8Array.of(1, 5, 2, 2, 5, 4, 0));
const versions = fc.oneof({ weight: 3, arbitrary: good }, odd, few([-1, 0, 1, 5]));
const incarnation = fc.nat(5);
const port = fc.constantFrom(0, 8_301);
const payload = few([-1, 0, 1, 40, 3_000]);
const keyQuery = fc.constantFrom(...Object.values(KEY_QUERY));
const queryName = fc.oneof(keyQuery, fc.constantFrom('_serf_conflict', '_serf_ping', 'q'));
const filter = fc.oneof(fc.constantFrom(null, Buffer.alloc(0), Buffer.of(9)), few([1, 4]));

const alive = fc
  .record({
    Incarnation: incarnation,
    Node: name,
    Addr: address,
    Port: port,
    Meta: few([-1, 0, 600]),
    Vsn: versions,
  })
  .map((body) => encodeTyped(MESSAGE_TYPE.alive, Alive, body));
const accusation = fc.record({ Incarnation: incarnation, Node: name, From: name });
const query = fc
  .record({
    LTime: fc.bigInt({ min: 0n, max: 9n }),
    ID: fc.nat(9),
    Addr: address,
    Port: port,
    SourceNode: name,
    Filters: fc.option(fc.array(filter, { maxLength: 2 })),
    Flags: fc.nat(3),
    RelayFactor: fc.nat(2),
    Timeout: fc.constantFrom(-1, 0, 3_200_000_000),
    Name: queryName,
    Payload: payload,
  })
  .map((body) => encodeTyped(SERF_TYPE.query, Query, body));
const response = fc
  .record({
    LTime: fc.bigInt({ min: 0n, max: 3n }),
    ID: fc.nat(9),
    From: name,
    Flags: fc.nat(1),
    Payload: payload,
  })
  .map((body) => encodeTyped(SERF_TYPE.queryResponse, QueryResponse, body));
const inner = fc.oneof(query, response, fc.uint8Array({ maxLength: 20 }));
const relay = fc.tuple(address, port, name, inner).map(([IP, Port, DestName, told]) => {
  const header = { DestAddr: { IP, Port, Zone: '' }, DestName };
  return encodeSerf({ kind: 'relay', header, inner: told });
});
const event = fc.tuple(fc.bigInt({ min: 0n, max: 9n }), payload).map(([LTime, Payload]) => {
  return encodeSerf({ kind: 'userEvent', body: { LTime, Name: 'e', Payload, CC: false } });
});
const serf = fc.oneof(query, response, relay, event, fc.uint8Array({ maxLength: 30 }));
const source = { SourceAddr: address, SourcePort: port, SourceNode: name };
const message = fc.oneof(
  alive,
  accusation.map((body) => encodeTyped(MESSAGE_TYPE.suspect, Suspect, body)),
  accusation.map((body) => encodeTyped(MESSAGE_TYPE.dead, Dead, body)),
  fc
    .record({ SeqNo: fc.nat(5), Node: name, ...source })
    .map((body) => encodeTyped(MESSAGE_TYPE.ping, Ping, body)),
  fc
    .record({
      SeqNo: fc.nat(5),
      Target: address,
      Port: port,
      Node: name,
      Nack: fc.boolean(),
      ...source,
    })
    .map((body) => encodeTyped(MESSAGE_TYPE.indirectPing, IndirectPing, body)),
  serf.map(encodeUser),
  fc.uint8Array({ maxLength: 40 }),
);
/** A compound of any parts, empty ones too. */
const compound = fc.array(message, { maxLength: 6 }).map((parts) => {
  const table = Buffer.alloc(2 * parts.length);
  parts.forEach((part, index) => {
    table.writeUInt16BE(part.length, 2 * index);
  });
  return Buffer.concat([Buffer.of(MESSAGE_TYPE.compound, parts.length), table, ...parts]);
});
const packet = fc
  .tuple(fc.oneof(message, compound), fc.constantFrom('plain', 'crc', 'compressed'))
  .map(([bytes, wrapping]) => {
    if (wrapping === 'plain') return bytes;
    return wrapping === 'crc' ? addCrc(bytes) : compress(bytes);
  });

const nodeState = fc.record({
  Name: name,
  Addr: address,
  Port: port,
  Meta: few([-1, 0]),
  Incarnation: incarnation,
  State: fc.nat(4),
  Vsn: versions,
});
const { reply } = asking<never>();
const occurrence: fc.Arbitrary<PoolEvent> = fc.oneof(
  { weight: 6, arbitrary: packet.map(received) },
  fc.array(nodeState, { maxLength: 3 }).map((nodes) => {
    const from = { address: '10.0.0.98', port: 4 };
    const userState = Buffer.alloc(0);
    const told = { kind: 'pushPull', join: true, nodes, userState } as const;
    return { type: 'exchange.requested', id: 1, from, message: told } as const;
  }),
  fc.tuple(queryName, payload, fc.nat(2)).map(([asked, told, relayFactor]) => {
    const filters = [{ kind: 'nodes', names: [] }] as const;
    const order = { name: asked, payload: told ?? Buffer.alloc(0), filters, relayFactor };
    return { type: 'query.start', ...order, acks: 'request', timeoutMs: 0, reply } as const;
  }),
  fc.constantFrom('install', 'use', 'remove', 'list').map((operation) => {
    return { type: 'keys.change', operation, key: Buffer.alloc(0), relayFactor: 1, reply } as const;
  }),
  fc.constant({ type: 'tick' } as const),
);

function received(bytes: Uint8Array): PoolEvent {
  const from = { address: '10.0.0.99', port: 8_301 };
  return { type: 'packets.received', packets: [{ from, bytes }] };
}

test('a member survives all, and passes nothing on that others die of', () => {
  let sent = 0;
  fc.assert(
    fc.property(fc.array(occurrence, { minLength: 20, maxLength: 40 }), (occurrences) => {
      const member = new LoneMember();
      member.meet('a', 2);
      member.meet('b', 3);
      for (const next of occurrences) {
        member.now += 100;
        member.feed(next);
        member.feed({ type: 'tick' });
      }
      member.wait(2_000);
      for (const { packets, exchanges, answers } of member.effects) {
        sent += packets.length + exchanges.length + answers.length;
        for (const { bytes } of packets) expect(harmOfPacket(bytes)).toBeNull();
        for (const { bytes } of exchanges) expect(harmOfStream(bytes)).toBeNull();
        for (const { bytes } of answers) {
          if (bytes !== null) expect(harmOfStream(bytes)).toBeNull();
        }
      }
    }),
    { numRuns: 300 },
  );
  // Nothing would be shown if nothing had been passed on.
  expect(sent).toBeGreaterThan(5_000);
});

test('a query that others die of can be neither read nor written', () => {
  const body = {
    LTime: 1n,
    ID: 1,
    Addr: null,
    Port: 0,
    SourceNode: '',
    Filters: null,
    Flags: 0,
    RelayFactor: 0,
    Timeout: 1,
    Name: 'q',
    Payload: null,
  };
  const cases = [
    [{ ...body, Filters: [Buffer.alloc(0)] }, 'the query "q" has an empty filter'],
    [{ ...body, Name: KEY_QUERY.list }, `the query "${KEY_QUERY.list}" has no payload`],
  ] as const;
  for (const [harmful, reason] of cases) {
    const bytes = encodeTyped(SERF_TYPE.query, Query, harmful);
    expect(readSerf(bytes)).toEqual({ ok: false, error: reason });
    expect(() => encodeSerf({ kind: 'query', body: harmful })).toThrow(reason);
  }
  const harmless = encodeSerf({ kind: 'query', body });
  expect(readSerf(harmless).ok).toBe(true);
});
