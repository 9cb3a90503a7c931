/** What the reader has chosen; all views follow it. */

export interface Choice {
  /** Row of the tree: a session id, or the place of a child that does not live. */
  row: string | null;
  /** Name of the actor, as on the route table. */
  actor: string | null;
  machine: string | null;
}

export const choice: Choice = { row: null, actor: null, machine: null };
