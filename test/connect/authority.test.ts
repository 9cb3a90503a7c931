/** Goal: roots and intermediates of the mesh are those that Consul 1.9.1 would have made. */

import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type AuthorityDeps,
  foundAuthority,
  signForSecondary,
} from '../../src/connect/authority.ts';
import { createIntermediateRequest } from '../../src/connect/certificates.ts';
import { adoptRoots } from '../../src/connect/secondary.ts';
import { IndexedCARoots } from '../../src/model/connect-ca.ts';
import { caConfiguration, caProviderStates, caRoots } from '../../src/store/index.ts';
import { createNodeRandom } from '../../src/world/node/random.ts';
import { StoreHarness } from '../support/store-harness.ts';

const START_MS = Date.parse('2026-11-23T04:50:09.7Z');
const YEAR_MS = 365 * 86_400_000;
const SETTINGS = { provider: 'consul', config: {} };
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl)
  process.stdout.write('SKIPPED: openssl is not installed, its view is not compared\n');

interface Datacenter {
  readonly harness: StoreHarness;
  readonly deps: AuthorityDeps;
  readonly ops: string[];
  nowMs: number;
}

function datacenter(): Datacenter {
  const harness = new StoreHarness();
  const ops: string[] = [];
  const made: Datacenter = {
    harness,
    ops,
    nowMs: START_MS,
    deps: {
      store: harness.store,
      random: createNodeRandom(),
      clock: {
        now: () => made.nowMs,
        monotonic: () => made.nowMs,
        setTimeout: () => 0,
        clearTimeout: () => {},
      },
      raftApply: async (type, codec, request) => {
        ops.push((request as unknown as { readonly Op: string }).Op);
        const answer = harness.apply(type, codec, request);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
  };
  return made;
}

async function primary(): Promise<Datacenter> {
  const made = datacenter();
  await foundAuthority(made.deps, SETTINGS);
  return made;
}

/** What `ConnectCA.Roots` answers. */
function rootsOf({ harness }: Datacenter): IndexedCARoots {
  const { index, result } = caRoots(harness.view);
  const { ClusterID = '' } = caConfiguration(harness.view).result ?? {};
  return IndexedCARoots.of({
    Index: index,
    Roots: [...result],
    ActiveRootID: result.find((root) => root.Active)?.ID ?? '',
    TrustDomain: `${ClusterID}.consul`,
  });
}

function normalised(pem: string): string {
  return execFileSync('openssl', ['x509', '-noout', '-text'], { input: pem, encoding: 'utf8' })
    .replace(/(Not Before|Not After ): .*/g, '$1')
    .replace(/pub:\n( {20}.*\n)+/, 'pub:\n')
    .replace(/([0-9A-F]{2}:){31}[0-9A-F]{2}/g, 'KEY-ID')
    .replace(/(pri|sec)-[0-9a-z]+\.consul\.ca\.[0-9a-f]{8}\.consul/g, '$1-NAME')
    .replace(/Serial Number: .*/, 'Serial Number')
    .replace(/spiffe:\/\/[-0-9a-f]{36}\.consul/, 'spiffe://ID')
    .replace(/Signature Value:\n[\s\S]*$/, 'Signature Value:\n');
}

function recorded(name: string): string {
  const path = new URL(`../vectors/connect/consul-1.9.1-${name}.pem`, import.meta.url);
  return normalised(readFileSync(path, 'utf8'));
}

describe('the primary', () => {
  it('writes what Consul writes, in its order, once', async () => {
    const dc1 = await primary();
    expect(dc1.ops).toEqual([
      'set-config',
      'set-provider-state',
      'increment-provider-serial',
      'set-provider-state',
      'set-roots',
    ]);
    const [root] = caRoots(dc1.harness.view).result;
    const [state] = caProviderStates(dc1.harness.view).result;
    expect(root).toMatchObject({ Active: true, SerialNumber: 3n, PrivateKeyType: 'ec' });
    expect(root?.RootCert).toBe(state?.RootCert);
    // The ID of a provider with nothing configured, as a recorded snapshot has it.
    expect(state?.ID).toMatch(/^07:80:c8:de:f6:41:86:29:8f:9c:b8:17:d6:48:c2:d5/);
    await foundAuthority(dc1.deps, SETTINGS);
    expect(dc1.ops).toHaveLength(5);
  });

  it('goes on where a former leader was cut off', async () => {
    const dc1 = datacenter();
    let writes = 2;
    const raftApply: AuthorityDeps['raftApply'] = (type, codec, request) => {
      writes -= 1;
      return writes < 0
        ? Promise.reject(new Error('node is not the leader'))
        : dc1.deps.raftApply(type, codec, request);
    };
    await expect(foundAuthority({ ...dc1.deps, raftApply }, SETTINGS)).rejects.toThrow();
    await foundAuthority(dc1.deps, SETTINGS);
    expect(dc1.ops.filter((op) => op === 'set-config')).toHaveLength(1);
    expect(caRoots(dc1.harness.view).result).toHaveLength(1);
  });

  it('signs nothing for another cluster', async () => {
    const dc1 = await primary();
    const { requestPem } = createIntermediateRequest('11111111-1', dc1.deps.random);
    await expect(signForSecondary(dc1.deps, requestPem)).rejects.toThrow(
      /^incoming CSR domain "11111111-1\.consul" is not valid for our domain/,
    );
    await expect(signForSecondary(dc1.deps, 'nothing')).rejects.toThrow(
      'no PEM-encoded data found',
    );
  });

  it('knows no other providers', async () => {
    const vault = foundAuthority(datacenter().deps, { provider: 'vault', config: {} });
    await expect(vault).rejects.toThrow('unknown CA provider "vault"');
  });
});

describe('a secondary', () => {
  const signedBy = (dc1: Datacenter) => (pem: string) => signForSecondary(dc1.deps, pem);

  it('has the roots of the primary and an intermediate below them', async () => {
    const [dc1, dc2] = [await primary(), datacenter()];
    await adoptRoots({ ...dc2.deps, sign: signedBy(dc1) }, SETTINGS, rootsOf(dc1));
    const [theirs] = caRoots(dc1.harness.view).result;
    const [ours] = caRoots(dc2.harness.view).result;
    const intermediate = new X509Certificate(ours?.IntermediateCerts?.[0] ?? '');
    expect(ours).toMatchObject({ ID: theirs?.ID, RootCert: theirs?.RootCert, Active: true });
    expect(ours?.SigningKeyID).not.toBe(theirs?.SigningKeyID);
    expect(intermediate.verify(new X509Certificate(theirs?.RootCert ?? '').publicKey)).toBe(true);
    expect(caConfiguration(dc2.harness.view).result?.ClusterID).toBe(
      caConfiguration(dc1.harness.view).result?.ClusterID,
    );
    const writes = dc2.ops.length;
    await adoptRoots({ ...dc2.deps, sign: signedBy(dc1) }, SETTINGS, rootsOf(dc1));
    expect(dc2.ops).toHaveLength(writes);
  });

  it('has the roots even if nobody signs, and gets its intermediate later', async () => {
    const [dc1, dc2] = [await primary(), datacenter()];
    const sign = () => Promise.reject(new Error('Permission denied'));
    const refused = adoptRoots({ ...dc2.deps, sign }, SETTINGS, rootsOf(dc1));
    await expect(refused).rejects.toThrow('signed: Permission denied');
    expect(caRoots(dc2.harness.view).result[0]?.IntermediateCerts ?? []).toHaveLength(0);
    await adoptRoots({ ...dc2.deps, sign: signedBy(dc1) }, SETTINGS, rootsOf(dc1));
    expect(caRoots(dc2.harness.view).result[0]?.IntermediateCerts).toHaveLength(1);
  });

  it('renews its intermediate past half of its life, and keeps the old one if it cannot', async () => {
    const [dc1, dc2] = [await primary(), datacenter()];
    const sign = signedBy(dc1);
    await adoptRoots({ ...dc2.deps, sign }, SETTINGS, rootsOf(dc1));
    const intermediate = () => caRoots(dc2.harness.view).result[0]?.IntermediateCerts?.[0];
    const first = intermediate();
    dc2.nowMs = dc1.nowMs = START_MS + 0.6 * YEAR_MS;
    const mute = () => Promise.reject(new Error('No path to datacenter'));
    const failed = adoptRoots({ ...dc2.deps, sign: mute }, SETTINGS, rootsOf(dc1));
    await expect(failed).rejects.toThrow('No path to datacenter');
    expect(intermediate()).toBe(first);
    await adoptRoots({ ...dc2.deps, sign }, SETTINGS, rootsOf(dc1));
    expect(intermediate()).not.toBe(first);
  });

  it('refuses an intermediate that is not for its key', async () => {
    const [dc1, dc2] = [await primary(), datacenter()];
    const clusterId = caConfiguration(dc1.harness.view).result?.ClusterID ?? '';
    const sign = () =>
      signedBy(dc1)(createIntermediateRequest(clusterId, dc1.deps.random).requestPem);
    const refused = adoptRoots({ ...dc2.deps, sign }, SETTINGS, rootsOf(dc1));
    await expect(refused).rejects.toThrow('intermediate cert is for a different private key');
  });

  it('waits for a primary without roots', async () => {
    const dc2 = datacenter();
    const early = adoptRoots(
      { ...dc2.deps, sign: async () => '' },
      SETTINGS,
      IndexedCARoots.of({}),
    );
    await expect(early).rejects.toThrow('primary datacenter has no active root');
    expect(dc2.ops).toEqual([]);
  });
});

describe.skipIf(!hasOpenssl)('in the view of openssl', () => {
  it('certificates are like those of Consul 1.9.1', async () => {
    const [dc1, dc2] = [await primary(), datacenter()];
    const sign = (pem: string) => signForSecondary(dc1.deps, pem);
    await adoptRoots({ ...dc2.deps, sign }, SETTINGS, rootsOf(dc1));
    const [root] = caRoots(dc2.harness.view).result;
    expect(normalised(root?.RootCert ?? '')).toBe(recorded('root'));
    expect(normalised(root?.IntermediateCerts?.[0] ?? '')).toBe(recorded('intermediate'));
  });
});
