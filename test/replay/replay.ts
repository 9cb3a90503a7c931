/**
 * Replays recorded exchanges against a running server, whatever it is: only its address and the
 * values of the recordings' variables are needed.
 */

import type { ExactJson } from '../../src/cli/exact-json.ts';
import { type Answer, sendRequest } from './client.ts';
import { differences } from './compare.ts';
import { parsePath, valueAt } from './paths.ts';
import type { RecordedExchange, RecordedRequest, Recording } from './recording.ts';

/** The server under test. */
export interface Target {
  /** `http://127.0.0.1:8500` */
  readonly baseUrl: string;
  /** `dc`, `node`, `node_id`, `http_port`, `rpc_port`, `serf_lan_port`, `serf_wan_port`, … */
  readonly variables: Readonly<Record<string, string>>;
}

export interface ExchangeResult {
  readonly name: string;
  /** What differs, in words; empty when the exchange matches. */
  readonly differences: readonly string[];
}

export interface FileResult {
  readonly group: string;
  readonly exchanges: readonly ExchangeResult[];
}

const RETRY_PAUSE_MS = 100;
const KIB512 = 'a'.repeat(524_288);

/** Runs all exchanges of a file in order, then its teardown. */
export async function replay(recording: Recording, target: Target): Promise<FileResult> {
  const run = new Run(target);
  const exchanges: ExchangeResult[] = [];
  for (const exchange of recording.exchanges) {
    exchanges.push({ name: exchange.name, differences: await run.exchange(exchange) });
  }
  for (const request of recording.teardown) await run.send(request);
  return { group: recording.group, exchanges };
}

export function passed(result: FileResult): number {
  return result.exchanges.filter((exchange) => exchange.differences.length === 0).length;
}

class Run {
  readonly #target: Target;
  readonly #texts: Map<string, string>;
  readonly #raw = new Map<string, Uint8Array>();

  constructor(target: Target) {
    this.#target = target;
    this.#texts = new Map(Object.entries({ kib512: KIB512, ...target.variables }));
  }

  async exchange(exchange: RecordedExchange): Promise<readonly string[]> {
    try {
      for (const request of exchange.setup) await this.#setUp(request);
      return await this.#attempt(exchange);
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  }

  async #setUp(request: RecordedRequest): Promise<void> {
    const answer = await this.send(request);
    const fine = answer.status >= 200 && answer.status < 300;
    if (!fine && request.any !== true) {
      throw new Error(`setup ${request.method} ${request.path}: ${answer.status} ${answer.body}`);
    }
    this.#capture(request.capture, answer);
    if (request.sleep_ms !== undefined) await pause(request.sleep_ms);
  }

  async #attempt(exchange: RecordedExchange): Promise<readonly string[]> {
    const giveUpAt = performance.now() + (exchange.retry_ms ?? 0);
    for (;;) {
      const found = await this.#once(exchange);
      if (found.length === 0 || performance.now() >= giveUpAt) return found;
      await pause(RETRY_PAUSE_MS);
    }
  }

  async #once(exchange: RecordedExchange): Promise<readonly string[]> {
    const pending = this.send(exchange.request);
    const beside = (exchange.during ?? []).map(async (request) => {
      await pause(request.after_ms ?? 0);
      const answer = await this.send(request);
      this.#capture(request.capture, answer);
    });
    const [answer] = await Promise.all([pending, ...beside]);
    this.#capture(exchange.capture, answer);
    return [
      ...differences(exchange, answer, (text) => this.#expand(text)),
      ...this.#relations(exchange, answer),
      ...timing(exchange, answer),
    ];
  }

  #relations(exchange: RecordedExchange, answer: Answer): string[] {
    const found: string[] = [];
    for (const [left, right] of exchange.equal ?? []) {
      const [a, b] = [this.#resolve(left, answer), this.#resolve(right, answer)];
      if (a !== b) found.push(`${left} = ${a}, ${right} = ${b}: expected to be equal`);
    }
    for (const [left, right] of exchange.greater ?? []) {
      const [a, b] = [this.#resolve(left, answer), this.#resolve(right, answer)];
      if (!(BigInt(a) > BigInt(b))) found.push(`${left} = ${a} is not greater than ${b}`);
    }
    return found;
  }

  send(request: RecordedRequest): Promise<Answer> {
    const headers = Object.entries(request.headers ?? {});
    return sendRequest(this.#target.baseUrl, {
      method: request.method,
      path: this.#expand(request.path),
      headers: Object.fromEntries(headers.map(([name, value]) => [name, this.#expand(value)])),
      body: this.#body(request),
      framing: request.chunked === true ? 'chunked' : 'length',
    });
  }

  #body(request: RecordedRequest): Uint8Array | null {
    if (request.bodyVar !== undefined) return this.#raw.get(request.bodyVar) ?? null;
    if (request.body === undefined) return null;
    if (typeof request.body === 'string') return Buffer.from(this.#expand(request.body));
    return Buffer.from(compact(request.body, (text) => this.#expand(text)));
  }

  #capture(captures: Readonly<Record<string, string>> | undefined, answer: Answer): void {
    for (const [name, from] of Object.entries(captures ?? {})) {
      if (from === 'raw') this.#raw.set(name, answer.body);
      else this.#texts.set(name, this.#resolve(from, answer));
    }
  }

  #resolve(source: string, answer: Answer): string {
    if (source.startsWith('header:')) {
      return answer.headers.get(source.slice('header:'.length).toLowerCase()) ?? '';
    }
    if (source.startsWith('$') && !source.startsWith('${')) {
      const value = answer.json === undefined ? undefined : valueAt(answer.json, parsePath(source));
      return typeof value === 'string' ? value : String(value);
    }
    return this.#expand(source);
  }

  #expand(text: string): string {
    return text.replace(/\$\{(\w+)\}/g, (whole, name: string) => this.#texts.get(name) ?? whole);
  }
}

function timing(exchange: RecordedExchange, answer: Answer): string[] {
  const took = Math.round(answer.tookMs);
  if (exchange.min_ms !== undefined && took < exchange.min_ms) {
    return [`answered after ${took} ms, expected at least ${exchange.min_ms}`];
  }
  if (exchange.max_ms !== undefined && took > exchange.max_ms) {
    return [`answered after ${took} ms, expected at most ${exchange.max_ms}`];
  }
  return [];
}

function compact(value: ExactJson, expand: (text: string) => string): string {
  if (typeof value === 'string') return JSON.stringify(expand(value));
  if (typeof value === 'bigint') return String(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one) => compact(one, expand)).join(',')}]`;
  const entries = Object.entries(value as Readonly<Record<string, ExactJson>>);
  return `{${entries.map(([key, one]) => `${JSON.stringify(expand(key))}:${compact(one, expand)}`).join(',')}}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
