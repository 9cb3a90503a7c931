import { describe, expect, it } from 'vitest';
import { connectionMachine, REFUSALS } from '../../../machines/port/connection.ts';
import type {
  ConnectionEvent,
  ConnectionInput,
  PortRules,
} from '../../../machines/port/connection.types.ts';
import { modelTest } from '../../support/model-test.ts';
import { createStepper } from '../../support/step.ts';

const RULES: PortRules = {
  nativeTls: true,
  typeByteTls: true,
  refusesPlaintext: false,
  takesGossip: true,
  perClientMax: 100,
};
const rules = (change: Partial<PortRules> = {}): ConnectionInput => ({
  id: 1,
  rules: { ...RULES, ...change },
});
const byte = (value: number, fromSameClient = 0, raftRefusal?: string): ConnectionEvent => ({
  type: 'byte.seen',
  byte: value,
  fromSameClient,
  ...(raftRefusal !== undefined && { raftRefusal }),
});
const alpn = (value: string | null, fromSameClient = 0, raftRefusal?: string): ConnectionEvent => ({
  type: 'tls.established',
  alpn: value,
  fromSameClient,
  ...(raftRefusal !== undefined && { raftRefusal }),
});

/** The last thing done on the way, as text. */
function outcome(input: ConnectionInput, ...events: readonly ConnectionEvent[]): string {
  const stepper = createStepper(connectionMachine);
  let step = stepper.start(input);
  const effects = [...step.effects];
  for (const event of events) {
    step = stepper.next(step.snapshot, event);
    effects.push(...step.effects);
  }
  const last = effects.at(-1);
  const params = last?.params as { protocol?: string; reason?: string; mode?: string };
  return `${last?.type} ${params.protocol ?? params.reason ?? params.mode ?? ''}`.trim();
}

describe('a connection to the server port', () => {
  it('reaches all states and transitions', () => {
    const coverage = modelTest(connectionMachine, {
      inputs: [
        rules(),
        rules({ nativeTls: false, typeByteTls: false }),
        rules({ refusesPlaintext: true }),
      ],
      events: [
        ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x16].map((value) => byte(value)),
        alpn('consul/raft'),
        alpn(null),
        alpn(null, 100),
        { type: 'tls.failed', text: 'x' } as ConnectionEvent,
        { type: 'deadline.passed' },
        { type: 'peer.left' },
      ],
      invariant: ({ snapshot }) => {
        if (snapshot.matches('refused')) expect(snapshot.context.reason).not.toBe('');
        if (snapshot.matches('handedOver')) expect(snapshot.context.protocol).not.toBeNull();
      },
    });
    expect(coverage.missing).toEqual([]);
  });

  it.each([
    [0, 'handOver rpc-single'],
    [1, 'handOver raft'],
    [2, 'refuse unrecognized RPC byte: byte=2'],
    [3, 'startTls type byte'],
    [4, 'handOver rpc-multi'],
    [5, 'handOver snapshot'],
    [6, 'refuse unrecognized RPC byte: byte=6'],
    [7, 'startTls insecure'],
    [8, 'refuse unrecognized RPC byte: byte=8'],
    [9, 'startTls native'],
    [0x16, 'startTls native'],
    [255, 'startTls native'],
  ])('first byte %i: %s', (value, expected) => {
    expect(outcome(rules(), byte(value))).toBe(expected);
  });

  it('takes no TLS without certificates', () => {
    const bare = rules({ nativeTls: false, typeByteTls: false });
    expect(outcome(bare, byte(0x16))).toBe('refuse unrecognized RPC byte: byte=22');
    expect(outcome(bare, byte(3))).toBe(`refuse ${REFUSALS.noTls}`);
    expect(outcome(bare, byte(7))).toBe(`refuse ${REFUSALS.noTls}`);
    expect(outcome(bare, byte(4))).toBe('handOver rpc-multi');
  });

  it.each([0, 1, 2, 4, 5, 6, 8])('refuses plaintext byte %i under verify_incoming', (value) => {
    const strict = rules({ refusesPlaintext: true });
    expect(outcome(strict, byte(value))).toBe(`refuse ${REFUSALS.plaintext}`);
    expect(outcome(strict, byte(3))).toBe('startTls type byte');
    expect(outcome(strict, byte(0x16))).toBe('startTls native');
  });

  it('takes those without a certificate by byte 7 under verify_incoming, counted like others', () => {
    const strict = rules({ refusesPlaintext: true });
    expect(outcome(strict, byte(7))).toBe('startTls insecure');
    expect(outcome(strict, byte(7), alpn(null))).toBe('handOver rpc-insecure');
    expect(outcome(strict, byte(7), alpn(null, 100))).toBe(`refuse ${REFUSALS.tooMany}`);
  });

  it.each([
    [0, 'handOver rpc-single'],
    [1, 'handOver raft'],
    [3, `refuse ${REFUSALS.innerTls}`],
    [4, 'handOver rpc-multi'],
    [5, 'handOver snapshot'],
    [6, 'refuse unrecognized RPC byte: byte=6'],
    [7, `refuse ${REFUSALS.innerTls}`],
    [0x16, 'refuse unrecognized RPC byte: byte=22'],
  ])('byte %i inside TLS: %s', (value, expected) => {
    const strict = rules({ refusesPlaintext: true });
    expect(outcome(strict, byte(3), alpn(null), byte(value))).toBe(expected);
  });

  it.each([
    ['consul/rpc-single', 'handOver rpc-single'],
    ['consul/raft', 'handOver raft'],
    ['consul/rpc-multi', 'handOver rpc-multi'],
    ['consul/rpc-snapshot', 'handOver snapshot'],
    ['consul/wan-gossip/packet', 'handOver gossip-packet'],
    ['consul/wan-gossip/stream', 'handOver gossip-stream'],
    ['consul/rpc-gossip', `refuse ${REFUSALS.protocol}`],
    ['consul/rpc-grpc', `refuse ${REFUSALS.protocol}`],
    [null, `refuse ${REFUSALS.protocol}`],
  ])('ALPN %s: %s', (value, expected) => {
    expect(outcome(rules(), byte(0x16), alpn(value))).toBe(expected);
  });

  it('lets only servers of the own datacenter speak raft', () => {
    expect(outcome(rules(), byte(0x16), alpn('consul/raft', 0, 'not you'))).toBe('refuse not you');
    expect(outcome(rules(), byte(0x16), alpn('consul/rpc-multi', 0, 'not you'))).toBe(
      'handOver rpc-multi',
    );
    expect(outcome(rules(), byte(3), alpn(null), byte(1, 0, 'not you'))).toBe('refuse not you');
  });

  it('counts connections of one client, gossip never', () => {
    expect(outcome(rules(), byte(4, 99))).toBe('handOver rpc-multi');
    expect(outcome(rules(), byte(4, 100))).toBe(`refuse ${REFUSALS.tooMany}`);
    expect(outcome(rules({ perClientMax: 0 }), byte(4, 100_000))).toBe('handOver rpc-multi');
    expect(outcome(rules(), byte(0x16), alpn('consul/rpc-multi', 100))).toBe(
      `refuse ${REFUSALS.tooMany}`,
    );
    for (const kind of ['packet', 'stream']) {
      expect(outcome(rules(), byte(0x16), alpn(`consul/wan-gossip/${kind}`, 100_000))).toBe(
        `handOver gossip-${kind}`,
      );
    }
  });

  it('takes gossip only when federation goes through mesh gateways', () => {
    const off = rules({ takesGossip: false });
    expect(outcome(off, byte(0x16), alpn('consul/wan-gossip/packet'))).toBe(
      `refuse ${REFUSALS.gossip}`,
    );
    expect(outcome(off, byte(0x16), alpn('consul/rpc-multi'))).toBe('handOver rpc-multi');
  });

  it('gives up on silence at every step', () => {
    const late: ConnectionEvent = { type: 'deadline.passed' };
    expect(outcome(rules(), late)).toBe(`refuse ${REFUSALS.noFirstByte}`);
    expect(outcome(rules(), byte(0x16), late)).toBe('refuse TLS handshake took too long');
    expect(outcome(rules(), byte(3), alpn(null), late)).toBe(`refuse ${REFUSALS.noFirstByte}`);
    expect(outcome(rules(), byte(3), { type: 'tls.failed', text: 'bad' })).toBe(
      'refuse TLS handshake failed: bad',
    );
  });
});
