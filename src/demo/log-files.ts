/** What the demo's processes say, one file each, written in batches. */

import type { Disk, DiskFile } from '../world/world.ts';

/** Bytes that wait to be written, each file; beyond, lines are dropped and counted. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

export class LogFiles {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #files = new Map<string, LogFile>();

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  append(id: string, line: string): void {
    let file = this.#files.get(id);
    if (file === undefined) {
      file = new LogFile(this.#disk, `${this.#folder}/${id}.log`);
      this.#files.set(id, file);
    }
    file.append(line);
  }

  /** Resolves when everything is written and closed. */
  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }
}

class LogFile {
  readonly #opened: Promise<DiskFile>;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #offset = 0;
  #writing: Promise<void> | undefined;

  constructor(disk: Disk, path: string) {
    this.#opened = disk.open(path, 'create');
  }

  append(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#waitingBytes + bytes.length > WAITING_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#drain();
  }

  async close(): Promise<void> {
    if (this.#dropped > 0) this.append(`(${this.#dropped} lines were dropped)`);
    await this.#writing;
    await (await this.#opened).close();
  }

  /** Never rejects: a log that cannot be written must not end the demo. */
  async #drain(): Promise<void> {
    try {
      const file = await this.#opened;
      while (this.#waiting.length > 0) {
        const batch = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        await file.write(this.#offset, batch);
        for (const bytes of batch) this.#offset += bytes.length;
      }
    } catch {
      this.#waiting = [];
      this.#waitingBytes = 0;
    } finally {
      this.#writing = undefined;
    }
  }
}
