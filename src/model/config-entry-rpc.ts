/**
 * Config entries over RPC. The replies are one raw value each, with kinds and entries back to back,
 * because the kind decides how an entry is read.
 */

import { MsgpackReader } from '../wire/msgpack/reader.ts';
import { type Codec, map, slice, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { MsgpackWriter } from '../wire/msgpack/writer.ts';
import { QueryMeta, QueryOptions } from './blocks.ts';
import { type ConfigEntryRow, configEntryBody, configEntryRow } from './config-entry.ts';
import { opaqueMap } from './opaque.ts';
import { ExposeConfig, MeshGatewayConfig } from './service-parts.ts';

/** The kind whose entry is a raw value wherever it stands. */
const PROXY_DEFAULTS = 'proxy-defaults';

export const ConfigEntryQuery = struct({
  Kind: str,
  Name: str,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ConfigEntryQuery = TypeOf<typeof ConfigEntryQuery>;

/** `Kinds` empty or nil: all that Consul 1.8 knows. */
export const ConfigEntryListAllRequest = struct({
  Kinds: slice(str),
  Datacenter: str,
  ...QueryOptions.fields,
});
export type ConfigEntryListAllRequest = TypeOf<typeof ConfigEntryListAllRequest>;

/** `Entry` is null when there is none of this name. */
export interface ConfigEntryResponse extends QueryMeta {
  readonly Entry: ConfigEntryRow | null;
}

export interface IndexedGenericConfigEntries extends QueryMeta {
  readonly Entries: readonly ConfigEntryRow[];
}

export const ConfigEntryResponse: Codec<ConfigEntryResponse> = {
  encode(writer, { Entry, ...meta }) {
    const inner = new MsgpackWriter();
    if (Entry === null) inner.string('');
    else writeEntry(inner, Entry);
    QueryMeta.encode(inner, meta);
    writer.raw(inner.finish());
  },
  decode(reader) {
    const inner = new MsgpackReader(reader.raw());
    const Entry = readEntry(inner);
    return { Entry, ...QueryMeta.decode(inner) };
  },
  zero: () => ({ Entry: null, ...QueryMeta.zero() }),
  isEmpty: () => false,
};

export const IndexedGenericConfigEntries: Codec<IndexedGenericConfigEntries> = {
  encode(writer, { Entries, ...meta }) {
    const inner = new MsgpackWriter();
    inner.int(Entries.length);
    for (const entry of Entries) writeEntry(inner, entry);
    QueryMeta.encode(inner, meta);
    writer.raw(inner.finish());
  },
  decode(reader) {
    const inner = new MsgpackReader(reader.raw());
    const Entries: ConfigEntryRow[] = [];
    for (let left = inner.int(); left > 0; left--) {
      const entry = readEntry(inner);
      if (entry !== null) Entries.push(entry);
    }
    return { Entries, ...QueryMeta.decode(inner) };
  },
  zero: () => ({ Entries: [], ...QueryMeta.zero() }),
  isEmpty: () => false,
};

/** `Kind` is that of all entries; `''` = entries of several kinds, which only this program reads. */
export interface IndexedConfigEntries extends QueryMeta {
  readonly Kind: string;
  readonly Entries: readonly ConfigEntryRow[];
}

export const IndexedConfigEntries: Codec<IndexedConfigEntries> = {
  encode(writer, { Kind, Entries, ...meta }) {
    const inner = new MsgpackWriter();
    inner.int(Entries.length);
    inner.string(Kind);
    EntriesBody.encode(inner, { Kind, Entries, ...meta });
    writer.raw(inner.finish());
  },
  decode(reader) {
    const inner = new MsgpackReader(reader.raw());
    inner.int();
    inner.string();
    const { Entries, ...rest } = EntriesBody.decode(inner);
    return { ...rest, Entries: Entries ?? [] };
  },
  zero: () => ({ Kind: '', Entries: [], ...QueryMeta.zero() }),
  isEmpty: () => false,
};

const entryValue: Codec<ConfigEntryRow> = {
  encode: writeBody,
  decode: (reader) => configEntryRow(entryBytes(reader)),
  zero: () => ({ Kind: '', Name: '', CreateIndex: 0, ModifyIndex: 0, body: new Uint8Array() }),
  isEmpty: () => false,
};

const EntriesBody = struct({ Kind: str, Entries: slice(entryValue), ...QueryMeta.fields });

/** `UpstreamIDs` is what 1.8 and later send; before, it was names. */
export const ServiceConfigRequest = struct({
  Name: str,
  Datacenter: str,
  Upstreams: slice(str),
  UpstreamIDs: slice(struct({ ID: str })),
  ...QueryOptions.fields,
});
export type ServiceConfigRequest = TypeOf<typeof ServiceConfigRequest>;

const ServiceConfigBody = struct({
  ProxyConfig: opaqueMap,
  /** Answers `Upstreams`. */
  UpstreamConfigs: map(opaqueMap),
  /** Answers `UpstreamIDs`. */
  UpstreamIDConfigs: slice(struct({ Upstream: struct({ ID: str }), Config: opaqueMap })),
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
  ...QueryMeta.fields,
});

/** What a proxy gets from `service-defaults` and `proxy-defaults`. */
export type ServiceConfigResponse = TypeOf<typeof ServiceConfigBody>;
export const ServiceConfigResponse: Codec<ServiceConfigResponse> = {
  ...ServiceConfigBody,
  encode(writer, value) {
    const inner = new MsgpackWriter();
    ServiceConfigBody.encode(inner, value);
    writer.raw(inner.finish());
  },
  decode: (reader) => ServiceConfigBody.decode(new MsgpackReader(reader.raw())),
};

function writeEntry(writer: MsgpackWriter, entry: ConfigEntryRow): void {
  writer.string(entry.Kind);
  writeBody(writer, entry);
}

function writeBody(writer: MsgpackWriter, entry: ConfigEntryRow): void {
  const body = configEntryBody(entry);
  if (entry.Kind === PROXY_DEFAULTS) writer.raw(body);
  else writer.bytes(body);
}

function readEntry(reader: MsgpackReader): ConfigEntryRow | null {
  const kind = reader.string();
  if (kind === '') return null;
  return { ...configEntryRow(entryBytes(reader)), Kind: kind };
}

function entryBytes(reader: MsgpackReader): Uint8Array {
  if (reader.peek() === 'raw') return reader.raw();
  const start = reader.offset;
  reader.skip();
  return reader.bytes.subarray(start, reader.offset);
}
