/** Certificates from files, and what can be wrong with them before anything is dialed. */

import { X509Certificate } from 'node:crypto';
import { textOf } from '../error-text.ts';
import type { Disk } from '../world/world.ts';
import type { TlsMaterial, TlsSettings } from './configurator.ts';

export interface TlsFiles {
  readonly caFile?: string;
  /** Folder whose files are all CA certificates. */
  readonly caPath?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** Reads the files. Rejects with the texts of Consul, the path included. */
export async function loadTlsMaterial(disk: Disk, files: TlsFiles): Promise<TlsMaterial> {
  const caPem = await loadAuthorities(disk, files);
  if (files.certFile === undefined || files.keyFile === undefined) return { caPem };
  try {
    const certPem = await readText(disk, files.certFile);
    const keyPem = await readText(disk, files.keyFile);
    return { caPem, identity: { certPem, keyPem } };
  } catch (error) {
    throw wrapped('Failed to load cert/key pair', error);
  }
}

async function loadAuthorities(disk: Disk, files: TlsFiles): Promise<readonly string[]> {
  if (files.caFile !== undefined) {
    try {
      return [await readText(disk, files.caFile)];
    } catch (error) {
      throw wrapped('Error loading CA File', error);
    }
  }
  if (files.caPath === undefined) return [];
  const folder = files.caPath;
  try {
    const names = await disk.list(folder);
    return await Promise.all(names.map((name) => readText(disk, `${folder}/${name}`)));
  } catch (error) {
    throw wrapped('Error loading CA Path', error);
  }
}

async function readText(disk: Disk, path: string): Promise<string> {
  return Buffer.from(await disk.readFile(path)).toString('utf8');
}

function wrapped(attempt: string, error: unknown): Error {
  const text = textOf(error);
  return new Error(`${attempt}: ${text}`, { cause: error });
}

/** What settings ask for and material does not give, in Consul's words; `undefined` if nothing. */
export function tlsProblem(settings: TlsSettings, material: TlsMaterial): string | undefined {
  const noCa = material.caPem.length === 0;
  if (settings.verifyIncoming || settings.verifyIncomingRpc) {
    if (noCa) return 'VerifyIncoming set, and no CA certificate provided!';
    if (material.identity === undefined) {
      return 'VerifyIncoming set, and no Cert/Key pair provided!';
    }
  }
  if (settings.verifyOutgoing && noCa) {
    return 'VerifyOutgoing set, and no CA certificate provided!';
  }
  return undefined;
}

/**
 * Which of `names` the own certificate does not stand for. A server that federates through gateways
 * needs `<node>.server.<dc>.<domain>`: without it the join succeeds and everything after it fails.
 */
export function namesNotCovered(
  material: TlsMaterial,
  names: readonly string[],
): readonly string[] {
  if (material.identity === undefined) return names;
  const certificate = new X509Certificate(material.identity.certPem);
  return names.filter((name) => certificate.checkHost(name) === undefined);
}
