/** Errors of the state machine that are no answers. */

import { FatalError } from '../fatal-error.ts';

/** Bytes in the log or in a snapshot are not what they should be. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/**
 * A committed command cannot be applied. Going on would let this server's state drift from that of
 * the others, so the server has to end.
 */
export class FatalCommandError extends FatalError {
  override readonly name = 'FatalCommandError';
}
