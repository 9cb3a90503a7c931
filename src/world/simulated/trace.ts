/**
 * What happened in a simulation, as one number and, on request, as lines. Two runs of the same seed
 * must have the same number; the lines show where two runs part.
 */

export class Trace {
  readonly #linesMax: number;
  #lines: string[] = [];
  #hash = 0x811c9dc5;

  /** `linesMax` 0 keeps no lines; otherwise the latest so many are kept. */
  constructor(linesMax: number) {
    this.#linesMax = linesMax;
  }

  /** Of everything noted so far, eight hex digits. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  note(atMs: number, what: string, from: string, to: string, content?: Uint8Array): void {
    this.#mixNumber(Math.round(atMs * 1000));
    this.#mixText(what);
    this.#mixText(from);
    this.#mixText(to);
    if (content) this.#mixBytes(content);
    if (this.#linesMax === 0) return;
    const size = content ? ` ${content.length} B` : '';
    this.#lines.push(`${atMs.toFixed(3)} ${what} ${from} → ${to}${size}`);
    if (this.#lines.length > 2 * this.#linesMax) this.#lines = this.#lines.slice(-this.#linesMax);
  }

  #mixNumber(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
    this.#hash = Math.imul(this.#hash ^ (value / 2 ** 32), 0x01000193);
  }

  #mixText(text: string): void {
    let hash = this.#hash;
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
    this.#hash = hash;
  }

  /** The length, and enough of the content to tell two runs apart. */
  #mixBytes(content: Uint8Array): void {
    this.#mixNumber(content.length);
    const looked = Math.min(content.length, 64);
    let hash = this.#hash;
    for (let i = 0; i < looked; i++) hash = Math.imul(hash ^ (content[i] as number), 0x01000193);
    this.#hash = hash;
  }
}
