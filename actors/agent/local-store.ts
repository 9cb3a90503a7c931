/**
 * Services and checks on disk, so that a restarted agent knows what was registered with it: one file
 * each, named by the hash of the id, replaced in one step. What a TTL check was fed with is kept
 * beside it for as long as it holds, so that a restart of the agent makes no service critical.
 */

import { createHash } from 'node:crypto';
import {
  type CheckDefinition,
  EMPTY_LOCAL_VIEW,
  type LocalCheck,
  type LocalService,
  type LocalView,
} from '../../src/local/definitions.ts';
import type { Log } from '../../src/log.ts';
import { HealthCheck } from '../../src/model/health-check.ts';
import type { Clock, Disk } from '../../src/world/world.ts';

interface StoredCheck {
  readonly definition: CheckDefinition;
  readonly status: string;
  readonly output: string;
}

/** What a TTL check was fed with last. */
interface FedState {
  readonly id: string;
  readonly status: string;
  readonly output: string;
  /** Wall clock: when the feeding no longer counts. */
  readonly expiresAtMs: number;
}

export interface LocalStore {
  load(): Promise<LocalView>;
  /** Writes what differs from the last view. Rejects when the disk refuses. */
  save(view: LocalView): Promise<void>;
  /** Writes what a TTL check was fed with. Rejects when the disk refuses. */
  saveFed(check: LocalCheck): Promise<void>;
}

/** Keeps nothing: for agents without a data folder. */
export const forgetfulStore: LocalStore = {
  load: async () => EMPTY_LOCAL_VIEW,
  save: async () => {},
  saveFed: async () => {},
};

export interface LocalStoreDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The agent's data folder. */
  readonly folder: string;
  readonly log: Log;
}

export function createLocalStore(deps: LocalStoreDeps): LocalStore {
  return new FolderStore(deps);
}

class FolderStore implements LocalStore {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #services: string;
  readonly #checks: string;
  readonly #fed: string;
  #saved: LocalView = EMPTY_LOCAL_VIEW;
  #saving: Promise<void> = Promise.resolve();

  constructor({ disk, clock, folder, log }: LocalStoreDeps) {
    this.#disk = disk;
    this.#clock = clock;
    this.#log = log;
    this.#services = `${folder}/services`;
    this.#checks = `${folder}/checks`;
    this.#fed = `${folder}/checks/state`;
  }

  async load(): Promise<LocalView> {
    const services = new Map<string, LocalService>();
    for (const text of await this.#readAll(this.#services)) {
      const service = this.#parse<LocalService>(text);
      if (service !== null) services.set(service.service.ID, service);
    }
    const fed = await this.#loadFed();
    const checks = new Map<string, LocalCheck>();
    for (const text of await this.#readAll(this.#checks)) {
      const stored = this.#parse<StoredCheck>(text);
      if (stored === null) continue;
      const { definition } = stored;
      const { status, output } = fed.get(definition.id) ?? stored;
      const check = HealthCheck.of({ CheckID: definition.id, Status: status, Output: output });
      checks.set(definition.id, { definition, check });
    }
    this.#saved = { services, checks };
    return this.#saved;
  }

  save(view: LocalView): Promise<void> {
    return this.#inTurn(() => this.#write(view));
  }

  saveFed({ definition, check }: LocalCheck): Promise<void> {
    const { run, id } = definition;
    if (run.kind !== 'ttl') throw new Error(`${id} is no TTL check`);
    const expiresAtMs = this.#clock.now() + run.ttlMs;
    const state: FedState = { id, status: check.Status, output: check.Output, expiresAtMs };
    return this.#inTurn(() => this.#writeFed(state));
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const done = this.#saving.then(write);
    this.#saving = done.catch(() => {});
    return done;
  }

  /** By id, without those whose time is over. */
  async #loadFed(): Promise<ReadonlyMap<string, FedState>> {
    const now = this.#clock.now();
    const states = (await this.#readAll(this.#fed)).flatMap((text) => {
      const state = this.#parse<FedState>(text);
      return state === null || state.expiresAtMs <= now ? [] : [state];
    });
    return new Map(states.map((state) => [state.id, state]));
  }

  /** Without a sync, since checks are fed often: a loss of power may cost the latest state. */
  async #writeFed(state: FedState): Promise<void> {
    await this.#disk.makeDirectory(this.#fed);
    const path = pathOf(this.#fed, state.id);
    const file = await this.#disk.open(`${path}.new`, 'create');
    try {
      await file.truncate(0);
      await file.write(0, [Buffer.from(JSON.stringify(state))]);
    } finally {
      await file.close();
    }
    await this.#disk.rename(`${path}.new`, path);
  }

  async #write(view: LocalView): Promise<void> {
    const before = this.#saved;
    for (const [id, service] of view.services) {
      if (before.services.get(id) !== service) await this.#put(this.#services, id, service);
    }
    for (const [id, { definition, check }] of view.checks) {
      if (before.checks.get(id)?.definition === definition) continue;
      const stored: StoredCheck = { definition, status: check.Status, output: check.Output };
      await this.#put(this.#checks, id, stored);
    }
    for (const id of before.services.keys()) {
      if (!view.services.has(id)) await this.#disk.remove(pathOf(this.#services, id));
    }
    for (const id of before.checks.keys()) {
      if (view.checks.has(id)) continue;
      await this.#disk.remove(pathOf(this.#checks, id));
      await this.#disk.remove(pathOf(this.#fed, id));
    }
    this.#saved = view;
  }

  async #put(folder: string, id: string, value: LocalService | StoredCheck): Promise<void> {
    await this.#disk.makeDirectory(folder);
    await this.#disk.writeFileAtomic(pathOf(folder, id), Buffer.from(JSON.stringify(value)));
  }

  async #readAll(folder: string): Promise<readonly string[]> {
    if (!(await this.#disk.exists(folder))) return [];
    const texts: string[] = [];
    for (const name of await this.#disk.list(folder)) {
      if (!name.endsWith('.json')) continue;
      texts.push(Buffer.from(await this.#disk.readFile(`${folder}/${name}`)).toString('utf8'));
    }
    return texts;
  }

  #parse<T>(text: string): T | null {
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      this.#log.warn('ignoring a damaged registration', { error });
      return null;
    }
  }
}

function pathOf(folder: string, id: string): string {
  return `${folder}/${createHash('sha256').update(id).digest('hex')}.json`;
}
