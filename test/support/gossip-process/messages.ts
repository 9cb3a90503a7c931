/** What a member process and the one that started it tell each other over their channel. */

import type { AnswerTo, Question } from '../../../machines/messages.ts';
import type { ReceivedQuery } from '../../../machines/routes/gossip.ts';
import type { Routed } from '../../../machines/routes.ts';
import type { MemberChange, MembersView, UserEvent } from '../../../src/model/member.ts';

/** What an agent may ask its LAN pool. */
export type PoolQuestion = Question<Routed<'agent', 'gossip.lan'>>;
export type PoolAnswer = AnswerTo<Routed<'agent', 'gossip.lan'>>;

/** How a member process is to take part; its timing and versions are those of a serf agent. */
export interface MemberPlan {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly tags?: Readonly<Record<string, string>>;
  /** Base64 key; none: plaintext. */
  readonly encrypt?: string;
  readonly keyRing?: string;
  readonly snapshot?: string;
  /** Whether it tells what it hears as it hears it, not only when asked for a report. */
  readonly tells?: 'at once';
}

/** What a member has seen since it started. */
export interface MemberReport {
  readonly view: MembersView | null;
  readonly changes: readonly MemberChange[];
  readonly events: readonly UserEvent[];
  readonly queries: readonly ReceivedQuery[];
}

/** What has just happened in the pool, as one member has seen it. */
export type Heard =
  | { readonly type: 'changes'; readonly changes: readonly MemberChange[] }
  | { readonly type: 'events'; readonly events: readonly UserEvent[] }
  | { readonly type: 'queries'; readonly queries: readonly ReceivedQuery[] };

/** From the starter: a question for the pool, or for what the member has seen. */
export type Order =
  | { readonly id: number; readonly ask: PoolQuestion }
  | { readonly id: number; readonly report: true };

/** From the member: that it is there, what it hears, and answers. */
export type Notice =
  | { readonly ready: true }
  | { readonly failed: string }
  | { readonly heard: Heard }
  | { readonly id: number; readonly answer: PoolAnswer | MemberReport }
  | { readonly id: number; readonly refusal: string };
