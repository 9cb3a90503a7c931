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
    await context.snapshots.exchange(request, http.chunks());
    return emptyAnswer();
  }
  const { response, archive } = await context.snapshots.exchange(request, NO_ARCHIVE);
  return {
    status: 200,
    headers: { ...metaHeaders(response), 'Content-Type': 'application/x-gzip' },
    body: null,
    chunks: archive,
  };
}
