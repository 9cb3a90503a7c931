/**
 * Members of a gossip pool as the rest of the program sees them. The pool's actor owns the table
 * and publishes an immutable view of it with every change; readers keep the latest view.
 */

/** `none` never appears in a view; it is the state of a member only heard of through intents. */
export type MemberStatus = 'alive' | 'leaving' | 'left' | 'failed';

/** Protocol ranges a member understands and what it speaks: memberlist's and serf's ("delegate"). */
export interface MemberVersions {
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCur: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCur: number;
}

export interface Member {
  /** `<node>` in the LAN pool, `<node>.<dc>` in the WAN pool. */
  readonly name: string;
  /** IP address, no brackets. In the WAN pool of a federation it may not be reachable. */
  readonly address: string;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: MemberStatus;
  readonly versions: MemberVersions;
}

export type MemberChangeKind = 'join' | 'update' | 'leave' | 'failed' | 'reap';

export interface MemberChange {
  readonly kind: MemberChangeKind;
  /** The member after the change; for `reap` as it last was. */
  readonly member: Member;
}

export type PoolKind = 'lan' | 'wan';

export interface MembersView {
  readonly pool: PoolKind;
  /** Name of this very node in the pool. */
  readonly self: string;
  /** Grows by one with each view. */
  readonly version: number;
  /** By name, self included, whatever the status. */
  readonly members: ReadonlyMap<string, Member>;
  /** What happened since the view before, in order. */
  readonly changes: readonly MemberChange[];
}

/** A serf user event, delivered at most once. */
export interface UserEvent {
  readonly name: string;
  readonly payload: Uint8Array;
  /** Lamport time of the pool's event clock. */
  readonly ltime: bigint;
  /** Whether listeners may merge it with others of the same name. */
  readonly coalesce: boolean;
}

/** Round trip estimation of a member, in seconds (Vivaldi with height and adjustment). */
export interface Coordinate {
  readonly Adjustment: number;
  readonly Error: number;
  readonly Height: number;
  readonly Vec: readonly number[];
}

/** What a pool knows of where its members are. Published anew at most once a second. */
export interface CoordinatesView {
  readonly pool: PoolKind;
  /** Name of this very node in the pool. */
  readonly self: string;
  readonly own: Coordinate;
  /** By name; only members that have answered a ping with theirs. */
  readonly others: ReadonlyMap<string, Coordinate>;
}

/** Where a member is, `null` when that is not known. */
export function coordinateOf(view: CoordinatesView | undefined, name: string): Coordinate | null {
  if (view === undefined) return null;
  return name === view.self ? view.own : (view.others.get(name) ?? null);
}
