/** Goal: limits of transactions and what the recorded exchanges do not reach. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { KV_VALUE_BYTES_DEFAULT_MAX, TXN_BYTES_DEFAULT_MAX } from '../../src/http/context.ts';
import { DirEntry } from '../../src/model/kv.ts';
import { TxnKVOp, TxnOp, TxnReadRequest } from '../../src/model/txn.ts';
import { TXN_READ } from '../../src/rpc/methods/txn.ts';
import { type Answer, sendRequest } from '../replay/client.ts';
import { type BoxedServer, startBoxedServer } from '../replay/in-process.ts';

let server: BoxedServer;
beforeAll(async () => {
  server = await startBoxedServer();
});
afterAll(() => server.close());

function send(
  path: string,
  body: string,
  framing: 'length' | 'chunked' = 'length',
): Promise<Answer> {
  const bytes = Buffer.from(body);
  return sendRequest(server.target.baseUrl, {
    method: 'PUT',
    path,
    headers: {},
    body: bytes,
    framing,
  });
}

const txn = (ops: unknown): Promise<Answer> => send('/v1/txn', JSON.stringify(ops));

it('refuses a body above the limit, by its header or as it comes', async () => {
  const large = JSON.stringify([{ KV: { Verb: 'set', Key: 'k', Value: 'A'.repeat(600_000) } }]);
  const link = 'See https://www.consul.io/docs/agent/options.html#txn_max_req_len.';
  const known = await send('/v1/txn', large);
  expect([known.status, known.body.toString()]).toEqual([
    413,
    `Request body(${large.length} bytes) too large, max size: ${TXN_BYTES_DEFAULT_MAX} bytes. ${link}`,
  ]);
  const chunked = await send('/v1/txn', large, 'chunked');
  expect([chunked.status, chunked.body.toString()]).toEqual([
    413,
    `Request body too large, max size: ${TXN_BYTES_DEFAULT_MAX} bytes. ${link}`,
  ]);
  expect(KV_VALUE_BYTES_DEFAULT_MAX).toBe(TXN_BYTES_DEFAULT_MAX);
});

it('deletes a session', async () => {
  const { json } = await send('/v1/session/create', '{}');
  const id = (json as { readonly ID: string }).ID;
  const deleted = await txn([{ Session: { Verb: 'delete', Session: { ID: id, Name: 'x' } } }]);
  expect([deleted.status, deleted.json]).toEqual([200, { Results: [], Errors: null }]);
  const info = await sendRequest(server.target.baseUrl, {
    method: 'GET',
    path: `/v1/session/info/${id}`,
    headers: {},
    body: null,
    framing: 'length',
  });
  expect(info.json).toEqual([]);
});

it('reports a lock delay beside the other refusals', async () => {
  const create = async (): Promise<string> =>
    ((await send('/v1/session/create', '{"LockDelay":"60s"}')).json as { readonly ID: string }).ID;
  const [first, second] = [await create(), await create()];
  await txn([{ KV: { Verb: 'lock', Key: 'l', Session: first } }]);
  await send(`/v1/session/destroy/${first}`, '');
  const refused = await txn([
    { KV: { Verb: 'lock', Key: 'l', Session: second } },
    { KV: { Verb: 'set', Key: '' } },
    { Node: { Verb: 'set', Node: { Node: 'n', ID: 'no-uuid' } } },
  ]);
  expect([refused.status, refused.json]).toEqual([
    409,
    {
      Results: null,
      Errors: [
        { OpIndex: 0, What: 'failed to lock key "l" due to lock delay' },
        { OpIndex: 1, What: 'Must provide key' },
        { OpIndex: 2, What: 'Bad node ID: uuid string is wrong length' },
      ],
    },
  ]);
});

it('keeps 64 bits of flags, and all of a proxy', async () => {
  const flags = '18446744073709551615';
  const set = await send('/v1/txn', `[{"KV":{"Verb":"set","Key":"f","Flags":${flags}}}]`);
  expect(set.body.toString()).toContain(`"Flags":${flags}`);
  const proxy = {
    Kind: 'connect-proxy',
    ID: 'p',
    Service: 'p',
    Port: 1,
    Proxy: { DestinationServiceName: 'web' },
  };
  const kept = await txn([
    { Node: { Verb: 'set', Node: { Node: 'pn', Address: '10.9.0.1' } } },
    { Service: { Verb: 'set', Node: 'pn', Service: proxy } },
  ]);
  expect(kept.json).toMatchObject({ Results: [{}, { Service: { Proxy: proxy.Proxy } }] });
});

it('refuses a write that comes as a read over RPC, and goes on with the rest', async () => {
  const op = (Verb: string) =>
    TxnOp.of({ KV: TxnKVOp.of({ Verb, DirEnt: DirEntry.of({ Key: 'none' }) }) });
  const reply = await server.rpc.call(
    TXN_READ,
    TxnReadRequest.of({ Datacenter: 'dc1', Ops: [op('set'), op('get'), TxnOp.of({})] }),
  );
  expect([reply.Results, reply.Errors]).toEqual([
    null,
    [
      { OpIndex: 0, What: 'cannot write in a read-only transaction' },
      { OpIndex: 1, What: `key "none" doesn't exist` },
      { OpIndex: 2, What: 'no operation specified' },
    ],
  ]);
});
