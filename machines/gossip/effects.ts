/** What a transition of the pool wants done, as data. */

import type { LogFields, LogLevel } from '../../src/log.ts';
import type { CoordinatesView, MembersView, UserEvent } from '../../src/model/member.ts';
import type { KeyRing } from '../../src/wire/gossip/keyring.ts';
import type { SnapshotLine } from '../../src/wire/gossip/snapshot.ts';
import type { Reply } from '../messages.ts';
import type { GossipPeer, ReceivedQuery } from '../routes/gossip.ts';

/** A packet but for its encryption. */
export interface PlainPacket {
  readonly to: GossipPeer;
  readonly bytes: Uint8Array;
}

/** Key that seals what goes out; null: nothing is sealed. */
export type SealKey = Uint8Array | null;

/** Open a stream, say `bytes`, and report what is answered. */
export interface ExchangeOrder {
  readonly id: number;
  readonly to: GossipPeer;
  readonly timeoutMs: number;
  readonly bytes: Buffer;
}

/** Say `bytes` on a stream that a peer opened, and close it; null: close it only. */
export interface ExchangeAnswer {
  readonly id: number;
  readonly bytes: Buffer | null;
}

/** Addresses of a join to resolve. */
export interface ResolveOrder {
  readonly joinId: number;
  readonly addresses: readonly string[];
}

export interface LogOrder {
  readonly level: LogLevel;
  readonly text: string;
  readonly fields: LogFields;
}

/** An answer to a question, or a refusal. */
export interface ReplyOrder {
  readonly deliver: () => void;
}

/** `reply` answered with `value`, as an order. */
export function answering<T>(reply: Reply<T>, value: T): ReplyOrder {
  return { deliver: () => reply.answer(value) };
}

export function refusing<T>(reply: Reply<T>, text: string): ReplyOrder {
  return { deliver: () => reply.refuse(new Error(text)) };
}

export interface Effects {
  readonly packets: PlainPacket[];
  readonly exchanges: ExchangeOrder[];
  readonly answers: ExchangeAnswer[];
  readonly resolves: ResolveOrder[];
  readonly replies: ReplyOrder[];
  readonly events: UserEvent[];
  readonly queries: ReceivedQuery[];
  readonly snapshot: SnapshotLine[];
  readonly logs: LogOrder[];
  view: MembersView | null;
  coordinates: CoordinatesView | null;
  keyRing: KeyRing | null;
}

export function noEffects(): Effects {
  return {
    packets: [],
    exchanges: [],
    answers: [],
    resolves: [],
    replies: [],
    events: [],
    queries: [],
    snapshot: [],
    logs: [],
    view: null,
    coordinates: null,
    keyRing: null,
  };
}
