/**
 * Services and checks on disk, so that a restarted agent knows what was registered with it: one file
 * each, named by the hash of the id, replaced in one step.
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
import type { Disk } from '../../src/world/world.ts';

interface StoredCheck {
  readonly definition: CheckDefinition;
  readonly status: string;
  readonly output: string;
}

export interface LocalStore {
  load(): Promise<LocalView>;
  /** Writes what differs from the last view. Rejects when the disk refuses. */
  save(view: LocalView): Promise<void>;
}

/** Keeps nothing: for agents without a data folder. */
export const forgetfulStore: LocalStore = {
  load: async () => EMPTY_LOCAL_VIEW,
  save: async () => {},
};

export function createLocalStore(disk: Disk, folder: string, log: Log): LocalStore {
  return new FolderStore(disk, folder, log);
}

class FolderStore implements LocalStore {
  readonly #disk: Disk;
  readonly #log: Log;
  readonly #services: string;
  readonly #checks: string;
  #saved: LocalView = EMPTY_LOCAL_VIEW;
  #saving: Promise<void> = Promise.resolve();

  constructor(disk: Disk, folder: string, log: Log) {
    this.#disk = disk;
    this.#log = log;
    this.#services = `${folder}/services`;
    this.#checks = `${folder}/checks`;
  }

  async load(): Promise<LocalView> {
    const services = new Map<string, LocalService>();
    for (const text of await this.#readAll(this.#services)) {
      const service = this.#parse<LocalService>(text);
      if (service !== null) services.set(service.service.ID, service);
    }
    const checks = new Map<string, LocalCheck>();
    for (const text of await this.#readAll(this.#checks)) {
      const stored = this.#parse<StoredCheck>(text);
      if (stored === null) continue;
      const { definition, status, output } = stored;
      const check = HealthCheck.of({ CheckID: definition.id, Status: status, Output: output });
      checks.set(definition.id, { definition, check });
    }
    this.#saved = { services, checks };
    return this.#saved;
  }

  save(view: LocalView): Promise<void> {
    const done = this.#saving.then(() => this.#write(view));
    this.#saving = done.catch(() => {});
    return done;
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
      if (!view.checks.has(id)) await this.#disk.remove(pathOf(this.#checks, id));
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
