import { describe, expect, test } from 'vitest';
import { isAlive, retryJoinMachine } from '../../../machines/federation/retry-join.ts';
import type {
  RetryJoinContext,
  RetryJoinInput,
} from '../../../machines/federation/retry-join.types.ts';
import { membersView, server } from '../../support/federation-fixture.ts';
import { modelTest } from '../../support/model-test.ts';
import { createStepper } from '../../support/step.ts';

const LAN: RetryJoinInput = {
  variant: 'lan',
  addresses: ['10.0.0.2'],
  attemptsMax: 2,
  intervalMs: 30_000,
  startsWith: 'at once',
  watched: 'nothing',
  datacenter: 'dc2',
  primaryDatacenter: 'dc1',
};
const WAN: RetryJoinInput = {
  ...LAN,
  variant: 'wan',
  addresses: ['*.dc1/192.0.2.2'],
  attemptsMax: 0,
  startsWith: 'gateways',
  watched: 'primary',
};
const GATEWAYS: RetryJoinInput = { ...WAN, variant: 'primary-gateways', startsWith: 'at once' };
const PRIMARY: RetryJoinInput = { ...WAN, addresses: [], watched: 'others' };

const discovered = (...output: string[]) => ({
  type: 'xstate.done.actor.0.retry-join.trying.discovering',
  output,
});
const undiscovered = {
  type: 'xstate.error.actor.0.retry-join.trying.discovering',
  error: new Error('no'),
};
const joined = { type: 'xstate.done.actor.0.retry-join.trying.joining', output: 1 };
const unjoined = {
  type: 'xstate.error.actor.0.retry-join.trying.joining',
  error: new Error('connection refused'),
};
const pause = { type: 'xstate.after.interval.retry-join.trying.pausing' };
const lostPause = { type: 'xstate.after.lostPause.retry-join.kept.lost' };
const ready = { type: 'gateways.ready' };
const learned = { type: 'primary-gateways.learned', addresses: ['x'] };
const primaryAlive = {
  type: 'wan-members.changed',
  view: membersView('wan', [server('b.dc2', 'dc2'), server('a.dc1', 'dc1')]),
};
const primaryFailed = {
  type: 'wan-members.changed',
  view: membersView('wan', [server('b.dc2', 'dc2'), server('a.dc1', 'dc1', 'failed')]),
};

const pathBroken = { type: 'primary-path.changed', path: 'broken' };
const pathWorks = { type: 'primary-path.changed', path: 'working' };

function run(input: RetryJoinInput, events: readonly { type: string }[]) {
  const stepper = createStepper(retryJoinMachine);
  let { snapshot, effects } = stepper.start(input);
  const done = effects.filter((e) => !e.type.startsWith('xstate.'));
  for (const event of events) {
    ({ snapshot, effects } = stepper.next(snapshot, event));
    done.push(...effects.filter((e) => !e.type.startsWith('xstate.')));
  }
  return {
    value: snapshot.value,
    context: snapshot.context as RetryJoinContext,
    did: done.map((e) => e.type),
    last: done.at(-1)?.params,
  };
}

describe('retry join', () => {
  test('every state and transition is reachable', () => {
    modelTest(retryJoinMachine, {
      inputs: [LAN, WAN, GATEWAYS, PRIMARY, { ...LAN, addresses: [] }],
      events: (snapshot) => [
        ...(snapshot.matches({ trying: 'discovering' })
          ? [discovered(), discovered('a'), undiscovered]
          : []),
        ...(snapshot.matches({ trying: 'joining' }) ? [joined, unjoined] : []),
        ready,
        learned,
        primaryAlive,
        primaryFailed,
        pathBroken,
        pathWorks,
      ],
      key: ({ attempt, joinedOnce, heard, pathBroken, watched }: RetryJoinContext) => [
        Math.min(attempt, 3),
        joinedOnce,
        heard,
        pathBroken,
        watched,
      ],
    });
  });

  test('no addresses: over at once, without a word', () => {
    expect(run({ ...LAN, addresses: [] }, [])).toMatchObject({ value: 'over', did: [] });
  });

  test('max = 2 means three tries; 0 is for ever', () => {
    const fail = [discovered('a'), unjoined, pause];
    expect(run(LAN, [...fail, ...fail, discovered('a')]).value).toEqual({ trying: 'joining' });
    const after = run(LAN, [...fail, ...fail, discovered('a'), unjoined]);
    expect(after.value).toBe('exhausted');
    expect(after.did.at(-1)).toBe('giveUp');
    const endless = Array.from({ length: 50 }, () => fail).flat();
    expect(run({ ...LAN, attemptsMax: 0 }, endless).value).toEqual({ trying: 'discovering' });
  });

  test('#14112: the retry warning carries the join error, not nothing', () => {
    expect(run(LAN, [discovered('a'), unjoined]).last).toMatchObject({
      error: 'connection refused',
    });
    expect(run(LAN, [discovered()]).last).toMatchObject({ error: 'No servers to join' });
    expect(run(GATEWAYS, [discovered()]).last).toMatchObject({ error: 'No mesh gateways found' });
  });

  test('the WAN join starts when a gateway can be picked, not 30 s later', () => {
    expect(run(WAN, []).value).toBe('waiting');
    expect(run(WAN, [ready]).value).toEqual({ trying: 'discovering' });
  });

  test('the stop signal: gateways known from federation states end the attempts', () => {
    const { value, did } = run(GATEWAYS, [discovered(), learned]);
    expect(value).toEqual({ kept: 'lost' });
    expect(did.at(-1)).toBe('announceRetry');
    expect(run(GATEWAYS, [learned]).value).toEqual({ kept: 'lost' });
  });

  test('kept alive: nothing is done while a server of the primary is alive', () => {
    expect(run(WAN, [ready, discovered('a'), joined, primaryAlive, lostPause]).value).toEqual({
      kept: 'alive',
    });
  });

  test('a split never becomes permanent: with the primary gone the placeholder join is issued anew', () => {
    const start = [ready, discovered('a'), joined, primaryAlive, primaryFailed];
    expect(run(WAN, start).value).toEqual({ kept: 'lost' });
    expect(run(WAN, [...start, lostPause]).value).toEqual({ trying: 'discovering' });
    const again = [lostPause, discovered('a'), unjoined, pause, discovered('a'), joined];
    expect(run(WAN, [...start, ...again, primaryAlive]).value).toEqual({ kept: 'alive' });
    const reaped = {
      type: 'wan-members.changed',
      view: membersView('wan', [server('b.dc2', 'dc2')]),
    };
    expect(run(WAN, [...start, reaped, lostPause]).value).toEqual({ trying: 'discovering' });
  });

  test('after the first success attempts are unlimited', () => {
    const limited = { ...WAN, attemptsMax: 1 };
    const fail = [discovered('a'), unjoined, pause];
    const events = [ready, discovered('a'), joined, lostPause, ...fail, ...fail, ...fail];
    expect(run(limited, events).value).toEqual({ trying: 'discovering' });
  });

  test('stale fallback: gateways are discovered anew while the primary is out of sight', () => {
    const { did, value } = run(GATEWAYS, [
      discovered('old:1'),
      joined,
      primaryFailed,
      lostPause,
      discovered('new:1'),
    ]);
    expect(value).toEqual({ trying: 'joining' });
    expect(did).toEqual(['announceStart', 'announceSuccess', 'announceStart']);
  });

  test('one-sided: gossip hears the primary, but nothing gets there: discover and join anew', () => {
    const start = [discovered('a'), joined, primaryAlive, pathBroken];
    expect(run(GATEWAYS, start).value).toEqual({ kept: 'lost' });
    expect(run(GATEWAYS, [...start, primaryAlive, lostPause]).value).toEqual({
      trying: 'discovering',
    });
    expect(run(GATEWAYS, [...start, pathWorks]).value).toEqual({ kept: 'alive' });
  });

  test('when somebody else brings us together while pausing, the task settles', () => {
    expect(run(WAN, [ready, discovered('a'), unjoined, primaryAlive]).value).toEqual({
      kept: 'alive',
    });
  });

  test('#12658: a restarted primary looks for the datacenters it knows, quietly when there are none', () => {
    expect(run(PRIMARY, [ready, discovered()])).toMatchObject({
      value: { kept: 'lost' },
      did: ['announceStart'],
    });
    const others = membersView('wan', [server('a.dc1', 'dc1'), server('b.dc2', 'dc2')]);
    expect(isAlive(others, { datacenter: 'dc1', primaryDatacenter: 'dc1' }, 'others')).toBe(true);
    const one = membersView('wan', [
      server('a.dc1', 'dc1'),
      server('b.dc2', 'dc2'),
      server('c.dc3', 'dc3', 'failed'),
    ]);
    expect(isAlive(one, { datacenter: 'dc1', primaryDatacenter: 'dc1' }, 'others')).toBe(false);
  });
});
