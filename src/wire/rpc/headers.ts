/**
 * Headers of msgpack-RPC. An exchange is a request header and a body, answered by a response header
 * and a body; the four values follow one another without length or separator.
 */

import { encode, str, struct, type TypeOf, u64 } from '../msgpack/schema.ts';

export const RequestHeader = struct({ ServiceMethod: str, Seq: u64 });
export type RequestHeader = TypeOf<typeof RequestHeader>;

export const ResponseHeader = struct({ ServiceMethod: str, Seq: u64, Error: str });
export type ResponseHeader = TypeOf<typeof ResponseHeader>;

/** Body of an error answer, and of a void argument or reply: the empty map. */
export const EMPTY_BODY: Uint8Array = Uint8Array.of(0x80);

/** A whole request or answer in one piece, so that it leaves in as few frames as possible. */
export function encodeRequest(header: RequestHeader, body: Uint8Array): Buffer {
  return Buffer.concat([encode(RequestHeader, header), body]);
}

export function encodeResponse(header: ResponseHeader, body: Uint8Array): Buffer {
  return Buffer.concat([encode(ResponseHeader, header), body]);
}
