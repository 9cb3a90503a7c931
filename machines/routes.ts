/**
 * The route table: who may send what to whom, and why. Types are derived from it, so that sending
 * what is not on it does not compile; the console and the README's diagram are drawn from it.
 */

import type { Message, MessageType } from './messages.ts';

interface RouteShape {
  readonly from: string;
  readonly type: MessageType;
  readonly to: string;
  readonly why: string;
}

export const ROUTES = [] as const satisfies readonly RouteShape[];

export type Route = (typeof ROUTES)[number] & RouteShape;

/** Every actor name that sends or receives. */
export type ActorName = Route['from'] | Route['to'];

/** Types of the messages that `From` may send to `To`. */
export type Routed<From extends string, To extends string> = Extract<
  Route,
  { from: From; to: To }
>['type'];

/** Receivers that `From` may send to. */
export type Receivers<From extends string> = Extract<Route, { from: From }>['to'];

/** The sending side of one actor: only what the route table allows compiles. */
export interface Post<From extends string> {
  send<To extends Receivers<From>>(to: To, message: Message<Routed<From, To>>): void;
}
