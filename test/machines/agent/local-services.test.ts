/** Goal: the agent's services reach the catalog, whatever fails on the way. */

import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import {
  type LocalServicesContext,
  type LocalServicesEvent,
  localServicesMachine,
  SERVER_UP_SPREAD_MS,
  syncScale,
} from '../../../machines/agent/local-services.ts';
import { checkDefinition } from '../../../src/local/check-rules.ts';
import {
  type CheckDefinition,
  EMPTY_LOCAL_VIEW,
  type LocalCheck,
  type LocalService,
  type LocalView,
} from '../../../src/local/definitions.ts';
import { isDirty } from '../../../src/local/state.ts';
import type { NodeFacts, SyncWrite } from '../../../src/local/sync.ts';
import { pendingWrites } from '../../../src/local/sync.ts';
import { Node, NodeService } from '../../../src/model/catalog.ts';
import { HealthCheck } from '../../../src/model/health-check.ts';
import type { Member, MembersView } from '../../../src/model/member.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { modelTest } from '../../support/model-test.ts';

const FACTS: NodeFacts = {
  datacenter: 'dc1',
  id: 'id',
  name: 'n1',
  address: '10.0.0.1',
  taggedAddresses: { lan: '10.0.0.1' },
  meta: {},
  token: '',
};
const SYNCED_NODE = Node.of({
  ID: 'id',
  Node: 'n1',
  Address: '10.0.0.1',
  TaggedAddresses: { lan: '10.0.0.1' },
});
const EMPTY_COPY = { node: SYNCED_NODE, services: [], checks: [] };

function service(id: string, port = 1): LocalService {
  const row = NodeService.of({ ID: id, Service: id, Port: port });
  return { service: { ...row, Weights: { Passing: 1, Warning: 1 } }, token: '' };
}

function ttlCheck(id: string, serviceId = ''): CheckDefinition {
  const described = {
    ...{ Name: id, Notes: '', Status: '', ScriptArgs: null, HTTP: '', Header: null, Method: '' },
    ...{ Body: '', TCP: '', Interval: 0, Timeout: 0, TTL: 10e9, DockerContainerID: '', GRPC: '' },
    ...{ TLSSkipVerify: false, AliasNode: '', AliasService: '', SuccessBeforePassing: 0 },
    ...{ FailuresBeforeCritical: 0, DeregisterCriticalServiceAfter: 0, OutputMaxSize: 0 },
  };
  return checkDefinition(described, { id, name: id, serviceId, token: '' });
}

const reply = { answer: () => {}, refuse: () => {} };

function members(kind: 'join' | 'failed', role: string): MembersView {
  const member: Member = {
    name: 's1',
    address: '10.0.0.2',
    port: 8301,
    tags: { role, dc: 'dc1' },
    status: 'alive',
    versions: {
      protocolMin: 1,
      protocolMax: 5,
      protocolCur: 2,
      delegateMin: 2,
      delegateMax: 5,
      delegateCur: 4,
    },
  };
  return {
    pool: 'lan',
    self: 'n1',
    version: 1,
    members: new Map([['s1', member]]),
    changes: [{ kind, member }],
  };
}

const REGISTER: LocalServicesEvent = {
  type: 'local-service.register',
  service: service('web'),
  checks: [ttlCheck('ttl', 'web')],
  others: 'replace',
  reply,
};
const FEED = {
  type: 'local-check.feed',
  id: 'ttl',
  status: 'passing',
  output: 'ok',
  reply,
} as const;

it('reaches every state and transition', () => {
  modelTest(localServicesMachine, {
    inputs: [{ facts: FACTS, restored: EMPTY_LOCAL_VIEW }],
    key: ({ state, revision, tried, fullSync }: LocalServicesContext) => [
      [...state.services.values()].map((entry) => entry.sync),
      [...state.checks.values()].map((entry) => [entry.sync, entry.local?.check.Status]),
      state.nodeSynced,
      revision !== tried,
      fullSync,
    ],
    situationsMax: 4000,
    events: ({ context }) => {
      const { state, facts } = context as LocalServicesContext;
      const written: readonly SyncWrite[] = pendingWrites(state, facts);
      const events: LocalServicesEvent[] = [
        REGISTER,
        { type: 'local-service.deregister', id: 'web', reply },
        { type: 'local-check.register', definition: ttlCheck('ttl', 'web'), reply },
        { type: 'local-check.register', definition: ttlCheck('x', 'nope'), reply },
        { type: 'local-check.deregister', id: 'ttl', reply },
        FEED,
        { ...FEED, id: 'nope' },
        { type: 'checks.resulted', results: [{ id: 'ttl', status: 'critical', output: 'x' }] },
        { type: 'service.doomed', id: 'web' },
        { type: 'outputs.due' },
        { type: 'full-sync.due' },
        { type: 'lan-members.changed', view: members('join', 'consul') },
        { type: 'lan-members.changed', view: members('failed', 'node') },
        { type: 'leader.heard-of', node: 's1' },
        { type: 'remote.read', copy: EMPTY_COPY },
        { type: 'remote.failed', error: new Error('No known Consul servers') },
        { type: 'writes.done', written, error: null },
        { type: 'writes.done', written: [], error: new Error('No cluster leader') },
      ];
      return events;
    },
  });
});

/** Runs the machine with effects recorded, as an actor without a world. */
function start() {
  const writes: (readonly SyncWrite[])[] = [];
  const armed: { afterMs: number; spreadMs: number }[] = [];
  let reads = 0;
  const actor = createActor(
    localServicesMachine.provide({
      actions: {
        readRemote: () => {
          reads += 1;
        },
        write: (_, params) => {
          writes.push(params.writes);
        },
        armFullSync: (_, params) => {
          armed.push(params);
        },
      },
    }),
    { clock: new ManualClock(), input: { facts: FACTS, restored: EMPTY_LOCAL_VIEW } },
  );
  actor.start();
  return { actor, writes, armed, reads: () => reads };
}

describe('anti-entropy', () => {
  it('compares at once, then writes what differs and removes what the agent does not know', () => {
    const { actor, writes, reads } = start();
    expect(reads()).toBe(1);
    actor.send(REGISTER);
    const ghost = NodeService.of({ ID: 'ghost', Service: 'ghost' });
    const consul = NodeService.of({ ID: 'consul', Service: 'consul' });
    const serf = HealthCheck.of({ Node: 'n1', CheckID: 'serfHealth' });
    actor.send({
      type: 'remote.read',
      copy: { node: null, services: [ghost, consul], checks: [serf] },
    });
    const [first] = writes;
    expect(first?.map((write) => write.kind)).toEqual([
      'register',
      'register',
      'deregister service',
    ]);
    expect(first?.[0]?.request).toMatchObject({ Node: 'n1', SkipNodeUpdate: false, Service: null });
    expect(first?.[1]?.request).toMatchObject({
      SkipNodeUpdate: true,
      Service: { ID: 'web' },
      Check: { CheckID: 'ttl', Status: 'critical' },
    });
    expect(first?.[2]?.request).toMatchObject({ ServiceID: 'ghost' });
    actor.send({ type: 'writes.done', written: first ?? [], error: null });
    expect(isDirty(actor.getSnapshot().context.state)).toBe(false);
    expect(actor.getSnapshot().value).toBe('idle');
  });

  it('writes a change that came during a write right after it', () => {
    const { actor, writes } = start();
    actor.send({ type: 'remote.read', copy: EMPTY_COPY });
    actor.send({ type: 'writes.done', written: [], error: null });
    actor.send(REGISTER);
    actor.send(FEED);
    actor.send({ type: 'writes.done', written: writes[1] ?? [], error: null });
    expect(writes[2]?.map((write) => write.request)).toMatchObject([
      { Check: { CheckID: 'ttl', Status: 'passing' } },
    ]);
  });

  it('does not hammer a catalog that refuses: it waits for a change or the next comparison', () => {
    const { actor, writes, armed } = start();
    actor.send({ type: 'remote.read', copy: EMPTY_COPY });
    actor.send({ type: 'writes.done', written: [], error: null });
    expect(armed).toEqual([{ afterMs: 60_000, spreadMs: 60_000 }]);
    actor.send(REGISTER);
    actor.send({ type: 'writes.done', written: [], error: new Error('No cluster leader') });
    expect(writes).toHaveLength(2);
    actor.send({ type: 'full-sync.due' });
    expect(actor.getSnapshot().value).toBe('comparing');
    actor.send({ type: 'remote.failed', error: new Error('No cluster leader') });
    expect(armed.at(-1)).toEqual({ afterMs: 15_000, spreadMs: 15_000 });
  });

  it('lets a changed output wait as long as the status is the same', () => {
    const { actor, writes } = start();
    actor.send(REGISTER);
    actor.send({ type: 'remote.read', copy: EMPTY_COPY });
    actor.send({ type: 'writes.done', written: writes[0] ?? [], error: null });
    actor.send({ ...FEED, status: 'critical', output: 'still bad' });
    expect(actor.getSnapshot().value).toBe('idle');
    actor.send({ type: 'outputs.due' });
    expect(writes.at(-1)?.[0]?.request).toMatchObject({ Check: { Output: 'still bad' } });
  });

  it('compares soon when a server joins or comes to lead', () => {
    const { actor, armed } = start();
    actor.send({ type: 'lan-members.changed', view: members('join', 'consul') });
    actor.send({ type: 'lan-members.changed', view: members('failed', 'consul') });
    actor.send({ type: 'leader.heard-of', node: 's1' });
    const soon = { afterMs: 0, spreadMs: SERVER_UP_SPREAD_MS };
    expect(armed).toEqual([soon, soon]);
  });

  it('slows down in large pools', () => {
    expect([1, 128, 129, 256, 257, 4096].map(syncScale)).toEqual([1, 1, 2, 2, 3, 6]);
  });
});

describe('across restarts', () => {
  it('keeps what a TTL check was fed with before it answers', () => {
    const kept: LocalCheck[] = [];
    const commitFed = (_: unknown, { check }: { readonly check: LocalCheck }) => {
      kept.push(check);
    };
    const actor = createActor(localServicesMachine.provide({ actions: { commitFed } }), {
      clock: new ManualClock(),
      input: { facts: FACTS, restored: EMPTY_LOCAL_VIEW },
    });
    actor.start();
    actor.send(REGISTER);
    actor.send(FEED);
    expect(kept.map(({ check }) => [check.CheckID, check.Status, check.Output])).toEqual([
      ['ttl', 'passing', 'ok'],
    ]);
  });

  it('forgets a service that was removed because it stayed critical', () => {
    const kept: LocalView[] = [];
    const keep = (_: unknown, { view }: { readonly view: LocalView }) => {
      kept.push(view);
    };
    const actor = createActor(localServicesMachine.provide({ actions: { keep } }), {
      clock: new ManualClock(),
      input: { facts: FACTS, restored: EMPTY_LOCAL_VIEW },
    });
    actor.start();
    actor.send(REGISTER);
    actor.send({ type: 'service.doomed', id: 'web' });
    expect(kept.map(({ services, checks }) => [services.size, checks.size])).toEqual([[0, 0]]);
  });
});
