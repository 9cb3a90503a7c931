import { describe, expect, test } from 'vitest';
import type { AnyMachineSnapshot, EventObject } from 'xstate';
import {
  type AntiEntropyContext,
  federationAntiEntropyMachine,
  type OwnState,
} from '../../../machines/federation/federation-anti-entropy.ts';
import { federationPrunerMachine } from '../../../machines/federation/federation-pruner.ts';
import {
  type Fetched,
  federationReplicatorMachine,
  type ReplicatorContext,
} from '../../../machines/federation/federation-replicator.ts';
import { federationSupportMachine } from '../../../machines/federation/federation-support.ts';
import { floodJoinerMachine } from '../../../machines/federation/flood-joiner.ts';
import { leaderDutiesMachine } from '../../../machines/federation/leader-duties.ts';
import type { FederationState } from '../../../src/model/federation-state.ts';
import { gateway, membersView, record, server } from '../../support/federation-fixture.ts';
import { modelTest } from '../../support/model-test.ts';
import { createStepper, type Effect } from '../../support/step.ts';

const done = (id: string, output?: unknown) => ({ type: `xstate.done.actor.${id}`, output });
const failed = (id: string, text = 'boom') => ({
  type: `xstate.error.actor.${id}`,
  error: new Error(text),
});
const waited = (delay: string, id: string) => ({ type: `xstate.after.${delay}.${id}` });

function run(
  machine: Parameters<typeof createStepper>[0],
  events: readonly EventObject[],
  input?: unknown,
) {
  const stepper = createStepper(machine);
  let step = stepper.start(input);
  const effects: Effect[] = [...step.effects];
  for (const event of events) {
    step = stepper.next(step.snapshot, event);
    effects.push(...step.effects);
  }
  const own = effects.filter((e) => !e.type.startsWith('xstate.'));
  return { snapshot: step.snapshot, value: step.snapshot.value, did: own.map((e) => e.type), own };
}

describe('federation replicator', () => {
  const R = 'federation-replicator';
  const FETCH = `0.${R}.fetching`;
  const COMPARE = `0.${R}.comparing`;
  const WRITE = `0.${R}.writing.writing`;
  const got = (index: number, ...states: readonly FederationState[]) =>
    done(FETCH, { kind: 'states', index, states, nowMs: 0, chance: 0.5 } satisfies Fetched);
  const unsupported = done(FETCH, { kind: 'unsupported' } satisfies Fetched);
  const local = (...states: readonly FederationState[]) => done(COMPARE, states);
  const wrote = done(WRITE);
  const writePause = waited('writePause', `${R}.writing.pausing`);
  const pace = waited('pace', `${R}.pacing`);
  const backoff = waited('backoff', `${R}.backingOff`);
  const dc = (name: string, ModifyIndex = 5) => record(name, [], { ModifyIndex });

  test('every state and transition is reachable', () => {
    modelTest(federationReplicatorMachine, {
      events: (snapshot: AnyMachineSnapshot) => {
        if (snapshot.matches('fetching')) {
          return [got(5, dc('dc1'), dc('dc2')), got(2), unsupported, failed(FETCH)];
        }
        if (snapshot.matches('comparing')) return [local(), local(dc('dc3')), failed(COMPARE)];
        return snapshot.matches({ writing: 'writing' }) ? [wrote, failed(WRITE)] : [];
      },
      key: ({ lastIndex, steps, failures }: ReplicatorContext) => [
        lastIndex,
        steps.length,
        Math.min(failures, 3),
      ],
    });
  });

  test('a round: fetch, compare, one write after the other, deletions first', () => {
    const written: string[] = [];
    const stepper = createStepper(federationReplicatorMachine);
    let { snapshot } = stepper.start();
    const events = [
      got(9, dc('dc1'), dc('dc2')),
      local(dc('dc3')),
      ...Array(3).fill([wrote, writePause]).flat(),
    ];
    for (const event of events as EventObject[]) {
      const { steps } = snapshot.context as ReplicatorContext;
      if (event === wrote) written.push(`${steps[0]?.op} ${steps[0]?.state.Datacenter}`);
      ({ snapshot } = stepper.next(snapshot, event));
    }
    expect(written).toEqual(['delete dc3', 'upsert dc1', 'upsert dc2']);
    expect(snapshot.value).toBe('pacing');
    expect((snapshot.context as ReplicatorContext).lastIndex).toBe(9);
  });

  test('each fetch is a signal for the locator, a write is not, a missing feature is not', () => {
    expect(run(federationReplicatorMachine, [got(9), local(), pace]).did).toEqual([
      'reportSuccess',
    ]);
    expect(run(federationReplicatorMachine, [failed(FETCH)]).did).toEqual([
      'reportFailure',
      'announceRetry',
    ]);
    expect(run(federationReplicatorMachine, [unsupported]).did).toEqual([]);
    expect(
      run(federationReplicatorMachine, [got(9, dc('dc1')), local(), failed(WRITE)]).did,
    ).toEqual(['reportSuccess', 'announceRetry']);
  });

  test('after an error the next fetch returns at once: everything is compared anew', () => {
    const { snapshot } = run(federationReplicatorMachine, [
      got(9),
      local(),
      pace,
      failed(FETCH),
      backoff,
    ]);
    expect(snapshot.value).toBe('fetching');
    expect((snapshot.context as ReplicatorContext).lastIndex).toBe(0);
  });

  test('an index that moved backwards forces a full sync', () => {
    const { did, snapshot } = run(federationReplicatorMachine, [
      got(9, dc('dc1', 9)),
      local(dc('dc1')),
      wrote,
      writePause,
      pace,
      got(3, dc('dc1', 3)),
      local(dc('dc1')),
    ]);
    expect(did).toContain('announceFullSync');
    expect(snapshot.value).toEqual({ writing: 'writing' });
  });
});

describe('federation anti-entropy', () => {
  const A = 'federation-anti-entropy';
  const READ = `0.${A}.reading`;
  const WRITE = `0.${A}.writing`;
  const own = (stored: FederationState | null, gateways = [gateway()], index = 7) =>
    done(READ, { kind: 'read', index, record: stored, gateways, nowMs: 0 } satisfies OwnState);
  const unsupported = done(READ, { kind: 'unsupported' } satisfies OwnState);
  const stored = record('dc2', [gateway()]);
  const pace = waited('pace', `${A}.pacing`);
  const backoff = waited('backoff', `${A}.backingOff`);

  test('every state and transition is reachable', () => {
    modelTest(federationAntiEntropyMachine, {
      events: (snapshot: AnyMachineSnapshot) => {
        if (snapshot.matches('reading')) {
          return [own(null), own(stored), unsupported, failed(READ)];
        }
        return snapshot.matches('writing') ? [done(WRITE), failed(WRITE)] : [];
      },
      key: ({ index, failures }: AntiEntropyContext) => [index, Math.min(failures, 3)],
    });
  });

  test('an empty record is written right after leadership', () => {
    expect(run(federationAntiEntropyMachine, [own(null, [])]).value).toBe('writing');
  });

  test('what is up to date is watched on, behind its index', () => {
    const { value, snapshot, did } = run(federationAntiEntropyMachine, [own(stored)]);
    expect(value).toBe('reading');
    expect(did).toEqual(['announceSkipped']);
    expect((snapshot.context as AntiEntropyContext).index).toBe(7);
  });

  test('a difference is written, then paced, then watched behind the index that was read', () => {
    const { value, did, snapshot } = run(federationAntiEntropyMachine, [
      own(record('dc2', [])),
      done(WRITE),
      pace,
    ]);
    expect(did).toEqual(['announceSynced']);
    expect(value).toBe('reading');
    expect((snapshot.context as AntiEntropyContext).index).toBe(7);
  });

  test('a failed write is told once, and read anew from the start after a pause', () => {
    const { did, value, snapshot } = run(federationAntiEntropyMachine, [
      own(null),
      failed(WRITE, 'No cluster leader'),
      backoff,
    ]);
    expect(did).toEqual(['announceFailure']);
    expect(value).toBe('reading');
    expect((snapshot.context as AntiEntropyContext).index).toBe(0);
  });
});

describe('federation pruner', () => {
  test('every state and transition is reachable', () => {
    const PRUNE = '0.federation-pruner.pruning';
    modelTest(federationPrunerMachine, {
      events: (snapshot: AnyMachineSnapshot) =>
        snapshot.matches('pruning') ? [done(PRUNE), failed(PRUNE)] : [],
    });
  });
});

describe('federation support', () => {
  const input = { datacenter: 'dc2', primaryDatacenter: 'dc1' };
  const lan = { type: 'lan-members.changed', view: membersView('lan', [server('b', 'dc2')]) };
  const wan = {
    type: 'wan-members.changed',
    view: membersView('wan', [server('b.dc2', 'dc2'), server('a.dc1', 'dc1')]),
  };
  const old = {
    type: 'wan-members.changed',
    view: membersView('wan', [server('a.dc1', 'dc1', 'alive', { ft_fs: '' })]),
  };
  const none = { type: 'federation-states.changed', records: [], ownGateways: [] };
  const some = { ...none, records: [record('dc1', [])] };

  test('every state and transition is reachable', () => {
    modelTest(federationSupportMachine, {
      inputs: [input],
      events: [lan, wan, old, none, some],
      key: ({ lan: a, wan: b }) => [a !== undefined, b !== undefined],
    });
  });

  test('#8014: in a secondary all servers of the primary must understand, and all own ones', () => {
    expect(run(federationSupportMachine, [lan], input).value).toBe('unknown');
    expect(run(federationSupportMachine, [lan, old], input).value).toBe('unknown');
    expect(run(federationSupportMachine, [lan, wan], input).did).toEqual(['latch']);
    const primary = { datacenter: 'dc2', primaryDatacenter: 'dc2' };
    expect(run(federationSupportMachine, [lan], primary).value).toBe('latched');
  });

  test('#9519: stored records latch it before gossip is complete; once true it stays', () => {
    expect(run(federationSupportMachine, [none], input).value).toBe('unknown');
    const { value, own } = run(federationSupportMachine, [some, old], input);
    expect(value).toBe('latched');
    expect(own).toMatchObject([{ type: 'latch', params: { because: 'records' } }]);
  });
});

describe('flood joiner', () => {
  const JOIN = '0.flood-joiner.joining';
  const input = { datacenter: 'dc1' };
  const view = (names: readonly string[], joinedNow: readonly string[] = []) => ({
    ...membersView(
      'lan',
      names.map((name) => server(name, 'dc1')),
    ),
    changes: joinedNow.map((name) => ({ kind: 'join' as const, member: server(name, 'dc1') })),
  });
  const lan = { type: 'lan-members.changed', view: view(['a', 'b'], ['b']) };
  const quiet = { type: 'lan-members.changed', view: view(['a', 'b']) };
  const wan = { type: 'wan-members.changed', view: membersView('wan', [server('a.dc1', 'dc1')]) };
  const full = {
    type: 'wan-members.changed',
    view: membersView('wan', [server('a.dc1', 'dc1'), server('b.dc1', 'dc1')]),
  };
  const interval = waited('interval', 'flood-joiner.watching');

  test('every state and transition is reachable', () => {
    modelTest(floodJoinerMachine, {
      inputs: [input],
      events: (snapshot: AnyMachineSnapshot) => [
        lan,
        quiet,
        wan,
        full,
        ...(snapshot.matches('joining') ? [done(JOIN), failed(JOIN)] : []),
      ],
      key: ({ lan: a, wan: b }) => [a !== undefined, b?.members.size ?? 0],
    });
  });

  test('a server that joins the LAN is joined to the WAN at once, a quiet view changes nothing', () => {
    expect(run(floodJoinerMachine, [wan, lan], input).value).toEqual({ joining: 'undisturbed' });
    expect(run(floodJoinerMachine, [full, lan, quiet], input).value).toBe('watching');
  });

  test('what is missing still is tried again every minute', () => {
    const { value } = run(floodJoinerMachine, [wan, lan, done(JOIN), interval], input);
    expect(value).toEqual({ joining: 'undisturbed' });
  });

  test('a server that comes during a join is not forgotten', () => {
    const { value } = run(floodJoinerMachine, [wan, lan, lan, full, done(JOIN)], input);
    expect(value).toBe('watching');
    expect(run(floodJoinerMachine, [wan, lan, lan, done(JOIN)], input).value).toEqual({
      joining: 'undisturbed',
    });
  });
});

describe('leader duties', () => {
  const BARRIER = '0.leader-duties.leading.preparing';
  const gained = { type: 'leadership.gained', term: 1 };
  const lost = { type: 'leadership.lost', term: 1 };
  const gaveUp = failed('duties');

  test('every state and transition is reachable', () => {
    modelTest(leaderDutiesMachine, {
      inputs: [{ duties: [] }],
      events: (snapshot: AnyMachineSnapshot) => [
        gained,
        lost,
        ...(snapshot.matches({ leading: 'preparing' }) ? [done(BARRIER), failed(BARRIER)] : []),
        ...(snapshot.matches({ leading: 'working' }) ? [gaveUp] : []),
      ],
    });
  });

  test('#9498: duties that fail never end leadership: they rest and begin again', () => {
    const { value, did } = run(
      leaderDutiesMachine,
      [gained, done(BARRIER), gaveUp, waited('dutiesPause', 'leader-duties.leading.resting')],
      { duties: [] },
    );
    expect(value).toEqual({ leading: 'working' });
    expect(did).toEqual(['announceLeader', 'announceGivenUp']);
  });

  test('duties end with leadership', () => {
    expect(run(leaderDutiesMachine, [gained, done(BARRIER), lost], { duties: [] }).value).toBe(
      'following',
    );
  });
});
