/**
 * The replicated state machine: applies committed entries to the store, in order, and answers each.
 * The same entries give the same state on every server; time and chance have no part in it.
 */

import type { Log } from '../log.ts';
import { Store } from '../store/store.ts';
import type { Effects, StoreError } from '../store/transaction.ts';
import { TxnFailure } from '../store/write/txn.ts';
import { IncompleteError, MalformedError, MsgpackReader } from '../wire/msgpack/reader.ts';
import { ChunkAssembler, decodeChunkInfo } from './chunking.ts';
import { IGNORE_UNKNOWN_FLAG } from './command-types.ts';
import { ChunkedResponse, type CommandResult, commandOf, type FsmResponse } from './commands.ts';
import { FatalCommandError } from './errors.ts';
import { restoreState } from './restore.ts';
import { writeState } from './snapshot.ts';

/** A committed command. */
export interface LogCommand {
  readonly index: number;
  readonly term: number;
  /** Type byte and body. */
  readonly data: Uint8Array;
  /** Says which piece of a command this is; null for a whole one. */
  readonly extensions: Uint8Array | null;
}

export interface AppliedBatch {
  /** One for each entry, in order. */
  readonly responses: readonly FsmResponse[];
  readonly effects: Effects;
}

export class Fsm {
  readonly store: Store;
  readonly #log: Log;
  readonly #chunks = new ChunkAssembler();

  constructor(deps: { readonly log: Log; readonly store?: Store }) {
    this.store = deps.store ?? new Store();
    this.#log = deps.log;
  }

  /**
   * Applies a batch and publishes one view of the result, the state of `throughIndex`. Throws
   * `FatalCommandError` for a command that is not known, or cannot be read, and may not be skipped.
   */
  apply(entries: readonly LogCommand[], throughIndex = 0): AppliedBatch {
    const responses = entries.map((entry) => this.#applyEntry(entry));
    return { responses, effects: this.store.publish(throughIndex) };
  }

  /**
   * Back to nothing: the log, or a snapshot, is about to be applied from its beginning. Readers keep
   * what they see until as much has been applied again.
   */
  reset(): void {
    this.#chunks.restore(new Map());
    this.store.startOver();
  }

  /** What has been applied, as state.bin in slices; later commands do not show in it. */
  freeze(): { readonly index: number; readonly chunks: Generator<Uint8Array> } {
    const view = this.store.applied();
    return { index: view.appliedIndex, chunks: writeState(view, this.#chunks.pending()) };
  }

  /**
   * Replaces the state by what `chunks` encode. Rejects with `DecodeError` and leaves everything as
   * it is when they are no state.
   */
  async restore(chunks: AsyncIterable<Uint8Array>, index: number): Promise<void> {
    const restored = await restoreState(chunks);
    this.#chunks.restore(restored.pendingChunks);
    this.store.replace(restored.store, index);
    if (restored.skippedTypes.size > 0) {
      this.#log.warn('snapshot holds records of a later version, which are left out', {
        types: Object.fromEntries(restored.skippedTypes),
      });
    }
  }

  #applyEntry(entry: LogCommand): FsmResponse {
    if (entry.extensions === null || entry.extensions.length === 0) {
      return this.#applyCommand(entry.index, entry.data);
    }
    const info = decodeChunkInfo(entry.extensions);
    const whole = this.#chunks.add(entry.term, entry.data, info);
    return whole === null ? null : new ChunkedResponse(this.#applyCommand(entry.index, whole));
  }

  #applyCommand(index: number, data: Uint8Array): CommandResult | StoreError {
    const typeByte = data[0];
    if (typeByte === undefined) throw new FatalCommandError(`entry ${index} is an empty command`);
    const command = commandOf(typeByte & ~IGNORE_UNKNOWN_FLAG);
    if (command === undefined) return this.#skipUnknown(index, typeByte);
    const body = this.#decode(index, typeByte, () =>
      command.body.decode(new MsgpackReader(data, 1)),
    );
    const outcome = this.store.apply(index, (tx) => command.apply(tx, body));
    return outcome instanceof TxnFailure ? { Results: null, Errors: outcome.errors } : outcome;
  }

  #decode<T>(index: number, typeByte: number, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof MalformedError) && !(error instanceof IncompleteError)) throw error;
      const text = `entry ${index}: failed to decode a command of type ${typeByte}`;
      throw new FatalCommandError(`${text}: ${error.message}`, { cause: error });
    }
  }

  #skipUnknown(index: number, typeByte: number): null {
    const type = typeByte & ~IGNORE_UNKNOWN_FLAG;
    if (type === typeByte) {
      throw new FatalCommandError(
        `entry ${index}: failed to apply request of unknown type ${type}`,
      );
    }
    this.#log.warn('ignoring unknown command type, upgrade to a newer version', { type, index });
    return null;
  }
}
