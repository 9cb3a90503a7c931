/** What one line of the route table looks like. */

import type { MessageType } from '../messages.ts';

export interface RouteShape {
  /** Actor name of the sender. */
  readonly from: string;
  readonly type: MessageType;
  /** Actor name of the receiver. */
  readonly to: string;
  /** One line: why this message exists. */
  readonly why: string;
}
