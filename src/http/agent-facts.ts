/** What the HTTP API needs of the agent it belongs to; the agent implements it. */

import type { HostFacts } from '../agent/host-facts.ts';
import type { LogLine } from '../log.ts';
import type { Coordinate, Member, PoolKind } from '../model/member.ts';
import type { OwnFacts } from './options.ts';

/** A user event as this agent has seen it. */
export interface SeenEvent {
  readonly id: string;
  readonly name: string;
  readonly payload: Uint8Array | null;
  readonly nodeFilter: string;
  readonly serviceFilter: string;
  readonly tagFilter: string;
  readonly version: number;
  readonly ltime: bigint;
}

/** An event to be fired. */
export type FiredEvent = Omit<SeenEvent, 'id' | 'version' | 'ltime'>;

/** `/v1/agent/self`, without what the door knows itself. */
export interface AgentSelf {
  readonly nodeId: string;
  readonly server: boolean;
  /** Runtime settings under Consul's internal names. */
  readonly debugConfig: Readonly<Record<string, DebugValue>>;
  readonly coordinate: Coordinate | null;
  readonly member: Member;
  /** Section → key → text. */
  readonly stats: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly meta: Readonly<Record<string, string>>;
}

export type DebugValue =
  | null
  | boolean
  | number
  | string
  | readonly DebugValue[]
  | { readonly [key: string]: DebugValue };

export interface AgentFacts {
  readonly own: OwnFacts;
  /** DNS domains that this agent answers for, with the trailing dot. */
  readonly domains: readonly string[];
  readonly role: 'server' | 'client';
  /** Token that stands in for a missing one; `''` = anonymous. */
  defaultToken(): string;
  self(): Promise<AgentSelf>;
  host(): Promise<HostFacts>;
  /** Reads along what the agent logs, at all levels. Returns the way to end that. */
  onLog(reader: (line: LogLine) => void): () => void;
  /** Members of a pool; a client agent has no WAN pool: then `[]`. */
  members(pool: PoolKind): readonly Member[];
  /** Rejects, with one error per address in a joined text, when nobody was reached. */
  join(pool: PoolKind, addresses: readonly string[]): Promise<void>;
  /** Leaves both pools; the process ends after that. Resolves when the leave is over. */
  leave(): Promise<void>;
  /** Turns a failed member into a left one, in whatever pool. Rejects when nobody is called so. */
  forceLeave(node: string, how: 'leave' | 'prune'): Promise<void>;
  reload(): Promise<void>;
  /** Events seen, oldest first, at most 256. */
  events(): readonly SeenEvent[];
  /** Calls once when another event was seen. Returns the way to give up. */
  onEvent(seen: () => void): () => void;
  /** Fires an event in the LAN pool of a datacenter; answers its id. */
  fireEvent(datacenter: string, event: FiredEvent, token: string): Promise<string>;
}
