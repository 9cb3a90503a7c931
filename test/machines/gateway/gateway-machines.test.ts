import { describe, expect, it } from 'vitest';
import { createActor, type EventObject } from 'xstate';
import { type GatewayContext, gatewayMachine } from '../../../machines/gateway/gateway.ts';
import {
  type GatewayRegistrationContext,
  gatewayRegistrationMachine,
  RETRY_MAX_MS,
} from '../../../machines/gateway/gateway-registration.ts';
import {
  COALESCE_MS,
  type PartEvent,
  type ProxyWatchContext,
  proxyWatchMachine,
} from '../../../machines/gateway/proxy-watch.ts';
import type { GatewaySnapshot } from '../../../src/gateway/snapshot.ts';
import { gateway, server, snapshot } from '../../support/instances.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { modelTest } from '../../support/model-test.ts';
import { createStepper } from '../../support/step.ts';

/** Events with whatever they carry. */
const all = (...events: readonly Loose[]): readonly EventObject[] => events;
type Loose = { readonly type: string; readonly [field: string]: unknown };

const agentRead: PartEvent = {
  type: 'part.read',
  part: 'agent',
  datacenter: 'dc1',
  domain: 'consul',
};
const serversRead: PartEvent = {
  type: 'part.read',
  part: 'servers',
  servers: [server({ port: 8300 })],
};
const statesRead: PartEvent = {
  type: 'part.read',
  part: 'federation-states',
  gateways: new Map([['dc2', [gateway({ port: 443 })]]]),
};

describe('proxy-watch', () => {
  it('reaches all states and transitions, and publishes nothing that is incomplete', () => {
    modelTest(proxyWatchMachine, {
      inputs: [{ exposesServers: true }, { exposesServers: false }],
      events: [agentRead, serversRead, statesRead, { type: 'shutdown' }],
      key: (context: ProxyWatchContext) => [
        context.exposesServers,
        context.agent !== undefined,
        context.servers !== undefined,
        context.federationGateways !== undefined,
      ],
      invariant: ({ effects }) => {
        for (const effect of effects.filter(({ type }) => type === 'publish')) {
          expect((effect.params as { snapshot?: unknown }).snapshot).toBeDefined();
        }
      },
    });
  });

  it('publishes at once when complete, then changes that come together as one', async () => {
    const published: GatewaySnapshot[] = [];
    const clock = new ManualClock();
    const actor = createActor(
      proxyWatchMachine.provide({
        actions: { publish: (_, { snapshot }) => void (snapshot && published.push(snapshot)) },
      }),
      { clock, input: { exposesServers: true } },
    );
    actor.start();
    actor.send(statesRead);
    actor.send(agentRead);
    expect(published).toEqual([]);
    actor.send(serversRead);
    expect(published).toHaveLength(1);
    actor.send({ ...serversRead, servers: [] });
    actor.send({ ...statesRead, gateways: new Map() });
    await clock.advance(COALESCE_MS - 1);
    expect(published).toHaveLength(1);
    await clock.advance(1);
    expect(published).toHaveLength(2);
    expect(published[1]).toEqual(snapshot());
    actor.send({ type: 'shutdown' });
    expect(actor.getSnapshot().status).toBe('done');
  });
});

const known = { type: 'gateway-snapshot.changed', snapshot: snapshot({ exposesServers: false }) };
const nobody = { type: 'gateway-snapshot.changed', snapshot: snapshot() };
const opened = { type: 'listeners.opened', endpoints: [{ address: '127.0.0.1', port: 8443 }] };

describe('gateway', () => {
  it('reaches all states and transitions', () => {
    modelTest(gatewayMachine, {
      inputs: [{ drainMs: 100 }],
      events: all(
        known,
        nobody,
        opened,
        { type: 'listeners.failed', error: new Error('in use') },
        { type: 'drain.finished' },
        { type: 'shutdown' },
      ),
      key: (context: GatewayContext) => context.endpoints.length,
    });
  });

  it('opens with the first valid picture, announces itself, and drains at the end', () => {
    const stepper = createStepper(gatewayMachine);
    const walk = [nobody, known, opened, nobody, { type: 'shutdown' }, { type: 'drain.finished' }];
    let at = stepper.start({ drainMs: 100 });
    const trace = walk.map((event) => {
      at = stepper.next(at.snapshot, event);
      const effects = at.effects.map(({ type }) => type).filter((type) => !type.includes('xstate'));
      return `${event.type}: ${at.snapshot.value} [${effects.join(' ')}]`;
    });
    expect(trace).toEqual([
      'gateway-snapshot.changed: waiting []',
      'gateway-snapshot.changed: opening [applyRoutes openListeners]',
      'listeners.opened: open [announce]',
      'gateway-snapshot.changed: open [applyRoutes]',
      'shutdown: draining [closeListeners drain]',
      'drain.finished: closed []',
    ]);
  });
});

describe('gateway-registration', () => {
  const events = [
    'gateway.opened',
    'registration.written',
    'registration.found',
    'registration.missing',
    'deregistration.ended',
    'shutdown',
  ].map((type) => ({ type }));

  it('reaches all states and transitions, and registers only what listens', () => {
    modelTest(gatewayRegistrationMachine, {
      events: all(
        ...events,
        { type: 'registration.failed', error: 'x' },
        { type: 'registration.unknown', error: 'x' },
      ),
      key: (context: GatewayRegistrationContext) => Math.min(context.failures, 3),
      invariant: ({ effects, path, event }) => {
        if (effects.some(({ type }) => type === 'register')) {
          expect([...path, event.type]).toContain('gateway.opened');
        }
      },
    });
  });

  it('tries again ever more slowly, and looks after itself once registered', async () => {
    const clock = new ManualClock();
    const done: string[] = [];
    const note = (text: string) => () => void done.push(`${clock.now()} ${text}`);
    const actor = createActor(
      gatewayRegistrationMachine.provide({
        actions: { register: note('register'), look: note('look'), deregister: note('deregister') },
      }),
      { clock },
    );
    actor.start();
    actor.send({ type: 'gateway.opened' });
    for (const pause of [250, 500, 1000, RETRY_MAX_MS, RETRY_MAX_MS]) {
      actor.send({ type: 'registration.failed', error: 'refused' });
      await clock.advance(pause);
    }
    actor.send({ type: 'registration.written' });
    await clock.advance(10_000);
    actor.send({ type: 'registration.unknown', error: 'refused' });
    await clock.advance(10_000);
    actor.send({ type: 'registration.missing' });
    actor.send({ type: 'registration.written' });
    actor.send({ type: 'shutdown' });
    await clock.advance(3_000);
    expect(actor.getSnapshot().status).toBe('done');
    expect(done).toEqual([
      '0 register',
      '250 register',
      '750 register',
      '1750 register',
      '3750 register',
      '5750 register',
      '15750 look',
      '25750 look',
      '25750 register',
      '25750 deregister',
    ]);
  });
});
