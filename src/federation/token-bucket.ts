/** Pacing of loops, as data: a bucket of tokens that fills with time. */

export interface BucketRules {
  /** Tokens a second. */
  readonly rate: number;
  /** Tokens at most. */
  readonly burst: number;
}

export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export function fullBucket(rules: BucketRules): Bucket {
  return { tokens: rules.burst, atMs: 0 };
}

/** Takes one token at `nowMs`; the next one is there after `waitMs`. */
export function takeToken(
  bucket: Bucket,
  rules: BucketRules,
  nowMs: number,
): { readonly bucket: Bucket; readonly waitMs: number } {
  const filled = bucket.tokens + (Math.max(0, nowMs - bucket.atMs) / 1000) * rules.rate;
  const tokens = Math.min(rules.burst, filled) - 1;
  return {
    bucket: { tokens, atMs: nowMs },
    waitMs: tokens >= 1 ? 0 : ((1 - tokens) / rules.rate) * 1000,
  };
}

/** Pause after the n-th failure in a row: doubled each time, up to a limit. */
export function doubledPauseMs(failures: number, firstMs: number, mostMs: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.max(0, failures - 1));
}
