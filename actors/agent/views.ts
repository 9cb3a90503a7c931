/** The latest views of what other actors publish, for those who read synchronously. */

import type { RaftView } from '../../src/consensus/consensus.ts';
import type { CoordinatesView, MembersView } from '../../src/model/member.ts';

export class AgentViews {
  #lan: MembersView | undefined;
  #wan: MembersView | undefined;
  #lanCoordinates: CoordinatesView | undefined;
  #wanCoordinates: CoordinatesView | undefined;
  /** The raft node as it is now; `undefined` on client agents. Cheap. */
  raft: () => RaftView | undefined = () => undefined;
  /** Whether this server leads and has applied all that former leaders committed. */
  readyForConsistentReads = false;

  takeMembers(view: MembersView): void {
    if (view.pool === 'lan') this.#lan = view;
    else this.#wan = view;
  }

  takeCoordinates(view: CoordinatesView): void {
    if (view.pool === 'lan') this.#lanCoordinates = view;
    else this.#wanCoordinates = view;
  }

  get lanCoordinates(): CoordinatesView | undefined {
    return this.#lanCoordinates;
  }

  get wanCoordinates(): CoordinatesView | undefined {
    return this.#wanCoordinates;
  }

  get lan(): MembersView | undefined {
    return this.#lan;
  }

  get wan(): MembersView | undefined {
    return this.#wan;
  }
}
