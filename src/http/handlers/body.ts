/** Reading JSON bodies. */

import { decodeJson, type JsonInput } from '../json/input.ts';
import { JsonDecodeError } from '../json/parse.ts';
import { badRequest, type HttpRequest } from '../message.ts';

/** Decodes the body; rejects with an HttpError (400). */
export async function decodedBody<T>(http: HttpRequest, input: JsonInput<T>): Promise<T> {
  const body = await http.body();
  return decodedText(body.toString('utf8'), input);
}

export function decodedText<T>(text: string, input: JsonInput<T>): T {
  try {
    return decodeJson(input, text);
  } catch (error) {
    if (!(error instanceof JsonDecodeError)) throw error;
    throw badRequest(`Request decode failed: ${error.message}`);
  }
}
