/**
 * Keeps the gateway registered at its local agent: registers it once it listens, looks again and
 * again whether the agent still knows it (an agent that lost its data directory does not), and takes
 * it out when the process ends in order.
 */

import { setup } from 'xstate';

/** Pause between looks at the agent. */
export const LOOK_AGAIN_MS = 10_000;
/** Pause after a first failure, doubled with each more, up to the limit. */
export const RETRY_FIRST_MS = 250;
export const RETRY_MAX_MS = 2_000;
/** The process does not wait longer than this for the agent when it ends. */
export const DEREGISTER_MAX_MS = 3_000;

export type GatewayRegistrationEvent =
  | { readonly type: 'gateway.opened' }
  | { readonly type: 'registration.written' }
  | { readonly type: 'registration.failed'; readonly error: string }
  | { readonly type: 'registration.found' }
  | { readonly type: 'registration.missing' }
  | { readonly type: 'registration.unknown'; readonly error: string }
  | { readonly type: 'deregistration.ended' }
  | { readonly type: 'shutdown' };

export interface GatewayRegistrationContext {
  /** In a row. */
  readonly failures: number;
}

const s = setup({
  types: {
    context: {} as GatewayRegistrationContext,
    events: {} as GatewayRegistrationEvent,
  },
  actions: {
    register: () => {},
    look: () => {},
    deregister: () => {},
    reportRegistered: () => {},
    reportFailure: (_, _params: { readonly error: string; readonly failures: number }) => {},
    reportLost: () => {},
  },
  delays: {
    lookAgain: LOOK_AGAIN_MS,
    retry: ({ context }) =>
      Math.min(RETRY_FIRST_MS * 2 ** Math.min(context.failures - 1, 10), RETRY_MAX_MS),
    deregisterLimit: DEREGISTER_MAX_MS,
  },
});

interface Moment {
  readonly event: GatewayRegistrationEvent;
  readonly context: GatewayRegistrationContext;
}

const reportFailure = {
  type: 'reportFailure',
  params: ({ event, context }: Moment) => ({
    error: event.type === 'registration.failed' ? event.error : '',
    failures: context.failures,
  }),
} as const;

const countFailure = s.assign(({ context }) => ({ failures: context.failures + 1 }));
const forgetFailures = s.assign(() => ({ failures: 0 }));

export const gatewayRegistrationMachine = s.createMachine({
  id: 'gateway-registration',
  context: { failures: 0 },
  initial: 'waiting',
  states: {
    /** For the gateway to listen. */
    waiting: {
      on: { 'gateway.opened': 'registering', shutdown: 'ended' },
    },
    registering: {
      entry: 'register',
      on: {
        'registration.written': {
          target: 'registered',
          actions: ['reportRegistered', forgetFailures],
        },
        'registration.failed': {
          target: 'pausing',
          actions: [countFailure, reportFailure],
        },
        // The request may still arrive: it is undone.
        shutdown: 'deregistering',
      },
    },
    pausing: {
      after: { retry: 'registering' },
      on: { shutdown: 'deregistering' },
    },
    registered: {
      after: { lookAgain: 'looking' },
      on: {
        // The gateway was started again, perhaps at other addresses.
        'gateway.opened': 'registering',
        shutdown: 'deregistering',
      },
    },
    looking: {
      entry: 'look',
      on: {
        'registration.found': 'registered',
        'registration.missing': { target: 'registering', actions: 'reportLost' },
        // An agent that does not answer may be starting: it is asked again later.
        'registration.unknown': 'registered',
        'gateway.opened': 'registering',
        shutdown: 'deregistering',
      },
    },
    deregistering: {
      entry: 'deregister',
      on: { 'deregistration.ended': 'ended' },
      after: { deregisterLimit: 'ended' },
    },
    ended: { type: 'final' },
  },
  options: { maxIterations: 1000 },
});
