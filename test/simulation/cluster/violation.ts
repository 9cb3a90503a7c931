/** Something that must never happen has happened. */
export class SafetyViolation extends Error {
  override readonly name = 'SafetyViolation';
}
