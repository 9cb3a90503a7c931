/** Log lines that strangers can cause: one a subject and minute, with the count of the silent ones. */

import type { Log, LogFields } from '../log.ts';

const QUIET_MS = 60_000;

/** Subjects that are told apart; when there are more, all further ones share one line. */
const SUBJECTS_MAX = 256;
const OVERFLOW = '(others)';

interface Quiet {
  until: number;
  silenced: number;
}

export class Complaints {
  readonly #log: Log;
  readonly #quiet = new Map<string, Quiet>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `nowMs` is monotonic. */
  warn(text: string, subject: string, fields: LogFields, nowMs: number): void {
    this.#forgetOld(nowMs);
    const known = this.#quiet.has(`${text} ${subject}`);
    const key = known || this.#quiet.size < SUBJECTS_MAX ? `${text} ${subject}` : OVERFLOW;
    const quiet = this.#quiet.get(key);
    if (quiet !== undefined && quiet.until > nowMs) {
      quiet.silenced += 1;
      return;
    }
    const repeated =
      quiet === undefined || quiet.silenced === 0 ? {} : { repeated: quiet.silenced };
    this.#quiet.set(key, { until: nowMs + QUIET_MS, silenced: 0 });
    this.#log.warn(text, { ...fields, ...repeated });
  }

  /** Only when there is no room: a subject that has been quiet for long is forgotten. */
  #forgetOld(nowMs: number): void {
    if (this.#quiet.size < SUBJECTS_MAX) return;
    for (const [key, quiet] of this.#quiet) {
      if (quiet.until + QUIET_MS < nowMs) this.#quiet.delete(key);
    }
  }
}
