/** Goal: a key operation reaches the WAN pool, the own LAN pool and those of other datacenters. */

import { expect, test } from 'vitest';
import { decodeGoBase64 } from '../../src/go-base64.ts';
import { KeyringRequest, KeyringResponse } from '../../src/model/event.ts';
import type { EndpointDeps, KeyAnswers, KeyOrder } from '../../src/rpc/endpoints/deps.ts';
import { keyringEndpoints } from '../../src/rpc/endpoints/keyring.ts';
import type { RpcMethod } from '../../src/rpc/method.ts';

const DONE: KeyAnswers = { messages: {}, keys: {}, primaryKeys: {}, nodes: 3, error: '' };

function serverOf(dc1: Partial<EndpointDeps>) {
  const orders: string[] = [];
  const forwarded: KeyringRequest[] = [];
  const pool = (name: string) => async (order: KeyOrder) => {
    orders.push(`${name} ${order.operation} ${Buffer.from(order.key).toString()}`);
    return DONE;
  };
  const deps = {
    datacenter: 'dc1',
    datacenters: () => ['dc1', 'dc2', 'dc3'],
    keys: { lan: pool('lan'), wan: pool('wan') },
    rpc: {
      async call(method: RpcMethod<KeyringRequest, unknown>, request: KeyringRequest) {
        expect(method.routing?.to).toBe('datacenter');
        forwarded.push(request);
        return { Responses: [KeyringResponse.of({ Datacenter: request.Datacenter })] };
      },
    },
    consensus: { view: () => ({ leading: true, leaderAddress: null, lastContactMs: 0 }) },
    ...dc1,
  } as unknown as EndpointDeps;
  const [served] = keyringEndpoints(deps);
  const ask = async (request: Partial<KeyringRequest>) =>
    (await served?.handle(KeyringRequest.of(request), {
      remote: null,
      signal: new AbortController().signal,
    })) as { Responses: readonly KeyringResponse[] };
  return { ask, orders, forwarded };
}

test('asks the WAN pool, then the LAN pool, then every other datacenter once', async () => {
  const { ask, orders, forwarded } = serverOf({});
  const { Responses } = await ask({ Operation: 'install', Key: 'a2V5', RelayFactor: 2 });
  expect(orders).toEqual(['wan install key', 'lan install key']);
  expect(forwarded.map(({ Datacenter, Forwarded, Key }) => [Datacenter, Forwarded, Key])).toEqual([
    ['dc2', true, 'a2V5'],
    ['dc3', true, 'a2V5'],
  ]);
  expect(Responses.map(({ WAN, Datacenter }) => `${Datacenter} ${WAN}`)).toEqual([
    'dc1 true',
    'dc1 false',
    'dc2 false',
    'dc3 false',
  ]);
});

test('asks only the LAN pool when it was forwarded, is local, or there is no WAN', async () => {
  for (const only of [{ Forwarded: true }, { LocalOnly: true }]) {
    const { ask, orders, forwarded } = serverOf({});
    await ask({ Operation: 'list', ...only });
    expect([orders, forwarded]).toEqual([['lan list '], []]);
  }
  const { ask, forwarded } = serverOf({ keys: { lan: async () => DONE, wan: null } });
  expect((await ask({ Operation: 'list' })).Responses).toHaveLength(1);
  expect(forwarded).toEqual([]);
});

test('a pool that fails is told, what is no operation is refused', async () => {
  const lan = async (): Promise<never> => {
    throw new Error('the pool is being left');
  };
  const { ask } = serverOf({ keys: { lan, wan: null } });
  const [failed] = (await ask({ Operation: 'list' })).Responses;
  expect(failed).toMatchObject({ Datacenter: 'dc1', Error: 'the pool is being left' });
  const [bad] = (await ask({ Operation: 'use', Key: '***' })).Responses;
  expect(bad?.Error).toBe('illegal base64 data at input byte 0');
  await expect(ask({ Operation: 'rotate' })).rejects.toThrow('unknown keyring operation "rotate"');
  await expect(ask({ Operation: 'use', LocalOnly: true })).rejects.toThrow(
    'argument error: LocalOnly can only be used for List operations',
  );
});

test('base64 is refused at the place where Go refuses it', () => {
  // Places as Go 1.15's encoding/base64 gives them.
  const places = { xx: 0, 'YWJj*': 4, 'YWJjZA=': 7, 'YWJjZA=x': 6, 'YWJjZA==x': 8, 'a===': 1 };
  for (const [text, at] of Object.entries(places)) {
    const error = `illegal base64 data at input byte ${at}`;
    expect([text, decodeGoBase64(text)]).toEqual([text, { ok: false, error }]);
  }
  expect(decodeGoBase64('YW\nJjZA\r\n==\n')).toMatchObject({ bytes: Buffer.from('abcd') });
});
