/** Which parts of the program have run, by V8's own counters of blocks. */

import { type Profiler, Session } from 'node:inspector';

/** The program's own code; the rest of what runs here is the fuzzer and libraries. */
const OWN_CODE = /\/(src|actors|machines)\/[^?]*\.ts/;

interface Script {
  readonly covered: Uint8Array;
  readonly scratch: Uint8Array;
}

export class Coverage {
  readonly #session = new Session();
  readonly #scripts = new Map<string, Script>();
  readonly #blocks = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Distinct blocks that have run. */
  get blocks(): number {
    return this.#blocks.size;
  }

  /** Forgets what ran before, e.g. for another decoder. */
  reset(): void {
    this.#take();
    this.#scripts.clear();
    this.#blocks.clear();
  }

  /** Whether something ran since the last time that had never run before; it is not remembered. */
  isFresh(): boolean {
    return this.#take().some((script) => this.#addScript(script, 'look'));
  }

  /** Remembers what has run since the last time; answers whether some of it is new. */
  add(): boolean {
    let fresh = false;
    for (const script of this.#take()) fresh = this.#addScript(script, 'remember') || fresh;
    return fresh;
  }

  close(): void {
    this.#session.disconnect();
  }

  #addScript(script: Profiler.ScriptCoverage, mode: 'look' | 'remember'): boolean {
    const { covered, scratch } = this.#script(script);
    scratch.fill(0);
    // Functions and blocks come from the outside in: what is inside overwrites.
    for (const { ranges } of script.functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        scratch.fill(count > 0 ? 1 : 0, startOffset, endOffset);
        if (count > 0 && mode === 'remember') {
          this.#blocks.add(`${script.scriptId}:${startOffset}:${endOffset}`);
        }
      }
    }
    let fresh = false;
    for (let at = 0; at < scratch.length; at++) {
      if (scratch[at] === 0 || covered[at] === 1) continue;
      if (mode === 'look') return true;
      covered[at] = 1;
      fresh = true;
    }
    return fresh;
  }

  #script({ url, functions }: Profiler.ScriptCoverage): Script {
    const end = Math.max(0, ...functions.flatMap(({ ranges }) => ranges.map((r) => r.endOffset)));
    const known = this.#scripts.get(url);
    if (known !== undefined && known.covered.length >= end) return known;
    const grown = { covered: new Uint8Array(end), scratch: new Uint8Array(end) };
    if (known !== undefined) grown.covered.set(known.covered);
    this.#scripts.set(url, grown);
    return grown;
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    const taken = this.#post(
      'Profiler.takePreciseCoverage',
    ) as Profiler.TakePreciseCoverageReturnType;
    return taken.result.filter(({ url }) => OWN_CODE.test(url) && !url.includes('/test/'));
  }

  /** In its own thread the inspector answers at once. */
  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}
