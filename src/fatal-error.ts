/**
 * A failure that starting again cannot mend: the same would happen. Every supervisor passes it up
 * at once, unchanged, so that the process ends with its text.
 */
export class FatalError extends Error {
  override readonly name: string = 'FatalError';
}
