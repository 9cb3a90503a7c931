/** What is read before it is known who speaks: first bytes, a ClientHello, packets of gateways. */

import { initialTransition, transition } from 'xstate';
import { connectionMachine } from '../../../machines/port/connection.ts';
import type { ConnectionEvent } from '../../../machines/port/connection.types.ts';
import { ClientHelloReader, HELLO_BYTES_MAX } from '../../../src/gateway/client-hello.ts';
import { ALPN_SERVER_ORDER } from '../../../src/tls/configurator.ts';
import { PacketFrameParser } from '../../../src/wire/wanfed/packets.ts';
import { vectorsOf } from '../../support/vectors.ts';
import { BYTES, must, OBJECTS, type Target, whole } from '../engine/target.ts';

const WANFED = vectorsOf('wanfed.json');

/** A ClientHello of TLS 1.2 with a name and protocols, in one record. */
function clientHello(name: string, protocols: readonly string[]): Buffer {
  const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
  const sized = (width: 1 | 2, ...parts: readonly Uint8Array[]): Buffer => {
    const body = Buffer.concat(parts);
    return Buffer.concat([width === 1 ? Buffer.of(body.length) : u16(body.length), body]);
  };
  const names = sized(2, Buffer.of(0), sized(2, Buffer.from(name)));
  const alpn = sized(2, ...protocols.map((protocol) => sized(1, Buffer.from(protocol))));
  const extensions = sized(2, u16(0), sized(2, names), u16(16), sized(2, alpn));
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    sized(1),
    sized(2, u16(0xc02f)),
    sized(1, Buffer.of(0)),
    extensions,
  ]);
  const message = Buffer.concat([Buffer.of(1, 0), u16(body.length), body]);
  return Buffer.concat([Buffer.of(22, 3, 1), u16(message.length), message]);
}

const hello: Target = {
  name: 'client-hello',
  input: 'stream',
  outcomeBytes: { base: HELLO_BYTES_MAX * 16, perByte: 0 },
  tokens: [Buffer.of(22, 3, 1), Buffer.of(0, 0), Buffer.of(0, 16), 'h2', '.dc2.consul'],
  seeds: () => [
    clientHello('node1.server.dc2.consul', ALPN_SERVER_ORDER),
    clientHello('web.default.dc2.internal.1.consul', []),
  ],
  read(pieces) {
    const reader = new ClientHelloReader();
    for (const piece of pieces) {
      const outcome = reader.push(piece);
      if (outcome.state !== 'incomplete') return outcome;
    }
    return { state: 'incomplete' };
  },
};

const EVENTS: readonly ((byte: number) => ConnectionEvent)[] = [
  (byte) => ({ type: 'byte.seen', byte, fromSameClient: byte & 3 }),
  (byte) => ({
    type: 'tls.established',
    alpn: ALPN_SERVER_ORDER[byte % (ALPN_SERVER_ORDER.length + 1)] ?? null,
    fromSameClient: byte & 3,
  }),
  () => ({ type: 'tls.established', alpn: 'h2', fromSameClient: 0, raftRefusal: 'no' }),
  () => ({ type: 'tls.failed', text: 'alert' }),
  () => ({ type: 'deadline.passed' }),
  () => ({ type: 'peer.left' }),
];
const STEPS_MAX = 16;

const firstByte: Target = {
  name: 'port-first-byte',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: [Buffer.of(0, 3), Buffer.of(0, 22), Buffer.of(1, 6)],
  seeds: () => [
    Buffer.of(15, 0, 3, 1, 2),
    Buffer.of(3, 0, 22, 1, 5),
    Buffer.of(2, 0, 3, 1, 0, 0, 4),
  ],
  read(pieces) {
    const input = whole(pieces);
    const rules = input[0] ?? 0;
    const [start] = initialTransition(connectionMachine, {
      id: 1,
      rules: {
        nativeTls: (rules & 1) !== 0,
        typeByteTls: (rules & 2) !== 0,
        refusesPlaintext: (rules & 4) !== 0,
        takesGossip: (rules & 8) !== 0,
        perClientMax: rules >> 6,
      },
    });
    let state = start;
    for (let at = 1; at + 1 < Math.min(input.length, STEPS_MAX); at += 2) {
      if (state.status !== 'active') break;
      const event = EVENTS[(input[at] as number) % EVENTS.length];
      if (event !== undefined)
        [state] = transition(connectionMachine, state, event(input[at + 1] ?? 0));
    }
    must(state.status !== 'error', 'no first byte is an error of the machine');
    return [state.value, state.context];
  },
};

const wanfedPackets: Target = {
  name: 'wanfed-packets',
  input: 'stream',
  outcomeBytes: BYTES,
  tokens: [Buffer.of(0, 0, 0, 1), Buffer.of(0, 0x40, 0, 0), Buffer.of(0, 0x40, 0, 1)],
  seeds: () =>
    WANFED.filter(({ name }) => name.includes('-packet-')).map(({ hex }) =>
      Buffer.from(hex, 'hex'),
    ),
  read(pieces) {
    const packets: Buffer[] = [];
    const failed: string[] = [];
    const parser = new PacketFrameParser({
      packets: (batch) => void packets.push(...batch),
      failed: (text) => void failed.push(text),
    });
    for (const piece of pieces) parser.feed(piece);
    return [packets, failed, parser.awaits];
  },
};

export const PORT_TARGETS: readonly Target[] = [hello, firstByte, wanfedPackets];
