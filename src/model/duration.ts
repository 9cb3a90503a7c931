/** Go's text form of durations: `1h15m30.918s`. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/** Milliseconds of a Go duration, fractions included; null when it is none. */
export function parseGoDurationMs(text: string): number | null {
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  const body = text.slice(sign.length);
  if (body === '0') return 0;
  let total = 0;
  let consumed = 0;
  for (const [part, amount = '', unit = ''] of body.matchAll(PART)) {
    total += Number(amount) * (UNIT_MS[unit] ?? 0);
    consumed += part.length;
  }
  if (body === '' || consumed !== body.length) return null;
  return sign === '-' ? -total : total;
}
