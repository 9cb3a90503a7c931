import { describe, expect, test } from 'vitest';
import {
  sortPackets,
  type WanfedContext,
  wanfedTransportMachine,
} from '../../../machines/federation/wanfed-transport.ts';
import { noChoices } from '../../../src/federation/gateway-choices.ts';
import { readWanName } from '../../../src/federation/wan-name.ts';
import { membersView, server } from '../../support/federation-fixture.ts';
import { modelTest } from '../../support/model-test.ts';
import { createStepper } from '../../support/step.ts';
import { streamPair } from '../../support/stream-pair.ts';

const INPUT = { datacenter: 'dc1' };
const to = (name: string) => ({ name, address: '10.0.0.1', port: 8302 });
const packet = (name: string, text = 'x') => ({ to: to(name), bytes: Buffer.from(text) });

describe('names of the WAN pool', () => {
  const dcs = new Set(['dc1', 'dc2']);
  const rows: readonly [string, { node: string; datacenter: string } | undefined][] = [
    ['a.dc1', { node: 'a', datacenter: 'dc1' }],
    ['*.dc9', { node: '*', datacenter: 'dc9' }],
    ['a.b.dc2', { node: 'a.b', datacenter: 'dc2' }],
    ['a.b.dc9', undefined],
    ['a', undefined],
    ['', undefined],
    ['.dc1', undefined],
    ['a.', undefined],
  ];
  test.each(rows)('%s', (name, expected) => {
    expect(readWanName(name, dcs)).toEqual(expected);
  });
});

describe('wanfed transport', () => {
  test('every transition is reachable', () => {
    const [stream] = streamPair();
    modelTest(wanfedTransportMachine, {
      inputs: [INPUT],
      events: [
        { type: 'packets.send', packets: [packet('b.dc2')] } as never,
        ...['a.dc1', 'b.dc2', 'nameless'].map(
          (name) => ({ type: 'stream.open', id: 1, to: to(name), timeoutMs: 1 }) as never,
        ),
        { type: 'packets.received', packets: [] } as never,
        { type: 'stream.accepted', stream } as never,
        {
          type: 'gateways.changed',
          choices: noChoices({
            datacenter: 'dc1',
            primaryDatacenter: 'dc1',
            directDialing: 'allowed',
          }),
        } as never,
        { type: 'wan-members.changed', view: membersView('wan', []) } as never,
      ],
    });
  });

  test('own datacenter by sockets, others by name, each destination together and in order', () => {
    const context: WanfedContext = { datacenter: 'dc1', datacenters: new Set(['dc1']) };
    const sorted = sortPackets(context, [
      packet('b.dc2', '1'),
      packet('a.dc1', '2'),
      packet('c.dc3', '3'),
      packet('b.dc2', '4'),
      packet('', '5'),
    ]);
    expect(sorted.local.map((p) => String(p.bytes))).toEqual(['2']);
    expect(sorted.remote.map((r) => [r.name, r.packets.map((p) => String(p.bytes))])).toEqual([
      ['b.dc2', ['1', '4']],
      ['c.dc3', ['3']],
    ]);
    expect(sorted.nameless.map((n) => n.error.message)).toEqual([
      'node name does not encode a datacenter: ',
    ]);
  });

  test('#12614: a dotted node name is understood as soon as the pool knows its datacenter', () => {
    const stepper = createStepper(wanfedTransportMachine);
    const { snapshot } = stepper.start(INPUT);
    expect(sortPackets(snapshot.context, [packet('x.y.dc2')]).nameless).toHaveLength(1);
    const view = membersView('wan', [server('x.y.dc2', 'dc2')]);
    const { context } = stepper.next(snapshot, {
      type: 'wan-members.changed',
      view,
    } as never).snapshot;
    expect(sortPackets(context, [packet('x.y.dc2')]).remote[0]?.target).toEqual({
      node: 'x.y',
      datacenter: 'dc2',
    });
  });
});
