/** What the fuzzer knows of a decoder. */

/** One decoder, and what it promises. */
export interface Target {
  readonly name: string;
  /** `stream`: bytes may arrive in any pieces, and every split must give the same outcome. */
  readonly input: 'stream' | 'whole';
  /** Inputs that real programs sent, or as they would send them. */
  seeds(): readonly Uint8Array[];
  /** Pieces of the format that chance would rarely hit upon. */
  readonly tokens: readonly (string | Uint8Array)[];
  /**
   * Reads the input and answers what was understood, refusals included. Whatever it throws is a
   * defect. One piece unless the input is a stream.
   */
  read(pieces: readonly Uint8Array[]): unknown;
  /** Bytes that the outcome may take: `base + perByte × bytes of input`. */
  readonly outcomeBytes: Allowance;
}

export interface Allowance {
  readonly base: number;
  readonly perByte: number;
}

export function allowed(allowance: Allowance, inputBytes: number): number {
  return allowance.base + allowance.perByte * inputBytes;
}

/** Most of what is read is objects over small pieces of input. */
export const OBJECTS: Allowance = { base: 64 * 1024, perByte: 1024 };
/** Bytes that are cut, not understood. */
export const BYTES: Allowance = { base: 4096, perByte: 128 };

/** How an error class says that a refusal was meant. */
export type ErrorClass = abstract new (...args: never[]) => Error;

/** Answers what `read` does, or the text of an error that it declares. Others are rethrown. */
export function declared<T>(
  read: () => T,
  ...classes: readonly ErrorClass[]
): T | { refusal: string } {
  try {
    return read();
  } catch (error) {
    if (classes.some((one) => error instanceof one)) return { refusal: (error as Error).message };
    throw error;
  }
}

/** The same for a promise. */
export async function declaredLater<T>(
  read: () => Promise<T>,
  ...classes: readonly ErrorClass[]
): Promise<T | { refusal: string }> {
  try {
    return await read();
  } catch (error) {
    if (classes.some((one) => error instanceof one)) return { refusal: (error as Error).message };
    throw error;
  }
}

/** A promise of the decoder that does not hold. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

export function must(holds: boolean, promise: string): void {
  if (!holds) throw new Broken(promise);
}

export function whole(pieces: readonly Uint8Array[]): Buffer {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) {
    return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  }
  return Buffer.concat(pieces);
}

export const textBytes = (text: string): Buffer => Buffer.from(text, 'utf8');
