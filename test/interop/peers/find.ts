/**
 * Where the programs are that the interop suite runs as peers. What is missing is installed below
 * `.peers`, beside nothing of the system: Debian's packages are unpacked there, our own small Go
 * programs are built there against the modules of the real ones.
 */

import { execFileSync, type StdioOptions, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { skipLoudly } from '../program.ts';

const SOURCES = fileURLToPath(new URL('.', import.meta.url));
const INSTALLED = fileURLToPath(new URL('../.peers/', import.meta.url));
const INSTALL_LIMIT_MS = 600_000;

/** A program that can be run, or why there is none. */
export type Peer = { readonly path: string } | { readonly missing: string };

/** The program of the package: as installed on this machine, else unpacked from Debian's package. */
export function debianPeer(packageName: string, program: string): Peer {
  const installed = onPath(program);
  if (installed !== null) return { path: installed };
  const folder = join(INSTALLED, packageName);
  const path = join(folder, 'usr/bin', program);
  if (existsSync(path)) return { path };
  if (onPath('apt-get') === null) return { missing: `${program} is not here, nor is apt-get` };
  return attempt(path, () => {
    mkdirSync(folder, { recursive: true });
    try {
      run('apt-get', ['download', packageName], folder);
    } catch {
      run('apt-get', ['update'], folder);
      run('apt-get', ['download', packageName], folder);
    }
    const archive = readdirSync(folder).find((file) => file.endsWith('.deb'));
    run('dpkg-deb', ['-x', archive ?? `${packageName}.deb`, folder], folder);
  });
}

/**
 * Our program in `peers/NAME`, a Go module of its own, built when Go is present. A `variant` is the
 * same program with its build tag, on the modules of `VARIANT.mod`.
 */
export function goPeer(name: string, variant?: string): Peer {
  if (onPath('go') === null) return { missing: 'Go is not installed' };
  const path = join(INSTALLED, variant === undefined ? name : `${name}-${variant}`);
  const flags = variant === undefined ? [] : ['-tags', variant, `-modfile=${variant}.mod`];
  return attempt(path, () => run('go', ['build', ...flags, '-o', path, '.'], join(SOURCES, name)));
}

/** The Consul that `CONSUL_BIN` names, or the one on the path. */
export function consulPeer(): Peer {
  const path = process.env['CONSUL_BIN'] ?? onPath('consul');
  if (path === null) return { missing: 'no consul on the PATH or in CONSUL_BIN' };
  if (spawnSync(path, ['version']).status === 0) return { path };
  return { missing: `${path} does not run` };
}

/** The path of a peer, or null after having said aloud that `what` is not proved. */
export function pathOr(what: string, peer: Peer): string | null {
  if ('path' in peer) return peer.path;
  skipLoudly(what, peer.missing);
  return null;
}

function onPath(program: string): string | null {
  const found = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : null;
}

function attempt(path: string, install: () => void): Peer {
  try {
    install();
    return { path };
  } catch (error) {
    return { missing: `installing it failed: ${error instanceof Error ? error.message : error}` };
  }
}

function run(command: string, args: readonly string[], cwd: string): void {
  const stdio: StdioOptions = ['ignore', 'ignore', 'pipe'];
  execFileSync(command, [...args], { cwd, timeout: INSTALL_LIMIT_MS, stdio });
}
