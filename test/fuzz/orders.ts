/** What the fuzzer's threads are told, and what they answer. */

/** Memory that a thread shares with the one that watches it. */
export interface Shared {
  /** How many inputs were begun, and the size of the last one. */
  readonly counter: SharedArrayBuffer;
  /** The input that is being read. */
  readonly input: SharedArrayBuffer;
}

export interface Order {
  readonly decoder: string;
  readonly seconds: number;
  readonly seed: string;
  /** Whether the corpus is to be made small and kept. */
  readonly keep: boolean;
}

export interface Report {
  readonly decoder: string;
  readonly runs: number;
  readonly seconds: number;
  readonly blocks: number;
  /** Inputs of the corpus. */
  readonly corpus: number;
  readonly kept: readonly Uint8Array[];
  readonly finding?: { readonly input: Uint8Array; readonly text: string };
}
