/**
 * Intentions: who may connect to whom. They are sources of `service-intentions` config entries, one
 * entry for each destination; the older table counts only while something is left in it.
 */

import type { ConfigEntryRow } from '../../model/config-entry.ts';
import { type Intention, ServiceIntentions, type SourceIntention } from '../../model/intention.ts';
import { ANY_SERVICE } from '../../model/intention-rules.ts';
import { decode } from '../../wire/msgpack/schema.ts';
import { ZERO_TIME } from '../../wire/msgpack/time.ts';
import type { Indexed } from '../blocking-query.ts';
import type { StoreReader } from '../view.ts';
import { configEntries, configEntry, legacyIntentions } from './other.ts';

export const SERVICE_INTENTIONS = 'service-intentions';
const NAMESPACE = 'default';

export type IntentionSide = 'source' | 'destination';

/** Source and destination of one intention. */
export interface IntentionPair {
  readonly source: string;
  readonly destination: string;
}

/** All intentions, those that decide first in front. */
export function intentions(reader: StoreReader): Indexed<readonly Intention[]> {
  const legacy = legacyIntentions(reader);
  if (legacy.result.length > 0) return { ...legacy, result: byPrecedence(legacy.result) };
  const { index, result } = configEntries(reader, SERVICE_INTENTIONS);
  return { index, result: byPrecedence(result.flatMap(intentionsOf)) };
}

export function intentionById(reader: StoreReader, id: string): Indexed<Intention | null> {
  const { index, result } = intentions(reader);
  return { index, result: result.find(({ ID }) => ID === id) ?? null };
}

/** The intention of exactly these names. */
export function exactIntention(
  reader: StoreReader,
  { source, destination }: IntentionPair,
): Indexed<Intention | null> {
  const { index, result } = intentions(reader);
  const found = result.find(
    ({ SourceName, DestinationName }) => SourceName === source && DestinationName === destination,
  );
  return { index, result: found ?? null };
}

/** The intentions that apply to a service on one side, those that decide first in front. */
export function matchingIntentions(
  reader: StoreReader,
  side: IntentionSide,
  name: string,
): Indexed<readonly Intention[]> {
  const { index, result } = intentions(reader);
  const names = [name, ANY_SERVICE];
  const nameOf = ({ SourceName, DestinationName }: Intention): string =>
    side === 'source' ? SourceName : DestinationName;
  return { index, result: result.filter((intention) => names.includes(nameOf(intention))) };
}

/** The intention that decides over a connection; `null` leaves it to the default. */
export function decidingIntention(
  reader: StoreReader,
  { source, destination }: IntentionPair,
): Indexed<Intention | null> {
  const { index, result } = matchingIntentions(reader, 'destination', destination);
  const found = result.find(({ SourceName }) => [source, ANY_SERVICE].includes(SourceName));
  return { index, result: found ?? null };
}

/** The entry that holds the intentions to a destination. */
export function serviceIntentions(
  reader: StoreReader,
  destination: string,
): Indexed<ServiceIntentions | null> {
  const { index, result } = configEntry(reader, SERVICE_INTENTIONS, destination);
  return { index, result: result === null ? null : entryOf(result) };
}

function entryOf(row: ConfigEntryRow): ServiceIntentions {
  const { Name, CreateIndex, ModifyIndex } = row;
  return { ...decode(ServiceIntentions, row.body), Name, CreateIndex, ModifyIndex };
}

function intentionsOf(row: ConfigEntryRow): readonly Intention[] {
  const entry = entryOf(row);
  return (entry.Sources ?? []).map((source) => intentionOf(entry, source));
}

function intentionOf(entry: ServiceIntentions, source: SourceIntention): Intention {
  return {
    ID: source.LegacyID,
    Description: source.Description,
    SourceNS: NAMESPACE,
    SourceName: source.Name,
    DestinationNS: NAMESPACE,
    DestinationName: entry.Name,
    SourceType: source.Type,
    Action: source.Action,
    Permissions: source.Permissions,
    DefaultAddr: '',
    DefaultPort: 0,
    Meta: source.LegacyID === '' ? entry.Meta : source.LegacyMeta,
    Precedence: source.Precedence,
    CreatedAt: source.LegacyCreateTime ?? ZERO_TIME,
    UpdatedAt: source.LegacyUpdateTime ?? ZERO_TIME,
    Hash: null,
    CreateIndex: entry.CreateIndex,
    ModifyIndex: entry.ModifyIndex,
  };
}

/** Consul's order: precedence, then the names. */
function byPrecedence(intentions: readonly Intention[]): readonly Intention[] {
  return [...intentions].sort(
    (a, b) =>
      b.Precedence - a.Precedence ||
      compare(a.SourceNS, b.SourceNS) ||
      compare(a.SourceName, b.SourceName) ||
      compare(a.DestinationNS, b.DestinationNS) ||
      compare(a.DestinationName, b.DestinationName),
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
