/** Go durations: nanoseconds as a number, and their texts (`1m30s`, `500ms`). */

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const NS_PER_MS = 1e6;

/** Each digit can be read in one way only, so that no text takes more than one look at it. */
const TERM = /^(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/;

/** Parses a Go duration to nanoseconds; `null` when it is none. */
export function parseGoDuration(text: string): number | null {
  const sign = text.startsWith('-') ? -1 : 1;
  let rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0;
  if (rest === '') return null;
  let total = 0;
  while (rest !== '') {
    const term = TERM.exec(rest);
    if (term === null) return null;
    total += Number(term[1]) * (UNITS[term[2] as string] as number);
    rest = rest.slice(term[0].length);
  }
  return total > 9.223372036854775e18 ? null : sign * Math.round(total);
}

/** Parses a Go duration to milliseconds, fractions included; `null` when it is none. */
export function parseGoDurationMs(text: string): number | null {
  const nanoseconds = parseGoDuration(text);
  return nanoseconds === null ? null : nanoseconds / NS_PER_MS;
}

/** Why `time.ParseDuration` refuses a text. */
export function durationComplaint(text: string): string {
  const rest = text.replace(/^[+-]/, '');
  const number = /^(\d+(?:\.\d*)?|\.\d+)/.exec(rest);
  if (number === null) return `time: invalid duration ${JSON.stringify(text)}`;
  const unit = /^[^\d.]*/.exec(rest.slice(number[0].length))?.[0] ?? '';
  return unit === ''
    ? `time: missing unit in duration ${JSON.stringify(text)}`
    : `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`;
}

/** Nanoseconds as `time.Duration.String` prints them. */
export function goDurationText(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const sign = nanoseconds < 0 ? '-' : '';
  const ns = Math.abs(nanoseconds);
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${fraction(ns, 3)}µs`;
  if (ns < 1e9) return `${sign}${fraction(ns, 6)}ms`;
  const hours = Math.floor(ns / 3600e9);
  const minutes = Math.floor((ns % 3600e9) / 60e9);
  const seconds = fraction(ns % 60e9, 9);
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  if (minutes > 0) return `${sign}${minutes}m${seconds}s`;
  return `${sign}${seconds}s`;
}

/** `ns` in units of 10^digits ns, without trailing zeros. */
function fraction(ns: number, digits: number): string {
  const unit = 10 ** digits;
  const whole = Math.floor(ns / unit);
  const rest = ns % unit;
  if (rest === 0) return String(whole);
  return `${whole}.${String(rest).padStart(digits, '0').replace(/0+$/, '')}`;
}
