import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { catalogCommands } from '../../src/cli/commands/catalog.ts';
import { clusterCommands } from '../../src/cli/commands/cluster.ts';
import { kvCommands } from '../../src/cli/commands/kv.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import type { Disk } from '../../src/world/world.ts';

// The texts are those that Consul 1.9.1 prints; the server answers as its API does.

const noDisk = {} as Disk;
let server: http.Server;
let address: string;
let answers: Record<string, { status?: number; body: string }>;
let asked: string[];

beforeEach(async () => {
  answers = {};
  asked = [];
  server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const found = answers[`${request.method} ${request.url}`];
    response.writeHead(found?.status ?? (found ? 200 : 404));
    response.end(found?.body ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function run(...args: string[]) {
  let out = '';
  let err = '';
  const code = await runCommandLine(
    'mobius',
    [...kvCommands(noDisk), ...clusterCommands(noDisk), ...catalogCommands(noDisk)],
    args,
    {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      environment: { CONSUL_HTTP_ADDR: address },
      readInput: async () => Buffer.from('from input'),
    },
  );
  return { code, out, err };
}

const PAIR = JSON.stringify([
  {
    LockIndex: 0,
    Key: 'app/flagged',
    Flags: 42,
    Value: 'eA==',
    CreateIndex: 22,
    ModifyIndex: 22,
  },
]);

test('kv get prints the value; -detailed prints the table', async () => {
  answers['GET /v1/kv/app/flagged'] = { body: PAIR };
  expect(await run('kv', 'get', 'app/flagged')).toEqual({ code: 0, out: 'x\n', err: '' });
  const { out } = await run('kv', 'get', '-detailed', 'app/flagged');
  expect(out).toBe(
    'CreateIndex      22\nFlags            42\nKey              app/flagged\n' +
      'LockIndex        0\nModifyIndex      22\nSession          -\nValue            x\n',
  );
});

test('kv get of a missing key says so and exits 1', async () => {
  expect(await run('kv', 'get', 'nothing')).toEqual({
    code: 1,
    out: '',
    err: 'Error! No key exists at: nothing\n',
  });
});

test('kv put reports success, lost check-and-set and a missing key', async () => {
  answers['PUT /v1/kv/app/name'] = { body: 'true' };
  answers['PUT /v1/kv/app/name?cas=1'] = { body: 'false' };
  expect(await run('kv', 'put', 'app/name', 'web')).toMatchObject({
    code: 0,
    out: 'Success! Data written to: app/name\n',
  });
  expect(await run('kv', 'put', '-cas', '-modify-index=1', 'app/name', 'web')).toMatchObject({
    code: 1,
    err: 'Error! Did not write to app/name: CAS failed\n',
  });
  expect(await run('kv', 'put')).toMatchObject({ code: 1, err: 'Error! Missing KEY argument\n' });
});

test('kv export prints tabs and keeps 64-bit flags', async () => {
  answers['GET /v1/kv/app?recurse'] = {
    body: '[{"Key":"app/b64","Flags":18446744073709551615,"Value":"aGVsbG8="}]',
  };
  const { out } = await run('kv', 'export', 'app');
  expect(out).toBe(
    '[\n\t{\n\t\t"key": "app/b64",\n\t\t"flags": 18446744073709551615,\n\t\t"value": "aGVsbG8="\n\t}\n]\n',
  );
});

test('members prints the table of the pool and exits 2 when nobody matches', async () => {
  const member = {
    Name: 'golden1',
    Addr: '127.0.0.1',
    Port: 17403,
    Tags: { role: 'consul', dc: 'dc1', build: '1.9.1:', vsn: '2' },
    Status: 1,
  };
  answers['GET /v1/agent/members?segment=_all'] = { body: JSON.stringify([member]) };
  expect((await run('members')).out).toBe(
    'Node     Address          Status  Type    Build  Protocol  DC   Segment\n' +
      'golden1  127.0.0.1:17403  alive   server  1.9.1  2         dc1  <all>\n',
  );
  expect(await run('members', '-status=failed')).toEqual({ code: 2, out: '', err: '' });
});

test('an agent that is not there is reported in the words of Consul', async () => {
  const { code, err } = await run('members', '-http-addr=127.0.0.1:1');
  expect(code).toBe(1);
  expect(err).toBe(
    'Error retrieving members: Get "http://127.0.0.1:1/v1/agent/members?segment=_all": ' +
      'dial tcp 127.0.0.1:1: connect: connection refused\n',
  );
});

test('an unknown command exits 127, a group without command 1', async () => {
  expect((await run('nope')).code).toBe(127);
  expect((await run('catalog')).code).toBe(1);
});

test('an error of the API carries status and body', async () => {
  answers['DELETE /v1/operator/raft/peer?address=127.0.0.1%3A1'] = {
    status: 500,
    body: 'address "127.0.0.1:1" was not found in the Raft configuration',
  };
  expect(await run('operator', 'raft', 'remove-peer', '-address=127.0.0.1:1')).toMatchObject({
    code: 1,
    err:
      'Error removing peer: Unexpected response code: 500 ' +
      '(address "127.0.0.1:1" was not found in the Raft configuration)\n',
  });
});
