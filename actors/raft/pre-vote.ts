/**
 * The question whether a peer would vote for us, on a connection of its own: libraries before 1.7
 * close the connection on it, and what else is under way must not suffer.
 */

import type { RaftRequest, RequestPreVoteResponse } from '../../src/wire/raft/messages.ts';
import { encodeRequest } from '../../src/wire/raft/transport.ts';
import { ClosedByPeer, Lane, type LaneOptions } from './lane.ts';

/** What a library answers whose transport knows the question, and whose node does not. */
const UNEXPECTED_COMMAND = 'unexpected command';

export interface PreVote {
  /** Nobody wants to know any more. */
  cancel(): void;
}

/**
 * Asks once. `told` gets the answer; `undefined` from a peer that does not know the question, which
 * has been reached all the same.
 */
export function askPreVote(
  options: LaneOptions,
  { term, request }: { readonly term: number; readonly request: RaftRequest },
  told: (response: RequestPreVoteResponse | undefined) => void,
  failed: (error: Error) => void,
): PreVote {
  const lane = new Lane(options);
  lane.send({
    rpc: request.rpc,
    term,
    encode: () => encodeRequest(request),
    answered: (body) => {
      lane.close();
      told(body as RequestPreVoteResponse);
    },
    failed: (error) => {
      lane.close();
      if (isUnknown(error)) told(undefined);
      else failed(error);
    },
  });
  return { cancel: () => lane.close() };
}

function isUnknown(error: Error): boolean {
  return error instanceof ClosedByPeer || error.message.includes(UNEXPECTED_COMMAND);
}
