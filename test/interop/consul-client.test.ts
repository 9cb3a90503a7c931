/**
 * An unmodified Consul 1.9.1 client agent on one of our servers, gossip encrypted: services with
 * their sidecars, certificates, intentions, central configuration, and keys that change under it.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  killProgram,
  NETWORK,
  type Program,
  skipLoudly,
  startProgram,
  temporaryFolder,
  until,
} from './program.ts';

const CONSUL = process.env['CONSUL_BIN'] ?? '';
const installed = CONSUL !== '' && spawnSync(CONSUL, ['version']).status === 0;
if (!installed) skipLoudly('a real client agent', 'CONSUL_BIN names no consul');

const WAIT_MS = 40_000;
const FIRST_KEY = Buffer.alloc(32, 1).toString('base64');
const SECOND_KEY = Buffer.alloc(32, 2).toString('base64');
const SERVER = `${NETWORK}.61.1`;
const CLIENT = `${NETWORK}.61.2`;
const folder = temporaryFolder();
const clientLog: string[] = [];
let server: Program;
let client: ChildProcess;

function configOf(node: string, address: string, more: object): string {
  const path = join(folder.path, `${node}.json`);
  const config = {
    datacenter: 'dc1',
    node_name: node,
    data_dir: join(folder.path, node),
    bind_addr: address,
    client_addr: address,
    encrypt: FIRST_KEY,
    connect: { enabled: true },
    ...more,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

const base = (address: string): string => `http://${address}:8500`;

async function ask(path: string, body?: object, method = 'PUT'): Promise<unknown> {
  const request = body === undefined ? {} : { method, body: JSON.stringify(body) };
  const answer = await fetch(`${base(CLIENT)}${path}`, request);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** Runs the real program's command against the client agent, or against our server. */
function consul(at: string, ...args: readonly string[]): string {
  const env = { ...process.env, CONSUL_HTTP_ADDR: base(at) };
  const { stdout, stderr } = spawnSync(CONSUL, args, { env, encoding: 'utf8' });
  return stdout + stderr;
}

describe.skipIf(!installed)('a real client agent on our server', () => {
  beforeAll(async () => {
    const settings = { server: true, bootstrap: true, ports: { dns: -1, grpc: -1 } };
    server = startProgram(['agent', '-config-file', configOf('ours', SERVER, settings)]);
    const joining = {
      retry_join: [SERVER],
      retry_interval: '1s',
      ports: { dns: -1, grpc: 8502 },
      disable_update_check: true,
    };
    client = spawn(CONSUL, ['agent', '-config-file', configOf('theirs', CLIENT, joining)]);
    for (const stream of [client.stdout, client.stderr]) {
      stream?.on('data', (chunk: Buffer) => clientLog.push(...String(chunk).split('\n')));
    }
    await until('the client in the catalog', WAIT_MS, async () => {
      const nodes = await ask('/v1/catalog/nodes').catch(() => []);
      return (nodes as readonly unknown[]).length === 2;
    });
  }, WAIT_MS);

  afterAll(async () => {
    client?.kill('SIGKILL');
    if (server !== undefined) await killProgram(server);
    folder.remove();
  });

  it(
    'registers a service with its sidecar, which gets what it needs of our server',
    async () => {
      const Upstreams = [{ DestinationName: 'db', LocalBindPort: 9191 }];
      const Connect = { SidecarService: { Proxy: { Upstreams } } };
      await ask('/v1/agent/service/register', { Name: 'web', Port: 8080, Connect });
      await until('the sidecar in the catalog', WAIT_MS, async () => {
        const found = (await ask('/v1/catalog/connect/web')) as readonly unknown[];
        return found.length === 1;
      });
      await ask('/v1/config', { Kind: 'service-defaults', Name: 'db', Protocol: 'http' });
      await until('the protocol of the upstream', WAIT_MS, async () => {
        const sidecar = await ask('/v1/agent/service/web-sidecar-proxy');
        return JSON.stringify(sidecar).includes('"protocol":"http"');
      });
      expect(await ask('/v1/discovery-chain/db')).toMatchObject({ Chain: { Protocol: 'http' } });
      const wrong = clientLog.filter((line) => /ERROR.*(RPC failed|watch error)/.test(line));
      expect(wrong).toEqual([]);
    },
    WAIT_MS,
  );

  it('has certificates signed by our authority', async () => {
    const leaf = (await ask('/v1/agent/connect/ca/leaf/web')) as { readonly CertPEM: string };
    const { Roots } = (await ask('/v1/agent/connect/ca/roots')) as {
      readonly Roots: readonly { readonly RootCert: string }[];
    };
    const root = new X509Certificate(Roots[0]?.RootCert ?? '');
    expect(new X509Certificate(leaf.CertPEM).verify(root.publicKey)).toBe(true);
  });

  it('writes and reads intentions through our server', async () => {
    expect(consul(CLIENT, 'intention', 'create', '-deny', 'api', 'web')).toBe(
      'Created: api => web (deny)\n',
    );
    expect(consul(CLIENT, 'intention', 'check', 'api', 'web')).toBe('Denied\n');
    expect(consul(CLIENT, 'intention', 'match', 'web')).toBe('api => web (deny)\n');
    const caller = {
      Target: 'web',
      ClientCertURI: 'spiffe://any.consul/ns/default/dc/dc1/svc/api',
      ClientCertSerial: '01',
    };
    await until('the refusal of the caller', WAIT_MS, async () => {
      const answer = await ask('/v1/agent/connect/authorize', caller, 'POST');
      return (answer as { readonly Authorized: boolean }).Authorized === false;
    });
  });

  it(
    'changes the gossip key while all go on',
    async () => {
      for (const action of [
        ['-install', SECOND_KEY],
        ['-use', SECOND_KEY],
        ['-remove', FIRST_KEY],
      ]) {
        expect(consul(SERVER, 'keyring', ...action)).not.toContain('error');
      }
      const listed = consul(SERVER, 'keyring', '-list');
      expect(listed).toContain(`WAN:\n  ${SECOND_KEY} [1/1]`);
      expect(listed).toContain(`dc1 (LAN):\n  ${SECOND_KEY} [2/2]`);
      expect(listed).not.toContain(FIRST_KEY);
      const members = (await ask('/v1/agent/members')) as readonly { readonly Status: number }[];
      expect(members.map(({ Status }) => Status)).toEqual([1, 1]);
    },
    WAIT_MS,
  );
});
