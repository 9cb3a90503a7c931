/** `/v1/snapshot`: the state of a datacenter as an archive, and back. */

import { SNAPSHOT_RESTORE, SNAPSHOT_SAVE, SnapshotRequest } from '../../model/operator.ts';
import { NO_ARCHIVE } from '../../rpc/snapshots.ts';
import type { HttpContext } from '../context.ts';
import { emptyAnswer, type HttpAnswer, type HttpRequest } from '../message.ts';
import { metaHeaders, readOptions } from '../options.ts';
import { withDefaultToken } from '../read.ts';
import type { Route } from '../router.ts';

export const SNAPSHOT_ROUTES: readonly Route<HttpContext>[] = [
  { path: '/v1/snapshot', methods: ['GET', 'PUT'], handler: snapshot },
];

async function snapshot(http: HttpRequest, context: HttpContext): Promise<HttpAnswer> {
  const read = withDefaultToken(readOptions(http, context.agent.own), context);
  const request = SnapshotRequest.of({
    Datacenter: read.datacenter,
    Token: read.options.Token,
    AllowStale: read.options.AllowStale,
    Op: http.method === 'PUT' ? SNAPSHOT_RESTORE : SNAPSHOT_SAVE,
  });
  if (http.method === 'PUT') {
    await context.snapshots.exchange(request, once(await http.body()));
    return emptyAnswer();
  }
  const { response, archive } = await context.snapshots.exchange(request, NO_ARCHIVE);
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk);
  return {
    status: 200,
    headers: { ...metaHeaders(response), 'Content-Type': 'application/x-gzip' },
    body: Buffer.concat(chunks),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
