/** The transport bytes of real servers, decoded and encoded again to the same bytes. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../../src/wire/msgpack/schema.ts';
import {
  decodeConfiguration,
  decodePeers,
  encodeConfiguration,
  encodePeers,
} from '../../../src/wire/raft/configuration.ts';
import { LogEntry } from '../../../src/wire/raft/log-entry.ts';
import type { RaftRequest, RaftResponse, RaftRpc } from '../../../src/wire/raft/messages.ts';
import {
  encodeRequest,
  encodeResponse,
  RequestParser,
  ResponseParser,
} from '../../../src/wire/raft/transport.ts';

interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly hex: string;
  readonly decoded: Record<string, unknown>;
}

const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../../vectors/raft.json', import.meta.url), 'utf8'),
);
const ofKind = (...kinds: string[]): readonly Vector[] =>
  VECTORS.filter((vector) => kinds.includes(vector.kind));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

interface Parsed {
  readonly requests: readonly RaftRequest[];
  readonly state: Buffer;
  readonly failures: readonly string[];
}

/** Feeds in pieces of `size` bytes. */
function parseRequests(bytes: Buffer, size: number): Parsed {
  const requests: RaftRequest[] = [];
  const state: Uint8Array[] = [];
  const failures: string[] = [];
  const parser = new RequestParser({
    request: (request) => requests.push(request),
    state: (chunk) => state.push(chunk),
    failed: (reason) => failures.push(reason),
  });
  for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size));
  return { requests, state: Buffer.concat(state), failures };
}

/** Strips values down to what the vectors spell: text where printable, else hex. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    const text = Buffer.from(value).toString('latin1');
    return /^[\x20-\x7e]*$/.test(text) ? text : { $hex: hexOf(value) };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, plain(field)]));
}

describe('raft transport, recorded requests', () => {
  for (const { name, hex, decoded } of ofKind(
    'raft-rpc-request',
    'raft-rpc-request-later',
    'captured-rpc',
  )) {
    it(`${name} decodes and encodes to the same bytes, however split`, () => {
      const bytes = Buffer.from(hex, 'hex');
      for (const size of [bytes.length, 1, 7]) {
        const { requests, state, failures } = parseRequests(bytes, size);
        expect(failures).toEqual([]);
        expect(requests).toHaveLength(1);
        const request = requests[0] as RaftRequest;
        expect(hexOf(encodeRequest(request)) + hexOf(state)).toBe(hex);
        if (request.rpc !== 'append-entries') {
          expect(plain(request.body)).toEqual(decoded['request']);
        }
      }
    });
  }

  it('reads requests that follow one another, a snapshot between them', () => {
    const all = ofKind('raft-rpc-request', 'raft-rpc-request-later');
    const bytes = Buffer.from(all.map((vector) => vector.hex).join(''), 'hex');
    for (const size of [bytes.length, 1, 64]) {
      expect(parseRequests(bytes, size).requests).toHaveLength(all.length);
    }
  });

  it('refuses an unknown type and foreign bytes, once', () => {
    expect(parseRequests(Buffer.from('0981', 'hex'), 2).failures).toEqual([
      'unknown request type 9',
    ]);
    expect(parseRequests(Buffer.from('00c1c1c1', 'hex'), 1).failures).toEqual(['malformed']);
    expect(parseRequests(Buffer.from('00a161', 'hex'), 3).failures).toHaveLength(1);
  });
});

describe('raft transport, arbitrary bytes', () => {
  const ignore = { request: () => {}, state: () => {}, response: () => {}, failed: () => {} };

  it('never throws, whatever arrives and however it is split', () => {
    const piece = fc.uint8Array({ maxLength: 80 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), fc.nat(4), (pieces, type) => {
        const requests = new RequestParser(ignore);
        const responses = new ResponseParser(ignore);
        responses.expect('append-entries');
        requests.feed(Uint8Array.of(type));
        for (const one of pieces) {
          requests.feed(one);
          responses.feed(one);
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it('never throws on recorded requests with a byte changed', () => {
    for (const { hex } of ofKind('raft-rpc-request')) {
      const bytes = Buffer.from(hex, 'hex');
      for (let at = 0; at < bytes.length; at++) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] as number) ^ 0xa5;
        new RequestParser(ignore).feed(damaged);
      }
    }
  });
});

const RESPONSE_RPC: readonly [string, RaftRpc][] = [
  ['append', 'append-entries'],
  ['request_vote', 'request-vote'],
  ['install', 'install-snapshot'],
  ['timeout', 'timeout-now'],
];

describe('raft transport, recorded responses', () => {
  for (const { name, hex, decoded } of ofKind('raft-rpc-response')) {
    it(`${name} decodes and encodes to the same bytes, however split`, () => {
      const rpc = RESPONSE_RPC.find(([prefix]) => name.startsWith(prefix))?.[1] as RaftRpc;
      const bytes = Buffer.from(hex, 'hex');
      for (const size of [bytes.length, 1]) {
        const answers: { error: string; body: RaftResponse['body'] | null }[] = [];
        const parser = new ResponseParser({
          response: (_, error, body) => answers.push({ error, body }),
          failed: (reason) => expect.fail(reason),
        });
        parser.expect(rpc);
        for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size));
        expect(plain(answers)).toEqual([{ error: decoded['error'], body: decoded['response'] }]);
        const { error, body } = answers[0] as (typeof answers)[0];
        const response = body === null ? null : ({ rpc, body } as RaftResponse);
        expect(hexOf(encodeResponse(error, response))).toBe(hex);
      }
    });
  }

  it('refuses an answer to no request', () => {
    const failures: string[] = [];
    const parser = new ResponseParser({
      response: () => expect.fail('no request was sent'),
      failed: (reason) => failures.push(reason),
    });
    parser.feed(Buffer.from('a0c0a0c0', 'hex'));
    expect(failures).toEqual(['an answer to no request']);
  });
});

describe('raft log entries and configurations, recorded', () => {
  for (const { name, hex, decoded } of ofKind('log-store-value', 'raft-log-chunk')) {
    it(`${name} decodes and encodes to the same bytes`, () => {
      const entry = decode(LogEntry, Buffer.from(hex, 'hex'));
      expect(hexOf(encode(LogEntry, entry))).toBe(hex);
      expect(entry.Index).toBe(((decoded['log'] ?? decoded) as { Index: number }).Index);
    });
  }

  for (const { name, hex, decoded } of ofKind('configuration')) {
    it(`${name} decodes and encodes to the same bytes`, () => {
      const bytes = Buffer.from(hex, 'hex');
      const legacy = Array.isArray(decoded);
      const read = legacy ? decodePeers(bytes) : decodeConfiguration(bytes);
      if (!read.ok) throw new Error(read.text);
      expect(hexOf((legacy ? encodePeers : encodeConfiguration)(read.value))).toBe(hex);
    });
  }
});
