/** Reading JSON bodies. */

import { decodeJson, type JsonInput } from '../json/input.ts';
import { JsonDecodeError } from '../json/parse.ts';
import { badRequest, type HttpError, type HttpRequest, prefixedBadRequest } from '../message.ts';

/** Decodes the body; rejects with an HttpError (400). */
export async function decodedBody<T>(http: HttpRequest, input: JsonInput<T>): Promise<T> {
  const body = await http.body();
  return decodedText(body.toString('utf8'), input);
}

/** As `decodedBody`, with the prefix that newer handlers put before their complaints. */
export async function prefixedBody<T>(http: HttpRequest, input: JsonInput<T>): Promise<T> {
  const body = await http.body();
  return decodedText(body.toString('utf8'), input, prefixedBadRequest);
}

export function decodedText<T>(
  text: string,
  input: JsonInput<T>,
  refusal: (text: string) => HttpError = badRequest,
): T {
  try {
    return decodeJson(input, text);
  } catch (error) {
    if (!(error instanceof JsonDecodeError)) throw error;
    throw refusal(`Request decode failed: ${error.message}`);
  }
}
