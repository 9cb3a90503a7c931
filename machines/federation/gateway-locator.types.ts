/** Messages, context and effects of the gateway locator. */

import type { DirectDialing, GatewayChoices } from '../../src/federation/gateway-choices.ts';
import type { CheckServiceNode } from '../../src/model/catalog.ts';
import type { FederationState } from '../../src/model/federation-state.ts';
import type { Message } from '../messages.ts';

/** What the own store says, whenever any of it changed. */
export interface FederationStatesChanged {
  readonly type: 'federation-states.changed';
  readonly records: readonly FederationState[];
  /** Services of kind mesh-gateway in the own catalog. */
  readonly ownGateways: readonly CheckServiceNode[];
}

export type LocatorEvent =
  | FederationStatesChanged
  | Message<
      | 'fallback.refresh'
      | 'gateway.unreachable'
      | 'leadership.gained'
      | 'leadership.lost'
      | 'raft.changed'
      | 'replication.failed'
      | 'replication.succeeded'
    >;

export interface LocatorInput {
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  readonly directDialing: DirectDialing;
}

/** What is worth telling others, in order. */
export type LocatorNews =
  | { readonly kind: 'choices'; readonly choices: GatewayChoices }
  | { readonly kind: 'learned'; readonly addresses: readonly string[] }
  | { readonly kind: 'ready'; readonly choices: GatewayChoices }
  | { readonly kind: 'locations'; readonly choices: GatewayChoices }
  | { readonly kind: 'fallback'; readonly addresses: readonly string[] }
  | { readonly kind: 'mode'; readonly choices: GatewayChoices }
  | { readonly kind: 'fault'; readonly address: string; readonly fault: GatewayFault };

/** What was last wrong with a gateway. */
export interface GatewayFault {
  readonly error: string;
  readonly count: number;
}

export interface LocatorContext {
  readonly choices: GatewayChoices;
  /** Only a leader replicates, so only a leader knows how the local way fares. */
  readonly leading: boolean;
  /** Fetches in a row that failed; 0 also at the start of leading. */
  readonly failures: number;
  readonly learned: boolean;
  readonly ready: boolean;
  readonly faults: ReadonlyMap<string, GatewayFault>;
  /** Of the last transition; told right after it. */
  readonly news: readonly LocatorNews[];
}
