/**
 * Consul's user events, which travel inside serf's: `consul:event:<name>` with a payload in the new
 * msgpack format (str8 and bin occur), and `consul:new-leader` with a node name.
 */

import { MsgpackReader } from '../msgpack/reader.ts';
import { bytes, i64, str, struct } from '../msgpack/schema.ts';
import { type Read, readStruct, refused } from './messages.ts';

export const CONSUL_EVENT_PREFIX = 'consul:event:';
export const NEW_LEADER_EVENT = 'consul:new-leader';
const PAYLOAD_VERSION = 1;

/** A user event of Consul's API. Filters are regular expressions; empty ones do not filter. */
export interface ConsulEvent {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly payload: Uint8Array;
  readonly nodeFilter: string;
  readonly serviceFilter: string;
  readonly tagFilter: string;
  readonly version: number;
}

const Payload = struct({ ID: str, n: str, p: bytes, nf: str, sf: str, tf: str, v: i64 });

/** The payload of the serf event `consul:event:<name>`. */
export function encodeConsulEvent(event: Omit<ConsulEvent, 'version'>): Buffer {
  const parts: Buffer[] = [];
  let count = 0;
  const field = (key: string, value: Buffer): void => {
    count += 1;
    parts.push(newString(key), value);
  };
  const text = (key: string, value: string): void => {
    if (value !== '') field(key, newString(value));
  };
  field('ID', newString(event.id));
  field('n', newString(event.name));
  text('nf', event.nodeFilter);
  if (event.payload.length > 0) field('p', newBinary(event.payload));
  text('sf', event.serviceFilter);
  text('tf', event.tagFilter);
  field('v', Buffer.of(PAYLOAD_VERSION));
  return Buffer.concat([Buffer.of(0x80 | count), ...parts]);
}

/** Reads the payload of a `consul:event:` event. Never throws. */
export function readConsulEvent(payload: Uint8Array): Read<ConsulEvent> {
  if (payload.length === 0 || new MsgpackReader(payload).peek() !== 'map') {
    return refused('Failed to decode event: a map was expected');
  }
  const read = readStruct(Payload, payload, 0);
  if (!read.ok) return refused(`Failed to decode event: ${read.error}`);
  const { ID, n, p, nf, sf, tf, v } = read.value;
  return {
    ok: true,
    value: {
      id: ID,
      name: n,
      payload: Buffer.from(p ?? new Uint8Array(0)),
      nodeFilter: nf,
      serviceFilter: sf,
      tagFilter: tf,
      version: v,
    },
  };
}

function newString(text: string): Buffer {
  const data = Buffer.from(text);
  if (data.length < 32) return Buffer.concat([Buffer.of(0xa0 | data.length), data]);
  return sized(0xd9, 0xda, 0xdb, data);
}

function newBinary(data: Uint8Array): Buffer {
  return sized(0xc4, 0xc5, 0xc6, data);
}

function sized(one: number, two: number, four: number, data: Uint8Array): Buffer {
  const size = data.length;
  if (size < 0x100) return Buffer.concat([Buffer.of(one, size), data]);
  const wide = size < 0x1_0000;
  const header = Buffer.alloc(wide ? 3 : 5);
  header[0] = wide ? two : four;
  if (wide) header.writeUInt16BE(size, 1);
  else header.writeUInt32BE(size, 1);
  return Buffer.concat([header, data]);
}
