/**
 * What a command of the program is: data for the help texts, and one function. Commands write to an
 * `Output` and answer with an exit code, so that tests run them without a process.
 */

import type { FlagSpec, Flags } from '../flags.ts';

/** Where a command writes and what it may read of its surroundings. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** All of standard input, for the commands that take `-`. */
  readInput(): Promise<Buffer>;
}

export interface Command {
  /** The words that name it: `['kv', 'get']`. */
  readonly path: readonly string[];
  /** One line for the list of commands. */
  readonly synopsis: string;
  /** Arguments behind the flags, for the usage line; '' when there are none. */
  readonly parameters: string;
  readonly flags: readonly FlagSpec[];
  /** Resolves to the exit code. A rejection is printed as `Error: …` and gives 1. */
  run(flags: Flags, terminal: Terminal): Promise<number>;
}

/** A refusal that shows the command's usage after its text. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A refusal whose message is complete: it is printed as it is, exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
