/**
 * Config entries. An entry is kept as the bytes it came in, because each kind and each version of
 * Consul has fields of its own; only kind, name and the two indexes are looked at here.
 */

import { MalformedError, type MsgpackAny, MsgpackReader } from '../wire/msgpack/reader.ts';
import { type Codec, encode, str, struct, type TypeOf } from '../wire/msgpack/schema.ts';
import { MsgpackWriter } from '../wire/msgpack/writer.ts';
import { RaftIndex } from './blocks.ts';

/** The kind whose entry travels as a raw value inside of the request. */
const PROXY_DEFAULTS = 'proxy-defaults';

/** Kinds that Consul 1.9 has, in the order it names them. */
export const CONFIG_ENTRY_KINDS = [
  'service-defaults',
  PROXY_DEFAULTS,
  'service-router',
  'service-splitter',
  'service-resolver',
  'ingress-gateway',
  'terminating-gateway',
  'service-intentions',
] as const;

export function isConfigEntryKind(kind: string): boolean {
  return (CONFIG_ENTRY_KINDS as readonly string[]).includes(kind);
}

/** An entry as the store keeps it. */
export interface ConfigEntryRow extends RaftIndex {
  readonly Kind: string;
  readonly Name: string;
  /** The msgpack map of the entry; its indexes may be older than those of the row. */
  readonly body: Uint8Array;
}

/** `Op`: `upsert`, `upsert-cas`, `delete`; `''` in snapshots. */
export interface ConfigEntryRequest {
  readonly Kind: string;
  readonly Datacenter: string;
  readonly Op: string;
  readonly Token: string;
  readonly Entry: ConfigEntryRow;
}

/** What is looked at of an entry. */
const EntryHead = struct({ Kind: str, Name: str, ...RaftIndex.fields });
type EntryHead = TypeOf<typeof EntryHead>;

/** The entry's fields as plain values, with the indexes of the row. */
export function configEntryFields(row: ConfigEntryRow): Readonly<Record<string, MsgpackAny>> {
  const fields = new MsgpackReader(row.body).any();
  const { CreateIndex, ModifyIndex } = row;
  return { ...(fields as Readonly<Record<string, MsgpackAny>>), CreateIndex, ModifyIndex };
}

/** The row of an entry's map. Throws `MalformedError` when it is none. */
export function configEntryRow(body: Uint8Array): ConfigEntryRow {
  const reader = new MsgpackReader(body);
  if (reader.peek() !== 'map') throw new MalformedError('a config entry that is no map');
  const head: EntryHead = EntryHead.decode(reader);
  return { ...head, body: configEntryBody({ ...head, body }) };
}

/** An entry's map with the indexes of the row, every other byte as it was. */
export function configEntryBody(row: ConfigEntryRow): Uint8Array {
  const reader = new MsgpackReader(row.body);
  const writer = new MsgpackWriter();
  const count = reader.mapHeader();
  writer.mapHeader(count);
  for (let field = 0; field < count; field++) {
    const start = reader.offset;
    const key = reader.string();
    const valueStart = reader.offset;
    reader.skip();
    if (key === 'CreateIndex' || key === 'ModifyIndex') {
      writer.bytes(row.body.subarray(start, valueStart));
      writer.int(row[key]);
    } else {
      writer.bytes(row.body.subarray(start, reader.offset));
    }
  }
  return writer.finish();
}

/** One raw value: the kind, then the request map; `proxy-defaults` nests its entry once more. */
export const ConfigEntryRequest: Codec<ConfigEntryRequest> = {
  encode(writer, request) {
    const inner = new MsgpackWriter();
    inner.string(request.Kind);
    inner.mapHeader(4);
    inner.string('Datacenter');
    inner.string(request.Datacenter);
    inner.string('Entry');
    const body = configEntryBody(request.Entry);
    if (request.Kind === PROXY_DEFAULTS) inner.raw(body);
    else inner.bytes(body);
    inner.string('Op');
    inner.string(request.Op);
    inner.string('Token');
    inner.string(request.Token);
    writer.raw(inner.finish());
  },
  decode(reader) {
    return decodeRequest(new MsgpackReader(reader.raw()));
  },
  zero() {
    const Entry = { Kind: '', Name: '', body: encode(EntryHead, EntryHead.zero()), ...NO_INDEX };
    return { Kind: '', Datacenter: '', Op: '', Token: '', Entry };
  },
  isEmpty: () => false,
};

const NO_INDEX: RaftIndex = { CreateIndex: 0, ModifyIndex: 0 };

function decodeRequest(reader: MsgpackReader): ConfigEntryRequest {
  const texts = { Datacenter: '', Op: '', Token: '' };
  const kind = reader.string();
  let entry: ConfigEntryRow | null = null;
  for (let left = reader.mapHeader(); left > 0; left--) {
    const key = reader.string();
    if (key === 'Datacenter' || key === 'Op' || key === 'Token') texts[key] = str.decode(reader);
    else if (key === 'Entry') entry = configEntryRow(entryBytes(reader));
    else reader.skip();
  }
  if (entry === null) throw new MalformedError(`config entry request of kind ${kind} has no entry`);
  return { Kind: kind, ...texts, Entry: entry.Kind === '' ? { ...entry, Kind: kind } : entry };
}

function entryBytes(reader: MsgpackReader): Uint8Array {
  if (reader.peek() === 'raw') return reader.raw();
  const start = reader.offset;
  reader.skip();
  return reader.bytes.subarray(start, reader.offset);
}
