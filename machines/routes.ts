/**
 * The route table: who may send what to whom, and why. Types are derived from it, so that sending
 * what is not on it does not compile; the console and the README's diagram are drawn from it.
 */

import type { AnswerTo, Message, MessageType, Question, QuestionType } from './messages.ts';
import { FEDERATION_ROUTES } from './routes/federation.ts';
import { GATEWAY_ROUTES } from './routes/gateway.ts';
import { GOSSIP_ROUTES } from './routes/gossip.ts';
import { HTTP_ROUTES } from './routes/http.ts';
import { RAFT_ROUTES } from './routes/raft.ts';
import { RPC_ROUTES } from './routes/rpc.ts';
import { SERVER_ROUTES } from './routes/server.ts';
import type { RouteShape } from './routes/shape.ts';
import { SUPERVISION_ROUTES } from './routes/supervision.ts';

export type { RouteShape } from './routes/shape.ts';

export const ROUTES = [
  ...SUPERVISION_ROUTES,
  ...GOSSIP_ROUTES,
  ...RAFT_ROUTES,
  ...SERVER_ROUTES,
  ...RPC_ROUTES,
  ...FEDERATION_ROUTES,
  ...GATEWAY_ROUTES,
  ...HTTP_ROUTES,
] as const satisfies readonly RouteShape[];

export type Route = (typeof ROUTES)[number] & RouteShape;

/** Every name that sends. */
export type SenderName = Route['from'];

/** Every actor name that sends or receives. */
export type ActorName = Route['from'] | Route['to'];

/** Types of the messages that `From` may send to `To`. */
export type Routed<From extends string, To extends string> = Extract<
  Route,
  { from: From; to: To }
>['type'];

/** Receivers that `From` may send to. */
export type Receivers<From extends string> = Extract<Route, { from: From }>['to'];

/** The asking side of one actor: questions that the route table allows. */
export interface Ask<From extends string> {
  /**
   * Sends a question and waits for its answer. Rejects with what the receiver refused with, with an
   * `AskTimeoutError` after `timeoutMs`, and with an `UndeliveredError` when nobody received it.
   */
  ask<To extends Receivers<From>, T extends Routed<From, To> & QuestionType>(
    to: To,
    question: Question<T>,
    options: { readonly timeoutMs: number },
  ): Promise<AnswerTo<T>>;
}

/** The sending side of one actor: only what the route table allows compiles. */
export interface Post<From extends string> extends Ask<From> {
  /** Puts a message into the queue; it is delivered, in order, after the running code has ended. */
  send<To extends Receivers<From>>(to: To, message: Message<Routed<From, To>>): void;
}

/** Names that `From` sends messages of type `T` to. */
export type ReceiversOf<From extends SenderName, T extends MessageType> = Extract<
  (typeof ROUTES)[number],
  { from: From; type: T }
>['to'];

/** Who is sent `type` by `from`, in the order of the table. */
export function receiversOf<From extends SenderName, T extends MessageType>(
  from: From,
  type: T,
): readonly ReceiversOf<From, T>[] {
  const routes: readonly RouteShape[] = ROUTES;
  return routes
    .filter((route) => route.from === from && route.type === type)
    .map((route) => route.to as ReceiversOf<From, T>);
}
