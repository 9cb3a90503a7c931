/**
 * The mesh's certificate authority of a datacenter: found in the primary, derived from the primary's
 * in secondaries. Everything is kept in the store and written by the leader, in the commands and in
 * the order of Consul's built-in provider; whatever is there already is left as it is.
 */

import { createHash } from 'node:crypto';
import { COMMAND_TYPES } from '../fsm/command-types.ts';
import { parseGoDuration } from '../go-duration.ts';
import { CAConfiguration, CAConsulProviderState, CARequest, CARoot } from '../model/connect-ca.ts';
import type { OpaqueMap } from '../model/opaque.ts';
import { randomUuid } from '../model/uuid.ts';
import { caConfiguration, caProviderStates, caRoots } from '../store/read/other.ts';
import type { StoreSource } from '../store/store.ts';
import type { Codec } from '../wire/msgpack/schema.ts';
import type { Clock, Random } from '../world/world.ts';
import {
  createRoot,
  hexPairs,
  intermediateComplaint,
  type MadeRoot,
  rootRecord,
  signIntermediate,
} from './certificates.ts';

const YEAR_MS = 365 * 86_400_000;
const LEAF_MS = 3 * 86_400_000;
const NANOSECONDS_PER_MS = 1e6;

/** What Consul 1.9 starts with. */
export const CONFIG_BY_DEFAULT: OpaqueMap = {
  IntermediateCertTTL: '8760h',
  LeafCertTTL: '72h',
  RotationPeriod: '2160h',
};

export interface AuthorityDeps {
  readonly store: StoreSource;
  readonly raftApply: <Request>(
    type: typeof COMMAND_TYPES.ConnectCA,
    codec: Codec<Request>,
    request: Request,
  ) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the agent's configuration says of the authority, for the first start of a cluster. */
export interface AuthoritySettings {
  readonly provider: string;
  readonly config: OpaqueMap;
}

/**
 * Makes the primary's authority: cluster ID, configuration, key and root, each only where missing.
 * Rejects for providers other than the built-in one, and when something cannot be written.
 */
export async function foundAuthority(
  deps: AuthorityDeps,
  settings: AuthoritySettings,
): Promise<void> {
  const config = await establishConfig(deps, settings, () => randomUuid(deps.random));
  const state = await establishState(deps, config, true);
  const made = state.RootCert === '' ? await makeRoot(deps, config, state) : state.RootCert;
  const { index, result } = caRoots(deps.store.view());
  // Once there is a root, others come by rotation only.
  if (result.some((root) => root.Active)) return;
  const root = CARoot.of(rootRecord(made, config.ClusterID));
  await write(deps, { Op: 'set-roots', Index: index, Roots: [root] });
}

/**
 * Signs a secondary's intermediate with the stored root. Rejects for requests of another cluster,
 * and while there is no root yet.
 */
export async function signForSecondary(deps: AuthorityDeps, requestPem: string): Promise<string> {
  const view = deps.store.view();
  const config = caConfiguration(view).result;
  const state = config && storedState(deps, config, true);
  if (config === null || state === null || state.RootCert === '') {
    throw new Error('internal error: CA provider is nil');
  }
  const complaint = intermediateComplaint(requestPem, config.ClusterID);
  if (complaint !== undefined) throw new Error(complaint);
  return signIntermediate({
    requestPem,
    root: { certPem: state.RootCert, keyPem: state.PrivateKey },
    clusterId: config.ClusterID,
    serial: await nextSerial(deps),
    nowMs: deps.clock.now(),
    lifetimeMs: intermediateLifetimeMs(config),
  });
}

/** The stored configuration, written first when there is none or when it lacks the cluster ID. */
export async function establishConfig(
  deps: AuthorityDeps,
  settings: AuthoritySettings,
  newClusterId: () => string,
): Promise<CAConfiguration> {
  const stored = caConfiguration(deps.store.view()).result;
  const provider = stored?.Provider ?? settings.provider;
  if (provider !== 'consul') throw new Error(`unknown CA provider "${provider}"`);
  const clusterId = stored?.ClusterID || newClusterId();
  if (stored !== null && stored.ClusterID === clusterId) return stored;
  const made = CAConfiguration.of({
    ...(stored ?? { Provider: provider, Config: { ...CONFIG_BY_DEFAULT, ...settings.config } }),
    ClusterID: clusterId,
    ModifyIndex: 0,
  });
  await write(deps, { Op: 'set-config', Config: made });
  return caConfiguration(deps.store.view()).result ?? made;
}

/** The provider's stored state, written empty first when there is none. */
export async function establishState(
  deps: AuthorityDeps,
  config: CAConfiguration,
  primary: boolean,
): Promise<CAConsulProviderState> {
  const stored = storedState(deps, config, primary);
  if (stored !== null) return stored;
  const made = CAConsulProviderState.of({ ID: providerId(config, primary) });
  await write(deps, { Op: 'set-provider-state', ProviderState: made });
  return made;
}

/** Writes one command; rejects when something else was written meanwhile. */
export async function write(deps: AuthorityDeps, request: Partial<CARequest>): Promise<unknown> {
  const answer = await deps.raftApply(COMMAND_TYPES.ConnectCA, CARequest, CARequest.of(request));
  if (answer === false) throw new Error(`CA state changed while "${request.Op}" was on its way`);
  return answer;
}

async function makeRoot(
  deps: AuthorityDeps,
  config: CAConfiguration,
  state: CAConsulProviderState,
): Promise<string> {
  const keyPem = textOf(config, 'PrivateKey');
  const given = textOf(config, 'RootCert');
  const serial = given === '' ? await nextSerial(deps) : 0;
  const { clock, random } = deps;
  const root =
    given === ''
      ? createRoot({ clusterId: config.ClusterID, serial, keyPem, nowMs: clock.now(), random })
      : { certPem: given, keyPem };
  const ProviderState = { ...state, PrivateKey: root.keyPem, RootCert: root.certPem };
  await write(deps, { Op: 'set-provider-state', ProviderState });
  return root.certPem;
}

/** What leaves are signed with: the root's key in the primary, that of the intermediate elsewhere. */
export interface SigningMaterial {
  readonly config: CAConfiguration;
  readonly signer: MadeRoot;
  /** PEM texts between a leaf and its root. */
  readonly chain: readonly string[];
}

/** Rejects while there is no authority, or no intermediate yet. */
export function signingMaterial(deps: AuthorityDeps, primary: boolean): SigningMaterial {
  const view = deps.store.view();
  const config = caConfiguration(view).result;
  const state = config && storedState(deps, config, primary);
  const root = caRoots(view).result.find(({ Active }) => Active);
  if (config === null || state === null) throw new Error('internal error: CA provider is nil');
  if (root === undefined) throw new Error('internal error: CA root is nil');
  const certPem = primary ? state.RootCert : state.IntermediateCert;
  if (certPem === '') throw new Error('the certificate authority has no signing certificate yet');
  const between = [...(root.IntermediateCerts ?? []), ...(primary ? [] : [certPem])];
  const chain = [...new Set(between.map((pem) => `${pem.trim()}\n`))];
  return { config, signer: { certPem, keyPem: state.PrivateKey }, chain };
}

/** `LeafCertTTL` of the configuration, three days by default. */
export function leafLifetimeMs(config: CAConfiguration): number {
  const nanoseconds = parseGoDuration(textOf(config, 'LeafCertTTL'));
  return nanoseconds === null || nanoseconds <= 0 ? LEAF_MS : nanoseconds / NANOSECONDS_PER_MS;
}

export async function nextSerial(deps: AuthorityDeps): Promise<number> {
  return Number(await write(deps, { Op: 'increment-provider-serial' }));
}

/** By its ID; else, after an upgrade, the one that the active root belongs to. */
function storedState(
  { store }: AuthorityDeps,
  config: CAConfiguration,
  primary: boolean,
): CAConsulProviderState | null {
  const states = caProviderStates(store.view()).result;
  const id = providerId(config, primary);
  const own = states.find((state) => state.ID === id);
  if (own !== undefined) return own;
  const active = caRoots(store.view()).result.find((root) => root.Active);
  const same = active && states.find((state) => state.RootCert === active.RootCert);
  return same ?? null;
}

/** Consul's rule: what the provider was configured with, hashed. */
function providerId(config: CAConfiguration, primary: boolean): string {
  const [key, root] = [textOf(config, 'PrivateKey'), textOf(config, 'RootCert')];
  const [type, bits] = [config.Config?.['PrivateKeyType'], config.Config?.['PrivateKeyBits']];
  const usual = (type ?? 'ec') === 'ec' && Number(bits ?? 256) === 256;
  const kind = usual ? '' : `${type ?? 'ec'},${bits ?? 256},`;
  return hexPairs(createHash('sha256').update(`${key},${root},${kind}${primary}`).digest());
}

function intermediateLifetimeMs(config: CAConfiguration): number {
  const nanoseconds = parseGoDuration(textOf(config, 'IntermediateCertTTL'));
  return nanoseconds === null || nanoseconds <= 0 ? YEAR_MS : nanoseconds / NANOSECONDS_PER_MS;
}

function textOf(config: CAConfiguration, key: string): string {
  const value = config.Config?.[key];
  return typeof value === 'string' ? value : '';
}
