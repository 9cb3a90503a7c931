/**
 * Runs the checks of this agent: one light runner a check, all on the world's clock. Told which
 * checks there are, it starts what is new, stops what is gone and reports results.
 */

import type { CheckDefinition, LocalCheck, LocalView } from '../../src/local/definitions.ts';
import type { CheckResult } from '../../src/local/state.ts';
import type { TimerId, World } from '../../src/world/world.ts';
import { type ProbeResult, probeHttpCheck, probeTcpCheck } from './check-probes.ts';

/** How often critical checks are looked at whose services are doomed. */
export const REAP_INTERVAL_MS = 30_000;

export interface CheckRunnerDeps {
  readonly world: World;
  /** Roots that HTTPS checks trust. */
  readonly caPem: readonly string[];
  readonly report: (results: readonly CheckResult[]) => void;
  /** The service's check has been critical for too long. */
  readonly doom: (serviceId: string) => void;
}

interface Runner {
  readonly definition: CheckDefinition;
  stop(): void;
  /** Begins the time of a TTL check anew. */
  restart(): void;
}

export class CheckRunner {
  readonly #deps: CheckRunnerDeps;
  readonly #runners = new Map<string, Runner>();
  readonly #criticalSince = new Map<string, number>();
  #view: LocalView | null = null;
  #reaper: TimerId;

  constructor(deps: CheckRunnerDeps) {
    this.#deps = deps;
    this.#reaper = this.#armReaper();
  }

  /** Runs exactly the checks of `view`. Those known before keep running. */
  reconcile(view: LocalView): void {
    const first = this.#view === null;
    this.#view = view;
    for (const [id, runner] of this.#runners) {
      if (view.checks.get(id)?.definition === runner.definition) continue;
      runner.stop();
      this.#runners.delete(id);
    }
    for (const [id, local] of view.checks) {
      this.#noteCritical(id, local);
      if (!this.#runners.has(id)) this.#runners.set(id, this.#start(local, first));
    }
    for (const id of this.#criticalSince.keys()) {
      if (!view.checks.has(id)) this.#criticalSince.delete(id);
    }
  }

  restartTtl(id: string): void {
    this.#runners.get(id)?.restart();
  }

  stop(): void {
    for (const runner of this.#runners.values()) runner.stop();
    this.#runners.clear();
    this.#deps.world.clock.clearTimeout(this.#reaper);
  }

  #noteCritical(id: string, { check }: LocalCheck): void {
    if (check.Status !== 'critical') this.#criticalSince.delete(id);
    else if (!this.#criticalSince.has(id)) {
      this.#criticalSince.set(id, this.#deps.world.clock.monotonic());
    }
  }

  #armReaper(): TimerId {
    return this.#deps.world.clock.setTimeout(() => {
      this.#reap();
      this.#reaper = this.#armReaper();
    }, REAP_INTERVAL_MS);
  }

  #reap(): void {
    const now = this.#deps.world.clock.monotonic();
    const doomed = new Set<string>();
    for (const [id, since] of this.#criticalSince) {
      const definition = this.#view?.checks.get(id)?.definition;
      if (definition === undefined || definition.serviceId === '') continue;
      const afterMs = definition.deregisterServiceAfterMs;
      if (afterMs > 0 && now - since >= afterMs) doomed.add(definition.serviceId);
    }
    for (const id of doomed) this.#deps.doom(id);
  }

  #start({ definition }: LocalCheck, atBoot: boolean): Runner {
    const { run } = definition;
    switch (run.kind) {
      case 'ttl':
        return this.#startTtl(definition, run.ttlMs);
      case 'tcp':
        return this.#startProbe(definition, run.intervalMs, atBoot, () =>
          probeTcpCheck(this.#deps.world, run),
        );
      case 'http':
        return this.#startProbe(definition, run.intervalMs, atBoot, () =>
          probeHttpCheck(this.#deps.world, run, this.#deps.caPem, definition.outputBytesMax),
        );
      case 'alias':
      case 'maintenance':
        return { definition, stop: () => {}, restart: () => {} };
    }
  }

  #startTtl(definition: CheckDefinition, ttlMs: number): Runner {
    const { clock } = this.#deps.world;
    const expire = (): void => {
      const last = this.#view?.checks.get(definition.id)?.check.Output ?? '';
      const output = expiredText(last);
      this.#deps.report([{ id: definition.id, status: 'critical', output }]);
    };
    let timer = clock.setTimeout(expire, ttlMs);
    const stop = (): void => clock.clearTimeout(timer);
    const restart = (): void => {
      stop();
      timer = clock.setTimeout(expire, ttlMs);
    };
    return { definition, stop, restart };
  }

  /** The first run is at once, so that a new service is seen soon; at boot they are spread. */
  #startProbe(
    definition: CheckDefinition,
    intervalMs: number,
    atBoot: boolean,
    probe: () => Promise<ProbeResult>,
  ): Runner {
    const { clock, random } = this.#deps.world;
    const threshold = new Threshold(definition);
    let stopped = false;
    const run = async (): Promise<void> => {
      const result = await probe();
      if (stopped) return;
      const status = threshold.take(result.status);
      if (status !== null) {
        this.#deps.report([{ id: definition.id, status, output: result.output }]);
      }
      timer = clock.setTimeout(() => void run(), intervalMs);
    };
    const firstMs = atBoot ? random.float() * intervalMs : 0;
    let timer = clock.setTimeout(() => void run(), firstMs);
    const stop = (): void => {
      stopped = true;
      clock.clearTimeout(timer);
    };
    return { definition, stop, restart: () => {} };
  }
}

const EXPIRED = 'TTL expired';

function expiredText(last: string): string {
  if (last === '' || last.startsWith(EXPIRED)) return last === '' ? EXPIRED : last;
  return `${EXPIRED} (last output before timeout follows): ${last}`;
}

/**
 * Counts results in a row. Both counters start full, so that the first result counts at once; a
 * warning counts as a success.
 */
export class Threshold {
  readonly #successes: number;
  readonly #failures: number;
  #good: number;
  #bad: number;

  constructor(
    definition: Pick<CheckDefinition, 'successBeforePassing' | 'failuresBeforeCritical'>,
  ) {
    this.#successes = definition.successBeforePassing;
    this.#failures = definition.failuresBeforeCritical;
    this.#good = this.#successes;
    this.#bad = this.#failures;
  }

  /** The status to report, `null` while there are not enough results of a kind. */
  take(status: ProbeResult['status']): ProbeResult['status'] | null {
    if (status === 'critical') {
      this.#good = 0;
      this.#bad += 1;
      return this.#bad >= this.#failures ? status : null;
    }
    this.#bad = 0;
    this.#good += 1;
    return this.#good >= this.#successes ? status : null;
  }
}
