/** What the fuzzer, and looking for what it would find with larger inputs, has brought to light. */

import { crc32, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES } from '../../actors/raft/log-frame.ts';
import { parseHcl } from '../../src/config/hcl.ts';
import { rootRecord } from '../../src/connect/certificates.ts';
import { DecodeError } from '../../src/fsm/errors.ts';
import { restoreState } from '../../src/fsm/restore.ts';
import { parseGoDuration } from '../../src/go-duration.ts';
import { JsonDecodeError, parseJson } from '../../src/http/json/parse.ts';
import { RegisterRequest } from '../../src/model/catalog.ts';
import { configEntryBody, configEntryRow } from '../../src/model/config-entry.ts';
import { decodePem, encodePem } from '../../src/tls/pki/pem.ts';
import { PkiError } from '../../src/tls/pki/pki-error.ts';
import { encodeTyped, MESSAGE_TYPE, UserMessageHeader } from '../../src/wire/gossip/messages.ts';
import { StreamParser } from '../../src/wire/gossip/stream.ts';
import { MalformedError } from '../../src/wire/msgpack/reader.ts';
import { decode, encode, tryDecode } from '../../src/wire/msgpack/schema.ts';
import { time } from '../../src/wire/msgpack/time.ts';
import { decodeOwnFile } from '../../src/wire/own-file.ts';
import { LogEntry } from '../../src/wire/raft/log-entry.ts';
import { packed, unpacked } from '../support/archives.ts';
import { vectorFile } from '../support/vectors.ts';

// Each of these took minutes or hours: the time limit of the test is what would notice.
describe('time', () => {
  it('a duration of digits without a unit is refused at once', () => {
    expect(parseGoDuration('3'.repeat(500_000))).toBeNull();
    expect(parseGoDuration('1.5h.5s')).toBe(5_400_500_000_000);
    expect(parseGoDuration('1.h')).toBe(3_600_000_000_000);
  });

  it('a PEM block of blanks without an end is refused at once', () => {
    expect(decodePem(`-----BEGIN A-----${' \n'.repeat(200_000)}`)).toBeUndefined();
    expect(decodePem('-----BEGIN A-----\n'.repeat(50_000))).toBeUndefined();
    const pem = encodePem('A', Buffer.from('der'));
    expect(decodePem(`text\n-----BEGIN B-----\n-----END C-----\n${pem}`)?.der).toEqual(
      Buffer.from('der'),
    );
  });

  it('a gossip stream that comes in small pieces is looked at once', () => {
    const parser = new StreamParser({ label: '', peer: 'dialer', keys: [], plaintext: 'refuse' });
    // A header with an unknown field of a million nils.
    const head = Buffer.from('0681a178dd000f4240', 'hex');
    parser.feed(head);
    const piece = Buffer.alloc(64, 0xc0);
    for (let n = 0; n < 12_000; n++) expect(parser.feed(piece).state).toBe('incomplete');
  });

  it('a state with one long record in small pieces is looked at once', async () => {
    const long = Buffer.concat([
      Buffer.from('81a94c617374496e64657805', 'hex'),
      Buffer.from([30, 0xdd, 0, 0x0f, 0x42, 0x40]),
      Buffer.alloc(1_000_000, 0xc0),
    ]);
    const pieces = Array.from({ length: Math.ceil(long.length / 100) }, (_, n) =>
      long.subarray(n * 100, n * 100 + 100),
    );
    const restored = await restoreState(pieces);
    expect(restored.lastIndex).toBe(5);
  });
});

describe('memory', () => {
  it('a list of nils does not become as many checks', () => {
    const count = 8_000_000;
    const header = Buffer.from('81a6436865636b73dd00000000', 'hex');
    header.writeUInt32BE(count, header.length - 4);
    const body = Buffer.concat([header, Buffer.alloc(count, 0xc0)]);
    expect(() => decode(RegisterRequest, body)).toThrow(MalformedError);
  });

  it('a JSON body of very many values is refused', () => {
    expect(() => parseJson(`[${'{},'.repeat(300_000)}{}]`)).toThrow(JsonDecodeError);
  });
});

describe('stack', () => {
  it('a JSON text of many megabytes is read', () => {
    const text = 'é'.repeat(20_000_000);
    expect(parseJson(`"${text}"`)).toBe(text);
    expect(() => parseJson(`"${text}`)).toThrow(new JsonDecodeError('unexpected EOF'));
    expect(() => parseJson('"a\\')).toThrow(JsonDecodeError);
    expect(() => parseJson('"\\q"')).toThrow("invalid character 'q' in string escape code");
  });

  it('a configuration of millions of comments is read', () => {
    expect(parseHcl(`${'#\n'.repeat(4_000_000)}a = 1`)).toEqual({ a: 1 });
  });
});

describe('errors', () => {
  it('an archive with a member of negative size is refused', async () => {
    const header = Buffer.alloc(512);
    header.write('meta.json');
    header.write('-0000001000', 124);
    header.write('x', 156);
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    await expect(unpacked(gzipSync(Buffer.alloc(2048, header)))).rejects.toThrow(DecodeError);
  });

  it('metadata of other types than expected is refused', async () => {
    const Configuration = { Servers: [] };
    const meta = { Version: 1, ID: 'a', Index: 1, Term: 1, Peers: '', ConfigurationIndex: 1 };
    const ID = { toString: 1 } as unknown as string;
    const archive = await packed({
      meta: { ...meta, ID, Configuration, Size: 0 },
      state: new Uint8Array(0),
    });
    await expect(unpacked(archive)).rejects.toThrow('ID is not a text');
  });

  it('times without a text are refused', () => {
    const far = Buffer.from('af017fffffffffffffff00000000ffff', 'hex');
    expect(tryDecode(time, far)).toMatchObject({ ok: false, reason: 'malformed' });
    const fraction = Buffer.from('af010000000e7791f700ffffffffffff', 'hex');
    expect(tryDecode(time, fraction)).toMatchObject({ ok: false, reason: 'malformed' });
  });

  it('a file with a sound checksum and foreign content holds nothing', () => {
    expect(decodeOwnFile(Buffer.from('7a8e1c3ea161de0001a1', 'hex'))).toBeUndefined();
  });

  it('damage inside a sound frame is told from a torn one', () => {
    const entry = LogEntry.of({ Index: 1, Term: 1, Data: Buffer.from('x') });
    const place = { offset: 0, number: 0, salt: 7 };
    const frame = encodeFrame([{ kind: 'entry', entry }], place);
    expect(decodeFrame(frame.subarray(0, -1), place)).toMatchObject({ torn: true });
    // The last byte of the record changed, and the frame summed up anew.
    frame[frame.length - 2] = (frame[frame.length - 2] as number) ^ 1;
    frame.writeUInt32BE(crc32(frame.subarray(FRAME_HEADER_BYTES)), 16);
    frame.writeUInt32BE(crc32(frame.subarray(0, 20), 7), 20);
    const read = decodeFrame(frame, place);
    const value = 'record at 0 of a sound frame does not check';
    expect(read.ok && read.records.next()).toEqual({ done: true, value });
  });

  it('a config entry is a map, and what follows the map is not kept', () => {
    const body = Buffer.from('82a44b696e64a16ba44e616d65a16e', 'hex');
    const row = configEntryRow(Buffer.concat([body, Buffer.of(0xc1)]));
    expect(row.body).toEqual(body);
    expect(configEntryBody(row)).toEqual(body);
    for (const hex of ['c0', '90', '92a16ba16e']) {
      expect(() => configEntryRow(Buffer.from(hex, 'hex'))).toThrow(MalformedError);
    }
  });

  it('a config entry whose index is beyond what is counted says the same in its map and beside', () => {
    const body = Buffer.from('82a44b696e64a16bab437265617465496e646578cfa645787066f07365', 'hex');
    const row = configEntryRow(body);
    expect(row.CreateIndex).toBe(Number.MAX_SAFE_INTEGER);
    expect(configEntryRow(configEntryBody(row))).toEqual(row);
  });

  it('a certificate whose key or content is foreign is refused', () => {
    const der = decodePem(vectorFile('tls/server.pem').toString('latin1'))?.der ?? Buffer.alloc(0);
    for (let at = 0; at < der.length; at++) {
      const damaged = Buffer.from(der);
      damaged[at] = (damaged[at] as number) ^ 0x80;
      try {
        rootRecord(encodePem('CERTIFICATE', damaged), 'cluster');
      } catch (error) {
        expect(error).toBeInstanceOf(PkiError);
      }
    }
  });

  it('a message that ends within its header waits, and is told when it is over', () => {
    const header = encodeTyped(MESSAGE_TYPE.user, UserMessageHeader, { UserMsgLen: 2 });
    const rules = { label: '', peer: 'dialer', keys: [], plaintext: 'refuse' } as const;
    const parser = new StreamParser(rules);
    expect(parser.feed(header.subarray(0, 5)).state).toBe('incomplete');
    expect(parser.feed(header.subarray(5)).state).toBe('incomplete');
    expect(parser.feed(Buffer.from('ab'))).toMatchObject({ state: 'done' });
    expect(encode(UserMessageHeader, { UserMsgLen: 2 })).toEqual(header.subarray(1));
  });
});
