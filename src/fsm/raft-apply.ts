/**
 * The way of a write into the log: encode, submit, wait, look at the answer. This is the only place
 * that looks into a state machine's answer for an error; callers see one rejected promise, whatever
 * went wrong. They return the error, wrapped at most once, or log it; never both.
 */

import type { CommandPiece } from '../consensus/consensus.ts';
import { textOf } from '../error-text.ts';
import type { Log } from '../log.ts';
import type { Codec } from '../wire/msgpack/schema.ts';
import { MsgpackWriter } from '../wire/msgpack/writer.ts';
import type { Random } from '../world/world.ts';
import { CHUNK_BYTES, splitCommand } from './chunking.ts';
import { COMMAND_TYPES, type CommandType, typeByte } from './command-types.ts';
import { ChunkedResponse, type CommandResult } from './commands.ts';

/** A command above this size is worth a warning. */
export const LARGE_ENTRY_BYTES = 1_048_576;

/** Callers try again when an error holds this text. */
export const RESUBMIT_TEXT = 'please resubmit call for rechunking';
const STRANGE_CHUNK_TEXT = 'unknown type of response back from chunking FSM';

/** What is needed of consensus. Answers may be `Error` values: those are answers. */
export interface CommandLog {
  apply(command: Uint8Array): Promise<unknown>;
  /** Puts pieces into the log as neighbours; answers in their order. Absent: nothing is split. */
  applyPieces?(pieces: readonly CommandPiece[]): Promise<readonly unknown[]>;
}

export interface RaftApplyDeps {
  readonly consensus: CommandLog;
  readonly random: Random;
  readonly log: Log;
}

/** Writes one command. Resolves with the answer, which is never an error. */
export type RaftApply = <Request>(
  type: CommandType,
  codec: Codec<Request>,
  request: Request,
) => Promise<CommandResult>;

export function createRaftApply(deps: RaftApplyDeps): RaftApply {
  return async (type, codec, request) => {
    const command = encodeCommand(type, codec, request);
    if (command.length > LARGE_ENTRY_BYTES) {
      deps.log.warn('Attempting to apply large raft entry', { size_in_bytes: command.length });
    }
    const response = await submit(deps, type, command);
    if (response instanceof Error) throw response;
    return response as CommandResult;
  };
}

/** A command as it stands in the log. Throws with `Failed to encode request: …`. */
export function encodeCommand<Request>(
  type: CommandType,
  codec: Codec<Request>,
  request: Request,
): Uint8Array {
  const writer = new MsgpackWriter();
  writer.bytes(Uint8Array.of(typeByte(type)));
  try {
    codec.encode(writer, request);
  } catch (error) {
    const cause = textOf(error);
    throw new Error(`Failed to encode request: ${cause}`, { cause: error });
  }
  return writer.finish();
}

/** Only KV writes go in pieces, so that other commands stay readable to older servers. */
async function submit(
  deps: RaftApplyDeps,
  type: CommandType,
  command: Uint8Array,
): Promise<unknown> {
  const { consensus, random } = deps;
  const split = type === COMMAND_TYPES.KVS && command.length > CHUNK_BYTES;
  if (!split || consensus.applyPieces === undefined) return consensus.apply(command);
  const operation = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
  const responses = await consensus.applyPieces(splitCommand(command, operation));
  const last = responses.at(-1);
  if (last instanceof Error) return last;
  if (last === null || last === undefined) throw new Error(RESUBMIT_TEXT);
  if (!(last instanceof ChunkedResponse)) throw new Error(STRANGE_CHUNK_TEXT);
  return last.response;
}
