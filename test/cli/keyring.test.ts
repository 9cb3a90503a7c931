/** Goal: `keyring` prints what Consul 1.9.1 was recorded to print, given the same answers. */

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keyringCommand } from '../../src/cli/commands/keyring.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import type { Disk } from '../../src/world/world.ts';
import { createMemoryTerminal, readRecordedRun } from '../support/terminal.ts';

const KEY = 'pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=';
let server: http.Server;
let asked: string[];
let answer: { status: number; body: string };

beforeEach(async () => {
  asked = [];
  server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    asked.push(`${request.method} ${request.url} ${body}`.trim());
    response.writeHead(answer.status);
    response.end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function run(...args: string[]) {
  const { port } = server.address() as AddressInfo;
  const terminal = createMemoryTerminal({ CONSUL_HTTP_ADDR: `127.0.0.1:${port}` });
  const command = keyringCommand({} as Disk);
  const exit = await runCommandLine('mobius', [command], ['keyring', ...args], terminal);
  return { exit, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

const pool = (datacenter: string, wan: boolean, nodes: number) => ({
  WAN: wan,
  Datacenter: datacenter,
  Segment: '',
  Keys: { [KEY]: nodes },
  PrimaryKeys: { [KEY]: nodes },
  NumNodes: nodes,
});

test('lists the keys of all pools', async () => {
  const pools = [pool('dc1', true, 2), pool('dc1', false, 2), pool('dc2', false, 1)];
  answer = { status: 200, body: JSON.stringify(pools) };
  const { exit, stdout, stderr } = readRecordedRun('keyring-list');
  expect(await run('-list')).toEqual({ exit, stdout, stderr });
  expect(asked).toEqual(['GET /v1/operator/keyring']);
});

test('changes keys, and tells what the members answered', async () => {
  answer = { status: 200, body: '' };
  const installed = readRecordedRun('keyring-install');
  expect(await run('-install', KEY, '-relay-factor=2')).toMatchObject({
    exit: installed.exit,
    stdout: installed.stdout,
  });
  const refused = readRecordedRun('keyring-remove-primary');
  const body = /500 \(([\s\S]*)\)\n$/.exec(refused.stderr)?.[1] ?? '';
  answer = { status: 500, body };
  const { exit, stdout, stderr } = refused;
  expect(await run('-remove', KEY)).toEqual({ exit, stdout, stderr });
  expect(asked).toEqual([
    `POST /v1/operator/keyring?relay-factor=2 {"Key":"${KEY}"}`,
    `DELETE /v1/operator/keyring {"Key":"${KEY}"}`,
  ]);
});

test('refuses what cannot be done before it asks', async () => {
  expect(await run()).toMatchObject({ exit: 1 });
  expect(await run('-list', '-use', KEY)).toMatchObject({
    exit: 1,
    stderr: 'Only a single action is allowed\n',
  });
  expect(await run('-use', KEY, '-local-only')).toMatchObject({
    stderr: 'Error validating local-only: local-only can only be set for list requests\n',
  });
  expect(await run('-list', '-relay-factor', '6')).toMatchObject({
    stderr: 'Error parsing relay factor: Relay factor must be in range: [0, 5]\n',
  });
  expect(asked).toEqual([]);
});
