/** Requests and answers of the HTTP API, free of sockets. */

import type { Query } from './query.ts';

export interface HttpRequest {
  readonly method: string;
  /** Decoded path. */
  readonly path: string;
  readonly query: Query;
  /** Names in lower case; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Peer address without port. */
  readonly remoteAddress: string;
  /** Aborted when the client is gone: blocking queries then end. */
  readonly signal: AbortSignal;
  /** Aborted when the door is about to close: who waits for news answers with what there is. */
  readonly closing: AbortSignal;
  /** Length of the body by its header; `null` when it is chunked or unknown. */
  readonly contentLength: number | null;
  /** Reads the whole body; rejects with an HttpError (413) when it is beyond the limit of the door. */
  body(): Promise<Buffer>;
  /**
   * The body as it comes, of any size, instead of `body`. Rejects when the client is gone before its
   * end. What is not read is passed over.
   */
  chunks(): AsyncIterable<Uint8Array>;
}

/** Sends pieces as they come; those that a slow client does not take are dropped. Returns the end. */
export type AnswerStream = (send: (text: string) => void) => () => void;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Text, bytes, or nothing. */
  readonly body: string | Uint8Array | null;
  /** An answer that goes on until the client leaves; there is no body then. */
  readonly stream?: AnswerStream;
  /** A body that is made while it is sent, at the pace of the client; it is sent as it is. */
  readonly chunks?: AsyncIterable<Uint8Array>;
}

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

export function jsonAnswer(
  text: string,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): HttpAnswer {
  return { status, headers: { 'Content-Type': JSON_TYPE, ...headers }, body: text };
}

/** Plain text; an empty one has no content type, as nothing can be sniffed. */
export function textAnswer(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  if (text === '') return emptyAnswer(status, headers);
  return { status, headers: { 'Content-Type': TEXT_TYPE, ...headers }, body: text };
}

export function emptyAnswer(
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  return { status, headers, body: null };
}

/** Whether an answer may be indented for `?pretty`. */
export function isJson(answer: HttpAnswer): boolean {
  return answer.headers['Content-Type'] === JSON_TYPE;
}

/** An error with a status; the message is the body. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Headers that go with it, e.g. the index headers of a query that already ran. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, text: string, headers: Readonly<Record<string, string>> = {}) {
    super(text);
    this.status = status;
    this.headers = headers;
  }
}

/** 400 in the words of older handlers: no prefix. */
export function badRequest(text: string): HttpError {
  return new HttpError(400, text);
}

/** 400 in the words of newer handlers. */
export function prefixedBadRequest(text: string): HttpError {
  return new HttpError(400, `Bad request: ${text}`);
}
