/**
 * Go's `time.Time` in its binary form: 15 bytes as a raw value. Kept as seconds and nanoseconds, so
 * that what was read is written back unchanged. The form that newer libraries can be set to, which
 * is msgpack's own timestamp, is read too.
 */

import { MalformedError } from './reader.ts';
import type { Codec } from './schema.ts';

/** Seconds from 0001-01-01T00:00:00Z to the Unix epoch. */
const UNIX_TO_ABSOLUTE_SECONDS = 62_135_596_800;
const ENCODED_BYTES = 15;
const VERSION = 1;
/** The last second of the year 9999: later times have no text (RFC 3339). */
const LAST_ABSOLUTE_SECOND = 315_537_897_599;
const NANOSECONDS_MAX = 999_999_999;
const UTC = -1;

/** A point in time as Go keeps it. */
export interface GoTime {
  /** Seconds since the Unix epoch; negative before it. */
  readonly unixSeconds: number;
  /** 0 … 999,999,999. */
  readonly nanoseconds: number;
  /** Zone offset in minutes; -1 means UTC. */
  readonly zoneMinutes: number;
}

/** Go's zero time, 0001-01-01T00:00:00Z: "not set". */
export const ZERO_TIME: GoTime = {
  unixSeconds: -UNIX_TO_ABSOLUTE_SECONDS,
  nanoseconds: 0,
  zoneMinutes: UTC,
};

export function isZeroTime(time: GoTime): boolean {
  return time.unixSeconds === ZERO_TIME.unixSeconds && time.nanoseconds === 0;
}

/** From milliseconds since the Unix epoch (fractions kept to the nanosecond), in UTC. */
export function goTimeFromUnixMs(unixMs: number): GoTime {
  const unixSeconds = Math.floor(unixMs / 1000);
  const nanoseconds = Math.round((unixMs - unixSeconds * 1000) * 1e6);
  return { unixSeconds, nanoseconds, zoneMinutes: UTC };
}

/** RFC 3339 with nanoseconds, trailing zeros dropped, as Go's JSON has it. */
export function goTimeToRfc3339(time: GoTime): string {
  const offsetMinutes = time.zoneMinutes === UTC ? 0 : time.zoneMinutes;
  const date = new Date((time.unixSeconds + offsetMinutes * 60) * 1000);
  const seconds = date.toISOString().slice(0, 19);
  const fraction =
    time.nanoseconds === 0
      ? ''
      : `.${String(time.nanoseconds).padStart(9, '0').replace(/0+$/, '')}`;
  return `${seconds}${fraction}${zoneText(time.zoneMinutes)}`;
}

function zoneText(zoneMinutes: number): string {
  if (zoneMinutes === UTC || zoneMinutes === 0) return 'Z';
  const absolute = Math.abs(zoneMinutes);
  const hours = String(Math.floor(absolute / 60)).padStart(2, '0');
  const minutes = String(absolute % 60).padStart(2, '0');
  return `${zoneMinutes < 0 ? '-' : '+'}${hours}:${minutes}`;
}

/** Bits of the seconds in a timestamp of 8 bytes; the nanoseconds stand above them. */
const SECONDS_BITS = 34;

/** A time as go-msgpack 1.1.5 and later may write it: 4, 8 or 12 bytes (msgpack's timestamps). */
function timestampOf(encoded: Buffer): GoTime | undefined {
  switch (encoded.length) {
    case 4:
      return { unixSeconds: encoded.readUInt32BE(0), nanoseconds: 0, zoneMinutes: UTC };
    case 8: {
      const both = encoded.readBigUInt64BE(0);
      const unixSeconds = Number(BigInt.asUintN(SECONDS_BITS, both));
      return { unixSeconds, nanoseconds: Number(both >> BigInt(SECONDS_BITS)), zoneMinutes: UTC };
    }
    case 12: {
      const unixSeconds = Number(encoded.readBigInt64BE(4));
      return { unixSeconds, nanoseconds: encoded.readUInt32BE(0), zoneMinutes: UTC };
    }
    default:
      return undefined;
  }
}

export const time: Codec<GoTime> = {
  encode(writer, value) {
    const encoded = Buffer.allocUnsafe(ENCODED_BYTES);
    encoded[0] = VERSION;
    encoded.writeBigInt64BE(BigInt(value.unixSeconds) + BigInt(UNIX_TO_ABSOLUTE_SECONDS), 1);
    encoded.writeUInt32BE(value.nanoseconds, 9);
    encoded.writeInt16BE(value.zoneMinutes, 13);
    writer.raw(encoded);
  },
  decode(reader) {
    if (reader.tryNil()) return ZERO_TIME;
    const encoded = reader.raw();
    const timestamp = timestampOf(encoded);
    if (timestamp !== undefined) return timestamp;
    // Version 2 has one more byte, the seconds of an odd zone offset.
    const version = encoded[0];
    if (
      !(version === VERSION && encoded.length === ENCODED_BYTES) &&
      !(version === 2 && encoded.length === ENCODED_BYTES + 1)
    ) {
      throw new MalformedError(`time of ${encoded.length} bytes, version ${version}`);
    }
    const seconds = Number(encoded.readBigInt64BE(1));
    const nanoseconds = encoded.readUInt32BE(9);
    if (seconds < 0 || seconds > LAST_ABSOLUTE_SECOND || nanoseconds > NANOSECONDS_MAX) {
      throw new MalformedError(`time of second ${seconds}, nanosecond ${nanoseconds}`);
    }
    return {
      unixSeconds: seconds - UNIX_TO_ABSOLUTE_SECONDS,
      nanoseconds,
      zoneMinutes: encoded.readInt16BE(13),
    };
  },
  zero: () => ZERO_TIME,
  isEmpty: isZeroTime,
};
