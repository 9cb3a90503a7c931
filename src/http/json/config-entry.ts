/** Config entries as JSON. */

import { type ConfigEntryRow, configEntryFields } from '../../model/config-entry.ts';
import { IngressGatewayEntry, TerminatingGatewayEntry } from '../../model/gateway-entries.ts';
import { ServiceIntentions, type SourceIntention } from '../../model/intention.ts';
import type { ExposeConfig, MeshGatewayConfig } from '../../model/service-parts.ts';
import type { MsgpackAny } from '../../wire/msgpack/reader.ts';
import { decode } from '../../wire/msgpack/schema.ts';
import { ingressGatewayJson, terminatingGatewayJson } from './gateway-entries.ts';
import { permissionsJson } from './intention.ts';
import { exposeJson, meshGatewayJson } from './objects.ts';
import {
  any,
  int,
  type JsonOutput,
  list,
  map,
  nullable,
  type OmittedField,
  object,
  omit,
  str,
  time,
} from './output.ts';

/** What is shown of an entry, whatever its kind; other fields are left out. */
interface ShownEntry {
  readonly Kind: string;
  readonly Name: string;
  readonly Protocol: string | undefined;
  readonly Config: Readonly<Record<string, MsgpackAny>> | null | undefined;
  readonly MeshGateway: MeshGatewayConfig;
  readonly Expose: ExposeConfig;
  readonly ExternalSNI: string | undefined;
  readonly Meta: Readonly<Record<string, string>> | null | undefined;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** A field that an entry of another kind, or of another version, does not have. */
function absentOr<T>(out: JsonOutput<T>): OmittedField<T | undefined> {
  return omit({
    text: (value) => (value === undefined ? 'null' : out.text(value)),
    isEmpty: (value) => value === undefined || out.isEmpty(value),
  });
}

const entryJson = object<ShownEntry>({
  Kind: str,
  Name: str,
  Protocol: absentOr(str),
  Config: absentOr(map(any)),
  MeshGateway: meshGatewayJson,
  Expose: exposeJson('omitted when false'),
  ExternalSNI: absentOr(str),
  Meta: absentOr(map(str)),
  CreateIndex: int,
  ModifyIndex: int,
});

/** Entries are kept as their writers sent them: the text fields of this kind are taken as they are. */
function shownEntry(row: ConfigEntryRow): ShownEntry {
  const fields = configEntryFields(row) as Partial<ShownEntry>;
  return {
    Kind: row.Kind,
    Name: row.Name,
    Protocol: fields.Protocol,
    Config: fields.Config,
    MeshGateway: { Mode: fields.MeshGateway?.Mode ?? '' },
    Expose: { Checks: fields.Expose?.Checks ?? false, Paths: fields.Expose?.Paths ?? null },
    ExternalSNI: fields.ExternalSNI,
    Meta: fields.Meta,
    CreateIndex: row.CreateIndex,
    ModifyIndex: row.ModifyIndex,
  };
}

const intentionsJson = object<ServiceIntentions>({
  Kind: str,
  Name: str,
  Sources: list(
    object<SourceIntention>({
      Name: str,
      Action: omit(str),
      Permissions: omit(permissionsJson),
      Precedence: int,
      LegacyID: omit(str),
      Type: str,
      Description: omit(str),
      LegacyMeta: omit(map(str)),
      LegacyCreateTime: omit(nullable(time)),
      LegacyUpdateTime: omit(nullable(time)),
    }),
  ),
  Meta: omit(map(str)),
  CreateIndex: int,
  ModifyIndex: int,
});

const DEFAULTS: readonly string[] = ['service-defaults', 'proxy-defaults'];

export const configEntryJson: JsonOutput<ConfigEntryRow> = {
  text: entryText,
  isEmpty: () => false,
};

function entryText(row: ConfigEntryRow): string {
  if (DEFAULTS.includes(row.Kind)) return entryJson.text(shownEntry(row));
  const { Kind, Name, CreateIndex, ModifyIndex } = row;
  if (Kind === 'service-intentions') {
    const entry = decode(ServiceIntentions, row.body);
    return intentionsJson.text({ ...entry, Kind, Name, CreateIndex, ModifyIndex });
  }
  if (Kind === 'ingress-gateway') {
    const entry = decode(IngressGatewayEntry, row.body);
    return ingressGatewayJson.text({ ...entry, Kind, Name, CreateIndex, ModifyIndex });
  }
  if (Kind === 'terminating-gateway') {
    const entry = decode(TerminatingGatewayEntry, row.body);
    return terminatingGatewayJson.text({ ...entry, Kind, Name, CreateIndex, ModifyIndex });
  }
  return any.text({ ...configEntryFields(row), Kind, Name });
}
