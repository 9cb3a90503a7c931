/**
 * A snapshot connection (type byte 5): one request, for a restore the archive, the client's
 * half-close; one response, for a save the archive, our half-close.
 */

import { textOf } from '../../error-text.ts';
import { SnapshotRequest, SnapshotResponse } from '../../model/operator.ts';
import { encode, tryDecode } from '../../wire/msgpack/schema.ts';
import { ValueSplitter } from '../../wire/rpc/values.ts';
import type { ByteStream } from '../../world/world.ts';
import type { SnapshotCaller } from '../snapshots.ts';
import { StreamBytes } from '../stream-bytes.ts';

/** Bytes of a request. */
const REQUEST_BYTES_MAX = 65_536;

/** Serves one exchange; resolves when the answer is written. Rejects when the peer breaks it off. */
export async function serveSnapshot(stream: ByteStream, snapshots: SnapshotCaller): Promise<void> {
  const bytes = new StreamBytes(stream);
  const incoming = bytes[Symbol.asyncIterator]();
  try {
    const { request, rest } = await readRequest(incoming);
    const archive = following(rest, incoming);
    const reply = await snapshots.exchange(request, archive).catch((error: unknown) => ({
      response: SnapshotResponse.of({ Error: textOf(error) }),
      archive: undefined,
    }));
    await bytes.write(encode(SnapshotResponse, reply.response));
    for await (const chunk of reply.archive ?? []) await bytes.write(chunk);
    bytes.end();
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

async function readRequest(
  incoming: AsyncGenerator<Uint8Array>,
): Promise<{ readonly request: SnapshotRequest; readonly rest: Buffer }> {
  let request: SnapshotRequest | undefined;
  let failure = '';
  const splitter = new ValueSplitter(
    {
      value: (value) => {
        const decoded = tryDecode(SnapshotRequest, value);
        if (decoded.ok) request = decoded.value;
        else failure = decoded.text;
        return false;
      },
      failed: (reason) => {
        failure = reason;
      },
    },
    REQUEST_BYTES_MAX,
  );
  while (request === undefined && failure === '') {
    const next = await incoming.next();
    if (next.done === true) failure = 'EOF';
    else splitter.feed(next.value);
  }
  if (request === undefined) throw new Error(`failed to decode request: ${failure}`);
  return { request, rest: splitter.takeRest() };
}

async function* following(
  rest: Buffer,
  incoming: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (rest.length > 0) yield rest;
  for (;;) {
    const next = await incoming.next();
    if (next.done === true) return;
    yield next.value;
  }
}
