/** Goal: config entries as clients of any version send them. */

import { expect, it } from 'vitest';
import type { HttpContext } from '../../src/http/context.ts';
import { CONFIG_ROUTES } from '../../src/http/handlers/config-entry.ts';
import { RouteTable } from '../../src/http/router.ts';
import { serveRequest } from '../../src/http/serve.ts';
import { type ConfigEntryRequest, configEntryFields } from '../../src/model/config-entry.ts';
import { NO_ARCHIVE } from '../../src/rpc/snapshots.ts';

/** Puts an entry; answers with the status and with what was written. */
async function put(entry: object, query = '') {
  const written: ConfigEntryRequest[] = [];
  const context = {
    agent: { own: { datacenter: 'dc1' }, defaultToken: () => '' },
    rpc: {
      call: async (_: unknown, request: ConfigEntryRequest) => {
        written.push(request);
        return true;
      },
    },
  } as unknown as HttpContext;
  const raw = {
    method: 'PUT',
    target: `/v1/config${query}`,
    headers: {},
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
    closing: new AbortController().signal,
    contentLength: null,
    body: async () => Buffer.from(JSON.stringify(entry)),
    chunks: () => NO_ARCHIVE,
  };
  const table = new RouteTable(CONFIG_ROUTES);
  const { status } = await serveRequest(raw, table, context, { aclDefaultPolicy: 'allow' });
  return { status, fields: written.map(({ Entry }) => configEntryFields(Entry)) };
}

it('takes an entry with the indexes at which a later client read it, and does not heed them', async () => {
  const entry = { Kind: 'service-defaults', Name: 'web', CreateIndex: 7, ModifyIndex: 9 };
  expect(await put(entry)).toMatchObject({
    status: 200,
    fields: [{ Name: 'web', CreateIndex: 0, ModifyIndex: 0 }],
  });
  expect(await put(entry, '?cas=3')).toMatchObject({ fields: [{ ModifyIndex: 3 }] });
});

it('refuses fields that no version has', async () => {
  expect((await put({ Kind: 'service-defaults', Name: 'web', Nope: 1 })).status).toBe(400);
});
