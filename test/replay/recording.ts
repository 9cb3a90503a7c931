/** Recorded HTTP exchanges of a real Consul 1.9.1, as they lie in test/vectors/http. */

import { readFileSync } from 'node:fs';
import { type ExactJson, parseJsonExactly } from '../../src/cli/exact-json.ts';

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text is sent as it is, anything else as compact JSON. */
  readonly body?: ExactJson;
  /** Name of a variable that holds the raw bytes to send. */
  readonly bodyVar?: string;
  readonly chunked?: boolean;
  /** Variable name → where its value is taken from: a path, `header:Name` or `raw`. */
  readonly capture?: Readonly<Record<string, string>>;
  /** Pause after a setup request. */
  readonly sleep_ms?: number;
  /** The setup request may fail. */
  readonly any?: boolean;
  /** Sent this long after the main request, while that one is pending. */
  readonly after_ms?: number;
}

export interface RecordedExchange {
  readonly name: string;
  readonly note?: string;
  readonly setup: readonly RecordedRequest[];
  readonly request: RecordedRequest;
  readonly during?: readonly RecordedRequest[];
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: ExactJson;
  };
  /** Places whose value is free; only presence and JSON type count. */
  readonly volatile: readonly string[];
  readonly unordered?: readonly string[];
  readonly capture?: Readonly<Record<string, string>>;
  readonly equal?: readonly (readonly [string, string])[];
  readonly greater?: readonly (readonly [string, string])[];
  readonly min_ms?: number;
  readonly max_ms?: number;
  /** The exchange may be repeated this long until it matches. */
  readonly retry_ms?: number;
}

export interface Recording {
  readonly group: string;
  readonly profile: string;
  readonly about: string;
  readonly exchanges: readonly RecordedExchange[];
  readonly teardown: readonly RecordedRequest[];
}

const FOLDER = new URL('../vectors/http/', import.meta.url);

/** Loads `test/vectors/http/<name>.json`. */
export function loadRecording(name: string): Recording {
  const text = readFileSync(new URL(`${name}.json`, FOLDER), 'utf8');
  return parseJsonExactly(text) as unknown as Recording;
}
