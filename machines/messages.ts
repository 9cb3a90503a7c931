/**
 * Every message that one actor may send to another, by type. The payload types live with the concern
 * that owns them, in `routes/<concern>.ts`; this table gathers them so that `routes.ts` can be
 * checked against it.
 *
 * Facts are named in the past tense (`gateways.changed`), commands in the imperative
 * (`packets.send`). One message carries a batch, never one packet or one log entry.
 */

import type { FederationMessages } from './routes/federation.ts';
import type { GatewayMessages } from './routes/gateway.ts';
import type { GossipMessages } from './routes/gossip.ts';
import type { HttpMessages } from './routes/http.ts';
import type { RaftMessages } from './routes/raft.ts';
import type { RpcMessages } from './routes/rpc.ts';
import type { ServerMessages } from './routes/server.ts';
import type { SupervisionMessages } from './routes/supervision.ts';

export interface Messages
  extends FederationMessages,
    GatewayMessages,
    GossipMessages,
    HttpMessages,
    RaftMessages,
    RpcMessages,
    ServerMessages,
    SupervisionMessages {}

export type MessageType = keyof Messages;

/** A message as an event: its payload with its type. Distributes over a union of types. */
export type Message<T extends MessageType> = T extends MessageType
  ? { readonly type: T } & Messages[T]
  : never;

/**
 * Carried by a question in its field `reply`: whoever receives the question calls one of the two,
 * once. Later calls, and calls after the asker's time limit, change nothing.
 */
export interface Reply<Answer> {
  answer(answer: Answer): void;
  refuse(error: Error): void;
}

/** Types of the messages that are questions. */
export type QuestionType = {
  [T in MessageType]: Messages[T] extends { readonly reply: Reply<never> } ? T : never;
}[MessageType];

/** A question without its `reply`, which `ask` puts in. */
export type Question<T extends MessageType> = T extends MessageType
  ? { readonly type: T } & Omit<Messages[T], 'reply'>
  : never;

/** What a question is answered with. */
export type AnswerTo<T extends MessageType> = Messages[T] extends {
  readonly reply: Reply<infer Answer>;
}
  ? Answer
  : never;
