/** A refusal to make or read a certificate or key; the message is complete, for a human. */
export class PkiError extends Error {
  override readonly name = 'PkiError';
}
