/** A peer program that takes orders as lines of JSON, and answers and reports in lines of JSON. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const ORDER_LIMIT_MS = 20_000;

/** The answer to an order: a line that bears its id. */
interface Answer {
  readonly ID: number;
  readonly Error: string;
  readonly Value: unknown;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A running peer whose unasked lines are of type `Report`. */
export class LinePeer<Report> {
  /** What the peer has said unasked. */
  readonly reports: Report[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #errors: string[] = [];
  #ids = 0;

  constructor(path: string) {
    const child = spawn(path, [], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    running.add(child);
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
    child.stderr.on('data', (chunk) => this.#errors.push(String(chunk)));
    child.on('error', (error) => this.#end(error.message));
    child.on('close', (code) => this.#end(`the peer ended with ${code}: ${this.#errors.join('')}`));
  }

  /** Resolves with the order's value; rejects with the peer's error or after a while. */
  order<T = null>(verb: string, fields: object = {}): Promise<T> {
    this.#ids += 1;
    const id = this.#ids;
    return new Promise<T>((resolve, reject) => {
      const expire = (): void => {
        this.#waiting.delete(id);
        reject(new Error(`the peer did not carry out ${verb} within ${ORDER_LIMIT_MS} ms`));
      };
      const timer = setTimeout(expire, ORDER_LIMIT_MS);
      this.#waiting.set(id, { resolve: (value) => resolve(value as T), reject, timer });
      this.#child.stdin?.write(`${JSON.stringify({ ...fields, ID: id, Verb: verb })}\n`);
    });
  }

  /** Stops the process where it stands: its sockets stay open and nobody answers. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #take(line: string): void {
    const read = JSON.parse(line) as Answer | Report;
    const waiting = isAnswer(read) ? this.#waiting.get(read.ID) : undefined;
    if (!isAnswer(read)) this.reports.push(read);
    else if (waiting !== undefined) {
      this.#waiting.delete(read.ID);
      clearTimeout(waiting.timer);
      if (read.Error === '') waiting.resolve(read.Value);
      else waiting.reject(new Error(read.Error));
    }
  }

  #end(why: string): void {
    running.delete(this.#child);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Error(why));
    }
    this.#waiting.clear();
  }
}

function isAnswer(line: unknown): line is Answer {
  return typeof line === 'object' && line !== null && 'ID' in line;
}
