import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goDurationText, parseGoDuration } from '../../src/go-duration.ts';
import { jsonString } from '../../src/http/json/escape.ts';
import { indentJson } from '../../src/http/json/indent.ts';
import * as read from '../../src/http/json/input.ts';
import * as write from '../../src/http/json/output.ts';
import { JsonDecodeError, parseJson } from '../../src/http/json/parse.ts';

describe('JSON output', () => {
  it('escapes what is dangerous in HTML and keeps the rest', () => {
    expect(jsonString('a<b>&c\u2028\u2029é"')).toBe('"a\\u003cb\\u003e\\u0026c\\u2028\\u2029é\\""');
    expect(jsonString('\b\\b')).toBe('"\\u0008\\\\b"');
    expect(jsonString('\ud800x')).toBe('"\ufffdx"');
  });

  it('tells null, empty and missing apart and keeps 64-bit numbers', () => {
    const shown = write.object<{
      Flags: bigint;
      Value: Uint8Array | null;
      Tags: readonly string[] | null;
      Meta: Readonly<Record<string, string>> | null;
      Kind: string;
    }>({
      Kind: write.omit(write.str),
      Tags: write.list(write.str, '[]'),
      Meta: write.map(write.str),
      Flags: write.int,
      Value: write.base64OrNull,
    });
    const value = { Kind: '', Tags: null, Meta: null, Flags: 18446744073709551615n };
    expect(shown.text({ ...value, Value: Buffer.from('bar') })).toBe(
      '{"Tags":[],"Meta":null,"Flags":18446744073709551615,"Value":"YmFy"}',
    );
    expect(
      shown.text({ ...value, Kind: 'k', Tags: [], Meta: { b: '2', a: '1' }, Value: null }),
    ).toBe(
      '{"Kind":"k","Tags":[],"Meta":{"a":"1","b":"2"},"Flags":18446744073709551615,"Value":null}',
    );
  });

  it('indents as Go does', () => {
    expect(indentJson('{"a":[1,2],"b":{},"c":[],"d":"x{\\"[,:"}')).toBe(
      '{\n    "a": [\n        1,\n        2\n    ],\n    "b": {},\n    "c": [],\n    "d": "x{\\"[,:"\n}',
    );
  });

  it('prints any JSON value so that it reads back the same, indented or not', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = write.any.text(value as never);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(JSON.parse(indentJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe('Go durations', () => {
  it.each([
    ['10s', 10e9],
    ['1m30s', 90e9],
    ['500ms', 500e6],
    ['1h2m', 3720e9],
    ['1.5s', 1.5e9],
    ['-2s', -2e9],
    ['0', 0],
  ])('reads %s', (text, nanoseconds) => expect(parseGoDuration(text)).toBe(nanoseconds));

  it.each(['', '10', 's', '1x', '1s2', '.s'])('refuses %j', (text) =>
    expect(parseGoDuration(text)).toBeNull(),
  );

  it.each([
    [0, '0s'],
    [10e9, '10s'],
    [90e9, '1m30s'],
    [3600e9, '1h0m0s'],
    [1.5e9, '1.5s'],
    [250e6, '250ms'],
    [1500, '1.5µs'],
    [7, '7ns'],
  ])('prints %d ns', (nanoseconds, text) => expect(goDurationText(nanoseconds)).toBe(text));
});

describe('JSON input', () => {
  const service = read.object(
    { Service: read.str, Port: read.int, Tags: read.list(read.str) },
    { name: 'NodeService', unknown: 'refuse' },
  );
  const request = read.object(
    {
      Node: read.str,
      SkipNodeUpdate: read.bool,
      Service: read.pointer(service),
      Interval: read.duration,
    },
    { name: 'RegisterRequest', unknown: 'refuse' },
  );

  it('matches keys without case and underscores, and gives zero values for the rest', () => {
    expect(read.decodeJson(request, '{"node":"n","skip_node_update":true} trailing')).toEqual({
      Node: 'n',
      SkipNodeUpdate: true,
      Service: null,
      Interval: 0,
    });
    expect(read.decodeJson(request, '{"Interval":"10s","Service":{"PORT":1}}')).toMatchObject({
      Interval: 10e9,
      Service: { Service: '', Port: 1, Tags: null },
    });
  });

  it.each([
    ['', 'EOF'],
    ['{', 'unexpected EOF'],
    ['{"Node":"n1","Bogus":1}', 'json: unknown field "Bogus"'],
    [
      '{"Namespace":"x"}',
      'json: unknown field "Namespace" - Namespaces are a Consul Enterprise feature',
    ],
    [
      '{"Node":1}',
      'json: cannot unmarshal number into Go struct field RegisterRequest.Node of type string',
    ],
    ['{"Interval":"10"}', 'time: missing unit in duration "10"'],
    ['[]', 'json: cannot unmarshal array into Go value of type RegisterRequest'],
    ['{"Node":x', "invalid character 'x' looking for beginning of value"],
  ])('says why it cannot read %j', (body, text) => {
    expect(() => read.decodeJson(request, body)).toThrow(new JsonDecodeError(text));
  });

  it('drops names that only later releases know', () => {
    expect(read.decodeJson(request, '{"Node":"n","Partition":"default","PeerName":""}').Node).toBe(
      'n',
    );
  });

  it('refuses arbitrary text with nothing but its own error', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:0-9.eE+tfn\\u \n') }), (text) => {
        try {
          parseJson(text);
        } catch (error) {
          expect(error).toBeInstanceOf(JsonDecodeError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
