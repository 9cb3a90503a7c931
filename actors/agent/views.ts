/** The latest views of what other actors publish, for those who read synchronously. */

import type { RaftView } from '../../src/consensus/consensus.ts';
import type { MembersView } from '../../src/model/member.ts';

export class AgentViews {
  #lan: MembersView | undefined;
  #wan: MembersView | undefined;
  /** Of the raft node; `undefined` on client agents and before its first word. */
  raft: RaftView | undefined;
  /** Whether this server leads and has applied all that former leaders committed. */
  readyForConsistentReads = false;

  takeMembers(view: MembersView): void {
    if (view.pool === 'lan') this.#lan = view;
    else this.#wan = view;
  }

  get lan(): MembersView | undefined {
    return this.#lan;
  }

  get wan(): MembersView | undefined {
    return this.#wan;
  }
}
