import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tlsCommands } from '../../src/cli/commands/tls.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { createFolderDisk, type FolderDisk } from '../support/folder-disk.ts';
import { createMemoryTerminal, readRecordedRun } from '../support/terminal.ts';

let disk: FolderDisk;
beforeEach(async () => {
  disk = await createFolderDisk();
});
afterEach(() => disk.destroy());

async function run(line: string) {
  const terminal = createMemoryTerminal();
  const world = createNodeWorld();
  const commands = tlsCommands({ ...world, disk });
  const exit = await runCommandLine('consul', commands, line.split(' '), terminal);
  return { exit, stdout: terminal.stdout(), stderr: terminal.stderr() };
}

const WARNING = /^==> WARNING: .*\n.*\n.*\n.*\n/;

describe('tls commands', () => {
  it('answers as the recorded runs did, in their order', async () => {
    const names = [
      'tls-ca-create',
      'tls-ca-create-exists',
      'tls-cert-create-no-args',
      'tls-cert-create-server',
      'tls-cert-create-server-dc2',
      'tls-cert-create-client',
      'tls-cert-create-cli',
    ];
    for (const name of names) {
      const recorded = readRecordedRun(name);
      const line = /consul (tls .*)$/.exec(recorded.command)?.[1] as string;
      const { exit, stdout, stderr } = await run(line);
      const wanted = recorded.stdout.replace(/^\[four lines.*\]\n/, '');
      expect({ name, exit, stdout: stdout.replace(WARNING, ''), stderr: stderr.trim() }).toEqual({
        name,
        exit: recorded.exit,
        stdout: wanted,
        stderr: recorded.stderr.trim(),
      });
      expect(WARNING.test(stdout)).toBe(recorded.stdout.startsWith('[four lines'));
    }
    const files = readRecordedRun('tls-files').stdout.trim().split('\n');
    expect(await disk.list('.')).toEqual(files);
  });

  it('takes the first unused number, and keeps keys from other users', async () => {
    await run('tls ca create');
    await run('tls cert create -client -dc dc3');
    const second = await run('tls cert create -client -dc dc3');
    expect(second.stdout).toContain('==> Saved dc3-client-consul-1.pem\n');
    const key = statSync(join(disk.folder, 'dc3-client-consul-1-key.pem'));
    expect(key.mode & 0o777).toBe(0o600);
    const certificate = statSync(join(disk.folder, 'dc3-client-consul-1.pem'));
    expect(certificate.mode & 0o777).toBe(0o644);
  });

  it('puts the domain into the names of the CA files', async () => {
    await run('tls ca create -domain=lab');
    const { exit, stdout } = await run('tls cert create -cli -domain lab');
    expect(exit).toBe(0);
    expect(stdout).toBe(
      '==> Using lab-agent-ca.pem and lab-agent-ca-key.pem\n' +
        '==> Saved dc1-cli-lab-0.pem\n==> Saved dc1-cli-lab-0-key.pem\n',
    );
  });

  it.each([
    ['tls cert create -server -client', 'Please provide either -server, -client, or -cli'],
    ['tls cert create -client -node a', '-node requires -server'],
    ['tls cert create -server -ca=', 'Please provide the ca'],
    ['tls cert create -server -key=', 'Please provide the key'],
    [
      'tls cert create -server -ca nope.pem',
      'Error reading CA: open nope.pem: no such file or directory',
    ],
    [
      'tls cert create -server -key nope.pem',
      'Error reading CA key: open nope.pem: no such file or directory',
    ],
    ['tls cert create -server -days 0', 'Failed to parse args: -days must be positive, was: 0'],
    ['tls cert create -server -additional-ipaddress 1.2.3', 'invalid IP address "1.2.3"'],
    ['tls ca create -domain b extra', 'Failed to parse args: unexpected arguments: [extra]'],
  ])('refuses `%s` in one line', async (line, text) => {
    await run('tls ca create');
    const { exit, stderr } = await run(line);
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: `${text}\n` });
  });

  it('makes constrained authorities that refuse to sign for other names', async () => {
    await run('tls ca create -name-constraint -additional-name-constraint foo.example');
    const good = await run('tls cert create -client -additional-dnsname a.foo.example');
    expect(good.exit).toBe(0);
    const bad = await run('tls cert create -client -additional-dnsname bar.example');
    expect(bad).toMatchObject({
      exit: 1,
      stderr:
        'x509: a root or intermediate certificate is not authorized to sign for this name: ' +
        'DNS name "bar.example" is not permitted by any constraint\n',
    });
    expect(await disk.list('.')).not.toContain('dc1-client-consul-1.pem');
  });

  it('puts common name and cluster id where asked', async () => {
    await run('tls ca create -common-name=Mine -cluster-id=abc');
    const openssl = spawnSync('openssl', [
      ...['x509', '-noout', '-subject', '-ext', 'subjectAltName'],
      ...['-in', join(disk.folder, 'consul-agent-ca.pem')],
    ]);
    if (openssl.status !== 0) return;
    expect(openssl.stdout.toString()).toMatch(/CN = Mine[\s\S]*URI:spiffe:\/\/abc\.consul/);
  });
});
