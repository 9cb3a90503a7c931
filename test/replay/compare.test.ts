import { describe, expect, it } from 'vitest';
import type { ExactJson } from '../../src/cli/exact-json.ts';
import type { Answer } from './client.ts';
import { differences } from './compare.ts';
import { loadRecording, type RecordedExchange } from './recording.ts';

function recorded(body: ExactJson, more: Partial<RecordedExchange> = {}): RecordedExchange {
  return {
    name: 'x',
    setup: [],
    request: { method: 'GET', path: '/' },
    response: { status: 200, headers: { 'Content-Type': 'application/json' }, body },
    volatile: [],
    ...more,
  };
}

function answer(json: ExactJson, headers: Readonly<Record<string, string>> = {}): Answer {
  const body = Buffer.from(String(json));
  return {
    status: 200,
    headers: new Map(Object.entries({ 'content-type': 'application/json', ...headers })),
    body,
    json,
    tookMs: 1,
  };
}

const PORT = `\${port}`;
const expand = (text: string): string => text.replace(PORT, '8300');

describe('comparing an answer with a recording', () => {
  it('tells null, empty and missing apart', () => {
    expect(differences(recorded({ a: null }), answer({ a: [] }), expand)).toHaveLength(1);
    expect(differences(recorded({ a: null }), answer({}), expand)).toEqual(['$.a is missing']);
    expect(differences(recorded({}), answer({ a: null }), expand)).toEqual(['$.a is not expected']);
  });

  it('lets a volatile place vary in value, not in type', () => {
    const exchange = recorded([{ i: 1 }, { i: 2 }], { volatile: ['$[*].i'] });
    expect(differences(exchange, answer([{ i: 7 }, { i: 8 }]), expand)).toEqual([]);
    expect(differences(exchange, answer([{ i: 7 }, { i: 'x' }]), expand)).toHaveLength(1);
  });

  it('compares unordered lists as sets and others in order', () => {
    expect(differences(recorded(['a', 'b']), answer(['b', 'a']), expand)).toHaveLength(2);
    const free = recorded(['a', 'b'], { unordered: ['$'] });
    expect(differences(free, answer(['b', 'a']), expand)).toEqual([]);
  });

  it('takes a number for a text made of variables', () => {
    expect(differences(recorded({ p: PORT }), answer({ p: 8300 }), expand)).toEqual([]);
    expect(differences(recorded({ p: `x${PORT}` }), answer({ p: 8300 }), expand)).toHaveLength(1);
  });

  it('counts headers that are present though they were not', () => {
    const found = differences(recorded(1), answer(1, { 'x-consul-index': '3' }), expand);
    expect(found).toEqual(['header x-consul-index: 3 is not expected']);
  });

  it('keeps integers beyond 2^53 exact', () => {
    const flags = 18446744073709551615n;
    expect(differences(recorded({ f: flags }), answer({ f: 5 }), expand)).toHaveLength(1);
  });
});

describe('the recordings', () => {
  it.each([
    ['02-status', 4],
    ['03-catalog', 90],
    ['04-health', 44],
    ['07-kv', 95],
    ['16-federation-states', 13],
    ['33-wan-federation', 23],
  ])('%s has %d exchanges', (name, count) =>
    expect(loadRecording(name).exchanges).toHaveLength(count),
  );
});
