/** The latest messages between the actors of all servers, for whoever has to understand a failure. */

const LINES_MAX = 400;
/** Said so often that nothing is seen for them. */
const DULL = new Set(['raft.changed']);

interface Remembered {
  readonly atMs: number;
  readonly server: string;
  readonly letter: {
    readonly from: string;
    readonly to: string;
    readonly message: { readonly type: string };
  };
}

export class MessageTrace {
  readonly #nowMs: () => number;
  readonly #ring: Remembered[] = [];
  #count = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  delivered(server: string, letter: Remembered['letter']): void {
    if (DULL.has(letter.message.type)) return;
    this.#ring[this.#count % LINES_MAX] = { atMs: this.#nowMs(), server, letter };
    this.#count += 1;
  }

  /** The latest `max` of them, oldest first. */
  lines(max: number): readonly string[] {
    const start = this.#count < LINES_MAX ? 0 : this.#count % LINES_MAX;
    const inOrder = [...this.#ring.slice(start), ...this.#ring.slice(0, start)];
    return inOrder.slice(-max).map(({ atMs, server, letter }) => {
      const { from, to, message } = letter;
      return `${(atMs / 1000).toFixed(3)} s  ${server}  ${from} → ${to}  ${message.type}${detail(message)}`;
    });
  }
}

/** What tells one message of a type from another. */
function detail(message: object): string {
  const facts: string[] = [];
  for (const [key, value] of Object.entries(message)) {
    if (typeof value === 'number' || typeof value === 'string') {
      if (key !== 'type') facts.push(`${key} ${value}`);
    } else if (Array.isArray(value)) facts.push(`${value.length} ${key}`);
  }
  return facts.length === 0 ? '' : `  (${facts.join(', ')})`;
}
