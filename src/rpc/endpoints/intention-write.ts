/**
 * Writes of intentions: each changes one source of the config entry of its destination, which is
 * written back only if nobody has changed it meanwhile.
 */

import { COMMAND_TYPES } from '../../fsm/command-types.ts';
import { ConfigEntryRequest, configEntryRow } from '../../model/config-entry.ts';
import {
  Intention,
  type IntentionRequest,
  ServiceIntentions,
  SourceIntention,
} from '../../model/intention.ts';
import { legacyComplaint, precedenceOf, sourcesComplaint } from '../../model/intention-rules.ts';
import { randomUuid } from '../../model/uuid.ts';
import {
  exactIntention,
  intentionById,
  legacyIntentions,
  SERVICE_INTENTIONS,
  serviceIntentions,
} from '../../store/index.ts';
import { encode } from '../../wire/msgpack/schema.ts';
import { goTimeFromUnixMs } from '../../wire/msgpack/time.ts';
import { RpcError } from '../method.ts';
import type { EndpointDeps } from './deps.ts';

/** Writers that change the same entry at once make each other try again; this many are too many. */
const ATTEMPTS_MAX = 16;

/** How the sources of one destination change. */
interface Change {
  readonly destination: string;
  /** The ID of an intention that has one, else `''`. */
  readonly id: string;
  readonly apply: (sources: readonly SourceIntention[]) => readonly SourceIntention[];
}

/** Answers the ID of an intention that has one, else `''`. Rejects with an RpcError. */
export async function applyIntention(
  deps: EndpointDeps,
  request: IntentionRequest,
): Promise<string> {
  if (request.Mutation !== null) {
    throw new RpcError('Mutation field is internal only and must not be set via RPC');
  }
  if (legacyIntentions(deps.store.view()).result.length > 0) {
    throw new RpcError('Intentions are read only while being upgraded to config entries');
  }
  const change = changeOf(deps, request.Op, request.Intention ?? Intention.zero());
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (await written(deps, change)) return change.id;
  }
  throw new RpcError(`the intentions to ${JSON.stringify(change.destination)} change too often`);
}

function changeOf(deps: EndpointDeps, op: string, wish: Intention): Change {
  switch (op) {
    case 'create':
      return creation(deps, wish);
    case 'update':
      return update(deps, wish);
    case 'upsert':
      return upsert(deps, wish);
    case 'delete':
      return wish.ID === '' ? removal(deps, wish) : removalById(deps, wish.ID);
    default:
      throw new RpcError(`Invalid Intention operation: ${op}`);
  }
}

function creation(deps: EndpointDeps, given: Intention): Change {
  if (given.ID !== '') throw new RpcError('ID must be empty when creating a new intention');
  const wish = { ...given, ID: randomUuid(deps.random), SourceType: given.SourceType || 'consul' };
  const source = legacySource(deps, wish);
  return {
    destination: wish.DestinationName,
    id: wish.ID,
    apply: (sources) => [...sources, source],
  };
}

function update(deps: EndpointDeps, given: Intention): Change {
  const known = intentionById(deps.store.view(), given.ID).result;
  if (known === null) throw new RpcError(`Cannot modify non-existent intention: '${given.ID}'`);
  if (known.DestinationName !== given.DestinationName) {
    throw new RpcError(
      'Cannot modify DestinationNS or DestinationName for an intention once it exists.',
    );
  }
  const wish = { ...given, SourceType: given.SourceType || 'consul' };
  const source = legacySource(deps, wish);
  return {
    destination: wish.DestinationName,
    id: wish.ID,
    apply: (sources) =>
      sources.map((other) =>
        other.LegacyID === wish.ID
          ? { ...source, LegacyCreateTime: other.LegacyCreateTime }
          : other,
      ),
  };
}

function upsert(deps: EndpointDeps, wish: Intention): Change {
  if (wish.ID !== '') throw new RpcError('ID must not be specified');
  if (Object.keys(wish.Meta ?? {}).length > 0) {
    const entry = serviceIntentions(deps.store.view(), wish.DestinationName).result;
    if (entry === null) throw new RpcError('Meta must not be specified');
    if (!sameTexts(entry.Meta ?? {}, wish.Meta ?? {})) {
      throw new RpcError('Meta must not be specified, or should be unchanged during an update.');
    }
  }
  const source = sourceOf(wish);
  return {
    destination: wish.DestinationName,
    id: '',
    apply: (sources) =>
      sources.some(({ Name }) => Name === source.Name)
        ? sources.map((other) => (other.Name === source.Name ? source : other))
        : [...sources, source],
  };
}

function removal(deps: EndpointDeps, { SourceName, DestinationName }: Intention): Change {
  const pair = { source: SourceName, destination: DestinationName };
  if (exactIntention(deps.store.view(), pair).result === null) {
    const names = `source=${JSON.stringify(SourceName)}, destination=${JSON.stringify(DestinationName)}`;
    throw new RpcError(`Cannot delete non-existent intention: ${names}`);
  }
  return {
    destination: DestinationName,
    id: '',
    apply: (sources) => sources.filter(({ Name }) => Name !== SourceName),
  };
}

function removalById(deps: EndpointDeps, id: string): Change {
  const known = intentionById(deps.store.view(), id).result;
  if (known === null) throw new RpcError(`Cannot delete non-existent intention: '${id}'`);
  return {
    destination: known.DestinationName,
    id,
    apply: (sources) => sources.filter(({ LegacyID }) => LegacyID !== id),
  };
}

/** Returns whether the change holds; false when another writer was faster. */
async function written(deps: EndpointDeps, change: Change): Promise<boolean> {
  const { destination } = change;
  const { result } = serviceIntentions(deps.store.view(), destination);
  const sources = change
    .apply(result?.Sources ?? [])
    .map((source) => ({ ...source, Precedence: precedenceOf(source.Name, destination) }))
    .sort((a, b) => b.Precedence - a.Precedence);
  const gone = sources.length === 0;
  const complaint = gone ? null : sourcesComplaint(destination, sources);
  if (complaint !== null) throw new RpcError(complaint);
  const entry = ServiceIntentions.of({
    ...(result ?? { Kind: SERVICE_INTENTIONS, Name: destination }),
    Sources: sources,
  });
  const command = {
    Kind: SERVICE_INTENTIONS,
    Datacenter: deps.datacenter,
    Op: gone ? 'delete' : 'upsert-cas',
    Token: '',
    Entry: configEntryRow(encode(ServiceIntentions, entry)),
  };
  const answer = await deps.raftApply(COMMAND_TYPES.ConfigEntry, ConfigEntryRequest, command);
  return gone || answer === true;
}

/** The source of an intention by names. */
function sourceOf(wish: Intention): SourceIntention {
  const { SourceName, SourceType, Action, Description } = wish;
  const rules = wish.Permissions ?? [];
  return SourceIntention.of({
    Name: SourceName,
    Action,
    Description,
    Type: SourceType || 'consul',
    Permissions: rules.length === 0 ? null : rules.map(inUpperCase),
  });
}

type Permission = NonNullable<SourceIntention['Permissions']>[number];

/** Methods are kept in upper case. */
function inUpperCase(rule: Permission): Permission {
  if (rule.HTTP === null || rule.HTTP.Methods === null) return rule;
  const Methods = rule.HTTP.Methods.map((method) => method.toUpperCase());
  return { ...rule, HTTP: { ...rule.HTTP, Methods } };
}

/** The source of an intention that has an ID. Throws an RpcError. */
function legacySource({ clock }: EndpointDeps, wish: Intention): SourceIntention {
  const complaint = legacyComplaint(wish);
  if (complaint !== null) throw new RpcError(complaint);
  const now = goTimeFromUnixMs(clock.now());
  return {
    ...sourceOf(wish),
    LegacyID: wish.ID,
    LegacyMeta: wish.Meta,
    LegacyCreateTime: now,
    LegacyUpdateTime: now,
  };
}

type Texts = Readonly<Record<string, string>>;

function sameTexts(a: Texts, b: Texts): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
