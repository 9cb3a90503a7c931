import { describe, expect, test } from 'vitest';
import { gatewayLocatorMachine } from '../../../machines/federation/gateway-locator.ts';
import type {
  LocatorContext,
  LocatorEvent,
  LocatorNews,
} from '../../../machines/federation/gateway-locator.types.ts';
import type { RaftView } from '../../../src/consensus/consensus.ts';
import { gatewaysToward } from '../../../src/federation/gateway-choices.ts';
import { gateway, record } from '../../support/federation-fixture.ts';
import { modelTest } from '../../support/model-test.ts';
import { createStepper } from '../../support/step.ts';

const SECONDARY = {
  datacenter: 'dc2',
  primaryDatacenter: 'dc1',
  directDialing: 'allowed',
} as const;
const PRIMARY = { ...SECONDARY, datacenter: 'dc1' };

const heard = {
  type: 'raft.changed',
  view: { role: 'follower', leader: { id: 'a', address: 'a' } } as RaftView,
} as const;
const alone = {
  type: 'raft.changed',
  view: { role: 'candidate', leader: undefined } as RaftView,
} as const;
const gained = { type: 'leadership.gained', term: 1 } as const;
const lost = { type: 'leadership.lost', term: 1 } as const;
const failed = { type: 'replication.failed', error: 'EOF' } as const;
const succeeded = { type: 'replication.succeeded', index: 3 } as const;
const refresh = { type: 'fallback.refresh', addresses: ['9.9.9.9:8443'] } as const;
const unreachable = { type: 'gateway.unreachable', address: 'x:1', error: 'refused' } as const;
const known = {
  type: 'federation-states.changed',
  records: [record('dc1', [gateway({ lan: '10.1.0.1', wan: '1.1.1.1' })])],
  ownGateways: [gateway({ lan: '10.2.0.1' })],
} as const;
const nothing = { type: 'federation-states.changed', records: [], ownGateways: [] } as const;

function run(input: typeof SECONDARY | typeof PRIMARY, events: readonly LocatorEvent[]) {
  const stepper = createStepper(gatewayLocatorMachine);
  let { snapshot } = stepper.start(input);
  const news: LocatorNews[] = [];
  for (const event of events) {
    const step = stepper.next(snapshot, event);
    snapshot = step.snapshot;
    for (const effect of step.effects) {
      if (effect.type === 'tell') news.push(...(effect.params as { news: LocatorNews[] }).news);
    }
  }
  const context = snapshot.context as LocatorContext;
  return { value: snapshot.value, context, choices: context.choices, news };
}

const kinds = (news: readonly LocatorNews[]) => news.map((item) => item.kind);

describe('gateway locator', () => {
  test('every state and transition is reachable; mode and state never differ', () => {
    modelTest(gatewayLocatorMachine, {
      inputs: [SECONDARY, PRIMARY],
      events: [heard, alone, gained, lost, failed, succeeded, refresh, unreachable, known, nothing],
      key: (context: LocatorContext) => [
        context.leading,
        Math.min(context.failures, 3),
        context.choices,
        context.ready,
        context.learned,
      ],
      invariant: ({ snapshot }) => {
        const { choices, leading } = snapshot.context as LocatorContext;
        expect(choices.mode).toBe(snapshot.matches({ following: 'direct' }) ? 'direct' : 'local');
        if (!leading) expect(choices.mode).toBe('local');
        const read = snapshot.matches('recovering') || snapshot.matches({ following: 'reading' });
        expect(choices.populated).toBe(!read);
      },
    });
  });

  test('nothing is picked before a raft leader was heard of and the store was read', () => {
    expect(run(SECONDARY, [refresh, known, alone]).value).toBe('recovering');
    const before = run(SECONDARY, [refresh, heard]);
    expect(gatewaysToward(before.choices, 'dc1')).toEqual([]);
    const after = run(SECONDARY, [refresh, heard, nothing]);
    expect(gatewaysToward(after.choices, 'dc1')).toEqual(['9.9.9.9:8443']);
  });

  test('#9342: a restart starts in local mode', () => {
    const { value, choices } = run(SECONDARY, [heard, known]);
    expect(value).toEqual({ following: 'local' });
    expect(gatewaysToward(choices, 'dc1')).toEqual(['10.2.0.1:8443']);
  });

  test('#9341: followers never leave the local way, whatever replication is said to do', () => {
    const { value } = run(SECONDARY, [heard, known, failed, failed, failed, failed]);
    expect(value).toEqual({ following: 'local' });
  });

  test('a leader goes direct after three failures in a row and back after one success', () => {
    const start = [heard, known, gained] as const;
    expect(run(SECONDARY, [...start, failed, failed]).value).toEqual({ following: 'local' });
    const direct = run(SECONDARY, [...start, refresh, failed, failed, failed]);
    expect(direct.value).toEqual({ following: 'direct' });
    expect(gatewaysToward(direct.choices, 'dc1')).toEqual(['1.1.1.1:8443', '9.9.9.9:8443']);
    const back = run(SECONDARY, [...start, failed, failed, failed, failed, succeeded]);
    expect(back.value).toEqual({ following: 'local' });
    expect(back.context.failures).toBe(0);
  });

  test('one success between failures starts the count anew', () => {
    const { value } = run(SECONDARY, [
      heard,
      known,
      gained,
      failed,
      failed,
      succeeded,
      failed,
      failed,
    ]);
    expect(value).toEqual({ following: 'local' });
  });

  test('leadership lost means local; a late outcome is not heeded; gained anew counts from zero', () => {
    const events = [heard, known, gained, failed, failed, failed, lost] as const;
    expect(run(SECONDARY, [...events, failed]).value).toEqual({ following: 'local' });
    expect(run(SECONDARY, [...events, gained, failed, failed]).value).toEqual({
      following: 'local',
    });
  });

  test('#7339: in direct mode configuration and replicated list are united', () => {
    const { choices } = run(SECONDARY, [
      heard,
      nothing,
      refresh,
      { type: 'fallback.refresh', addresses: ['7.7.7.7:1', '3.3.3.3:1', '7.7.7.7:1'] },
    ]);
    expect(gatewaysToward(choices, 'dc1')).toEqual(['3.3.3.3:1', '7.7.7.7:1']);
  });

  test('learned and ready are told once; unchanged lists are not told', () => {
    const { news } = run(SECONDARY, [heard, known, known, nothing, known, refresh, refresh]);
    const told = kinds(news);
    expect(told.filter((kind) => kind === 'learned')).toHaveLength(1);
    expect(told.filter((kind) => kind === 'ready')).toHaveLength(1);
    expect(told.filter((kind) => kind === 'fallback')).toHaveLength(1);
    expect(told.filter((kind) => kind === 'locations')).toHaveLength(3);
  });

  test('ready is told as soon as configuration alone leads to the primary', () => {
    expect(kinds(run(SECONDARY, [heard, nothing, refresh]).news)).toContain('ready');
    expect(kinds(run(SECONDARY, [heard, nothing]).news)).not.toContain('ready');
  });

  test('in the primary one record feeds both lists and the mode is never told', () => {
    const own = {
      type: 'federation-states.changed',
      records: [record('dc1', [gateway({ lan: '10.1.0.1', wan: '1.1.1.1' })])],
      ownGateways: [],
    } as const;
    const { choices, news } = run(PRIMARY, [gained, own, failed, failed, failed]);
    expect(choices.local).toEqual(['10.1.0.1:8443']);
    expect(choices.primary).toEqual(['1.1.1.1:8443']);
    expect(kinds(news)).not.toContain('mode');
    expect(gatewaysToward(choices, 'dc2')).toEqual(['10.1.0.1:8443']);
  });

  test('a secondary that is cut off learns its own new gateway from its own catalog', () => {
    const moved = { ...known, ownGateways: [gateway({ lan: '10.2.0.77' })] };
    const { choices } = run(SECONDARY, [heard, known, moved]);
    expect(choices.local).toEqual(['10.2.0.77:8443']);
  });

  test('a gateway that cannot be dialed is told of at once, then ever more seldom', () => {
    const told = (n: number): number =>
      kinds(run(SECONDARY, Array(n).fill(unreachable)).news).filter((kind) => kind === 'fault')
        .length;
    expect([1, 2, 3, 4, 100].map(told)).toEqual([1, 2, 2, 3, 7]);
    const other = { ...unreachable, error: 'i/o timeout' };
    const { news } = run(SECONDARY, [unreachable, unreachable, unreachable, other, other]);
    expect(kinds(news).filter((kind) => kind === 'fault')).toHaveLength(3);
  });

  test('the last fault of a gateway is kept, with a bound on how many', () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ ...unreachable, address: `${i}:1` }));
    const { context } = run(SECONDARY, [unreachable, unreachable, ...many]);
    expect(context.faults.size).toBe(256);
    expect(context.faults.has('x:1')).toBe(false);
    expect(run(SECONDARY, [unreachable, unreachable]).context.faults.get('x:1')).toEqual({
      error: 'refused',
      count: 2,
    });
  });
});
