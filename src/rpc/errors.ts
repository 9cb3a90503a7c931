/**
 * Texts of the RPC layer. Peers and clients compare them by substring across hops, so they are
 * byte-exact (Consul 1.9).
 */

import { CONSENSUS_TEXTS } from '../consensus/consensus.ts';
import { textOf } from '../error-text.ts';

export const NO_LEADER = 'No cluster leader';
export const NO_PATH_TO_DATACENTER = 'No path to datacenter';
export const NO_REMOTE_SERVER = 'Remote DC has no server currently reachable';
export const NO_SERVERS = 'No known Consul servers';

/** Prefix of a call that got no connection; the cause follows. */
export const GETTING_CLIENT = 'rpc error getting client: ';
/** Prefix of a call whose peer answered an error, or whose stream died. */
export const MAKING_CALL = 'rpc error making call: ';
export const FAILED_TO_GET_CONN = 'failed to get conn: ';
export const FAILED_TO_START_STREAM = 'failed to start stream: ';
/** What those get who waited for somebody else's dial that failed. */
export const LEAD_THREAD = "rpc error: lead thread didn't get connection";

/** Ends of a stream that say nothing about the request: a read may be tried again. */
export const STREAM_EOF = 'EOF';
export const STREAM_CLOSED = 'stream closed';
export const SESSION_SHUTDOWN = 'session shutdown';

/** Nobody listens at the server: its process is gone, and nothing of the call has reached it. */
export function wasNeverSent(error: unknown): boolean {
  const text = textOf(error);
  return text.startsWith(GETTING_CLIENT) && text.endsWith('connection refused');
}

/** Whoever was asked does not lead, or hands over just now: it has done nothing, as it promises. */
export function wasNotTaken(error: unknown): boolean {
  const text = textOf(error);
  return (
    text.endsWith(CONSENSUS_TEXTS['not-leader']) ||
    text.endsWith(CONSENSUS_TEXTS['transfer-in-progress'])
  );
}

/** Whether a failed call may be tried again on another server or a little later. */
export function isRetryable(error: unknown, access: 'read' | 'write'): boolean {
  const text = textOf(error);
  if (text.includes(NO_LEADER)) return true;
  if (access === 'write') return false;
  return (
    text === STREAM_EOF ||
    text.endsWith(`: ${STREAM_EOF}`) ||
    text.includes(STREAM_CLOSED) ||
    text.includes(SESSION_SHUTDOWN)
  );
}
