/**
 * From a command line to a plan: reads the files, puts everything together in Consul's order
 * (defaults, `-dev`, list flags, files and folders, other flags, `-hcl`), checks it, and reads the
 * certificates that it names.
 */

import { fileErrorText } from '../file-errors.ts';
import type { Flags } from '../flags.ts';
import type { TlsMaterial } from '../tls/configurator.ts';
import type { World } from '../world/world.ts';
import { buildPlan, type HostFacts, type Mode } from './build.ts';
import { checkCertificates } from './certificates.ts';
import { DEV_FRAGMENT } from './defaults.ts';
import { fragmentsOfFlags } from './flags.ts';
import { type Fragment, mergeFragments } from './fragment.ts';
import { type ConfigIssue, failureText, ruleIssue, warningTexts } from './issues.ts';
import type { AgentPlan } from './plan.ts';
import { type ConfigFormat, parseSource, readSources } from './sources.ts';

/** A plan that can be started, or the one text why not. */
export type LoadedPlan =
  | {
      readonly ok: true;
      readonly plan: AgentPlan;
      readonly tls: TlsMaterial;
      readonly warnings: readonly string[];
    }
  | {
      readonly ok: false;
      readonly text: string;
      readonly warnings: readonly string[];
      readonly issues: readonly ConfigIssue[];
    };

/** What is read besides flags: `paths` in the order of the command line. */
export interface LoadRequest {
  readonly mode: Mode;
  readonly paths: readonly string[];
  readonly format: ConfigFormat | undefined;
  readonly lists: Fragment;
  readonly others: Fragment;
  /** Pieces of HCL. */
  readonly pieces: readonly string[];
}

type LoadWorld = Pick<World, 'disk' | 'network' | 'clock'>;

/** The request that the flags of `agent` make. */
export function requestOfFlags(
  flags: Flags,
  args: readonly string[],
): LoadRequest | { readonly refusal: string } {
  const format = flags.string('config-format');
  if (format !== undefined && format !== 'hcl' && format !== 'json') {
    return { refusal: "-config-format must be either 'hcl' or 'json'" };
  }
  if (flags.rest.length > 0) {
    return { refusal: `Unexpected extra arguments: [${flags.rest.join(' ')}]` };
  }
  return {
    mode: flags.bool('dev') ? 'dev' : 'normal',
    paths: pathsInOrder(flags, args),
    format,
    ...fragmentsOfFlags(flags),
    pieces: flags.list('hcl'),
  };
}

/** A request for files alone, as `validate` makes it. */
export function requestOfPaths(
  paths: readonly string[],
  format: ConfigFormat | undefined,
): LoadRequest {
  return { mode: 'normal', paths, format, lists: new Map(), others: new Map(), pieces: [] };
}

export async function loadPlan(
  request: LoadRequest,
  world: LoadWorld,
  hostname: string,
): Promise<LoadedPlan> {
  const sources = await readSources(world.disk, request.paths, request.format);
  const pieces = request.pieces.map((text, place) => parseSource(`flag-${place}.hcl`, text, 'hcl'));
  const issues = [...sources.issues, ...pieces.flatMap((piece) => piece.issues)];
  if (failureText(issues) !== undefined) return refused(issues);
  const merged = mergeFragments([
    ...(request.mode === 'dev' ? [DEV_FRAGMENT] : []),
    request.lists,
    ...sources.fragments,
    request.others,
    ...pieces.map((piece) => piece.fragment),
  ]);
  const host: HostFacts = { hostname, interfaces: world.network.interfaces() };
  const built = buildPlan(merged, request.mode, host);
  issues.push(...built.issues);
  if (failureText(issues) !== undefined) return refused(issues);
  const tls = await readMaterial(built.plan, world, issues);
  issues.push(...checkCertificates(built.plan, tls, world.clock.now()));
  if (failureText(issues) !== undefined) return refused(issues);
  return { ok: true, plan: built.plan, tls, warnings: warningTexts(issues) };
}

function refused(issues: readonly ConfigIssue[]): LoadedPlan {
  const text = failureText(issues) ?? '';
  return { ok: false, text, warnings: warningTexts(issues), issues };
}

/** Reads the PEM files of a plan; what cannot be read is an issue. Also used to reload them. */
export async function readMaterial(
  plan: AgentPlan,
  world: Pick<World, 'disk'>,
  issues: ConfigIssue[],
): Promise<TlsMaterial> {
  const read = async (key: string, path: string): Promise<string | undefined> => {
    try {
      return Buffer.from(await world.disk.readFile(path)).toString('utf8');
    } catch (error) {
      issues.push(ruleIssue(`${key}.unreadable`, `${key}: ${fileErrorText('open', path, error)}`));
      return undefined;
    }
  };
  const { caFile, caPath, certFile, keyFile } = plan.tls;
  const caPaths = [...(caFile ? [caFile] : []), ...(await filesOf(world, caPath, issues))];
  const caPem: string[] = [];
  for (const path of caPaths) {
    const pem = await read(path === caFile ? 'ca_file' : 'ca_path', path);
    if (pem !== undefined) caPem.push(pem);
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    issues.push(ruleIssue('cert.pair', "'cert_file' and 'key_file' must be given together"));
  }
  if (certFile === undefined || keyFile === undefined) return { caPem };
  const certPem = await read('cert_file', certFile);
  const keyPem = await read('key_file', keyFile);
  if (certPem === undefined || keyPem === undefined) return { caPem };
  return { caPem, identity: { certPem, keyPem } };
}

async function filesOf(
  world: Pick<World, 'disk'>,
  folder: string | undefined,
  issues: ConfigIssue[],
): Promise<readonly string[]> {
  if (folder === undefined) return [];
  try {
    return (await world.disk.list(folder)).map((name) => `${folder}/${name}`);
  } catch (error) {
    issues.push(ruleIssue('ca_path', `ca_path: ${fileErrorText('open', folder, error)}`));
    return [];
  }
}

/** `-config-file` and `-config-dir` count in the order in which they stand. */
function pathsInOrder(flags: Flags, args: readonly string[]): readonly string[] {
  const files = [...flags.list('config-file')];
  const folders = [...flags.list('config-dir')];
  const paths: string[] = [];
  for (const argument of args) {
    const name = /^--?(config-file|config-dir)(?:=|$)/.exec(argument)?.[1];
    const next = name === 'config-file' ? files.shift() : name ? folders.shift() : undefined;
    if (next !== undefined) paths.push(next);
  }
  return [...paths, ...files, ...folders];
}
