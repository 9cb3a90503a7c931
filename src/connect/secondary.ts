/** The mesh's certificate authority of a secondary datacenter: the primary's roots, an own intermediate. */

import { textOf } from '../error-text.ts';
import { sameValue } from '../local/same-value.ts';
import type {
  CAConfiguration,
  CAConsulProviderState,
  CARoot,
  IndexedCARoots,
} from '../model/connect-ca.ts';
import { caConfiguration, caRoots } from '../store/read/other.ts';
import {
  type AuthorityDeps,
  type AuthoritySettings,
  establishConfig,
  establishState,
  write,
} from './authority.ts';
import {
  checkIntermediate,
  createIntermediateRequest,
  isPastHalf,
  signingKeyId,
} from './certificates.ts';

export interface SecondaryDeps extends AuthorityDeps {
  /** Has the primary sign a request; answers the PEM text. */
  readonly sign: (requestPem: string) => Promise<string>;
}

/**
 * Makes the primary's roots those of this datacenter, with an own intermediate below the active one:
 * a new one when there is none, when the active root changed, and past half of its lifetime. Roots
 * are written even when no intermediate can be had; then the call rejects after that.
 */
export async function adoptRoots(
  deps: SecondaryDeps,
  settings: AuthoritySettings,
  primary: IndexedCARoots,
): Promise<void> {
  const active = primary.Roots?.find((root) => root.Active && root.ID === primary.ActiveRootID);
  if (active === undefined) throw new Error('primary datacenter has no active root');
  const clusterId = primary.TrustDomain.split('.')[0] ?? '';
  const config = await establishConfig(deps, settings, () => '');
  const state = await establishState(deps, config, false);
  const outcome = await intermediateFor(deps, state, active, clusterId).catch(
    (cause: unknown): Intermediate => ({ pem: '', error: cause }),
  );
  const own = outcome.pem === '' ? active : withIntermediate(active, outcome.pem);
  const roots = (primary.Roots ?? []).map((root) => (root === active ? own : root));
  await writeRoots(deps, config, clusterId, roots);
  if (outcome.error !== undefined) throw outcome.error;
}

interface Intermediate {
  /** Empty = there is none. */
  readonly pem: string;
  readonly error?: unknown;
}

/** The stored intermediate while it is good, else a new one. */
async function intermediateFor(
  deps: SecondaryDeps,
  state: CAConsulProviderState,
  active: CARoot,
  clusterId: string,
): Promise<Intermediate> {
  const { IntermediateCert: stored, RootCert } = state;
  const usable = stored !== '' && RootCert === active.RootCert;
  if (usable && !isPastHalf(stored, deps.clock.now())) return { pem: stored };
  try {
    return { pem: await newIntermediate(deps, state, active, clusterId) };
  } catch (cause) {
    const text = textOf(cause);
    const error = new Error(`failed to get an intermediate certificate signed: ${text}`, { cause });
    // One that is to be renewed still serves.
    return { pem: usable ? stored : '', error };
  }
}

async function newIntermediate(
  deps: SecondaryDeps,
  state: CAConsulProviderState,
  active: CARoot,
  clusterId: string,
): Promise<string> {
  const { requestPem, keyPem } = createIntermediateRequest(clusterId, deps.random);
  const IntermediateCert = await deps.sign(requestPem);
  checkIntermediate(IntermediateCert, keyPem, active.RootCert);
  await write(deps, {
    Op: 'set-provider-state',
    ProviderState: { ...state, PrivateKey: keyPem, RootCert: active.RootCert, IntermediateCert },
  });
  return IntermediateCert;
}

function withIntermediate(root: CARoot, pem: string): CARoot {
  const IntermediateCerts = [...(root.IntermediateCerts ?? []), pem];
  return { ...root, IntermediateCerts, SigningKeyID: signingKeyId(pem) };
}

/** Roots and cluster ID go together, and only when something differs. */
async function writeRoots(
  deps: AuthorityDeps,
  config: CAConfiguration,
  clusterId: string,
  roots: readonly CARoot[],
): Promise<void> {
  const view = deps.store.view();
  const stored = caRoots(view);
  const Config = { ...(caConfiguration(view).result ?? config), ClusterID: clusterId };
  const same = config.ClusterID === clusterId && sameValue(byId(roots), byId(stored.result));
  if (same) return;
  await write(deps, { Op: 'set-roots-config', Index: stored.index, Roots: [...roots], Config });
}

/** Roots without what each datacenter has of its own. */
function byId(roots: readonly CARoot[]): readonly CARoot[] {
  return [...roots]
    .sort((a, b) => (a.ID < b.ID ? -1 : 1))
    .map((root) => ({ ...root, CreateIndex: 0, ModifyIndex: 0, SigningCert: '', SigningKey: '' }));
}
