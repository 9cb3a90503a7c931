/** Decoders of the HTTP API: parameters, JSON bodies, filters, patterns, durations. */

import { isDeepStrictEqual } from 'node:util';
import {
  CHECK_SERVICE_NODE_FIELDS,
  HEALTH_CHECK_FIELDS,
  NODE_FIELDS,
  SERVICE_NODE_FIELDS,
} from '../../../src/filter/fields.ts';
import { compileFilter } from '../../../src/filter/filter.ts';
import { FilterError } from '../../../src/filter/parse.ts';
import { durationComplaint, goDurationText, parseGoDuration } from '../../../src/go-duration.ts';
import * as agentBodies from '../../../src/http/json/agent-bodies.ts';
import * as bodies from '../../../src/http/json/bodies.ts';
import { coordinateUpdateInput } from '../../../src/http/json/coordinate-bodies.ts';
import { any, decodeJson, type JsonInput } from '../../../src/http/json/input.ts';
import { JsonDecodeError } from '../../../src/http/json/parse.ts';
import { HttpError, type HttpRequest } from '../../../src/http/message.ts';
import {
  nodeMetaFilters,
  querySource,
  readOptions,
  refuseNamespace,
} from '../../../src/http/options.ts';
import { parseQuery } from '../../../src/http/query.ts';
import { compilePattern } from '../../../src/model/pattern.ts';
import { NO_ARCHIVE } from '../../../src/rpc/snapshots.ts';
import { declared, must, OBJECTS, type Target, textBytes, whole } from '../engine/target.ts';

const textOf = (pieces: readonly Uint8Array[]): string => whole(pieces).toString('utf8');
const OWN = { datacenter: 'dc1', node: 'n1', segment: '' };

/** Two lines: the query, and a header that caches read. */
const query: Target = {
  name: 'http-query',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: ['index=', 'wait=', '5m', '&', '%', '%zz', '+', 'node-meta=a:b', 'cached', 'max-age='],
  seeds: () =>
    [
      'dc=dc2&index=18446744073709551615&wait=1m30s&stale\nmax-age=5',
      'consistent&near=_agent&node-meta=a:b&filter=Node%3D%3Dweb&token=x&max_stale=10s\n',
      'cached&ns=\nmust-revalidate, stale-if-error=1',
    ].map(textBytes),
  read(pieces) {
    const [text = '', cacheControl] = textOf(pieces).split('\n');
    const parsed = parseQuery(text);
    if (parsed === null) return null;
    const request: HttpRequest = {
      method: 'GET',
      path: '/v1/catalog/nodes',
      query: parsed,
      headers: { 'cache-control': cacheControl, authorization: cacheControl },
      remoteAddress: '127.0.0.1',
      signal: AbortSignal.abort(),
      closing: AbortSignal.abort(),
      contentLength: null,
      body: () => Promise.resolve(Buffer.alloc(0)),
      chunks: () => NO_ARCHIVE,
    };
    return [
      declared(() => readOptions(request, OWN), HttpError),
      declared(() => refuseNamespace(request), HttpError),
      querySource(request, OWN),
      nodeMetaFilters(request),
    ];
  },
};

const INPUTS = [any, coordinateUpdateInput, ...Object.values(bodies), ...Object.values(agentBodies)]
  .filter((value) => typeof value === 'object' && 'read' in value)
  .map((value) => value as JsonInput<unknown>);

/** The first byte chooses the body. */
const json: Target = {
  name: 'http-json',
  input: 'whole',
  outcomeBytes: { base: 64 * 1024, perByte: 1024 },
  tokens: [
    '{"',
    '":',
    '[',
    ']',
    '}',
    'null',
    '\\u0000',
    '1e999',
    '-0',
    '__proto__',
    'Checks',
    'TTL',
  ],
  seeds: () =>
    INPUTS.flatMap((_, n) =>
      [
        '{"Node":"n","Address":"10.0.0.1","Service":{"Service":"web","Port":80,"Tags":["a"]}}',
        '{"Name":"web","Check":{"TTL":"10s","Args":["a"]},"Checks":[{"HTTP":"http://x","Interval":5}]}',
        '{"a":[1,-2.5e3,"\\u00e9",true,false,null,{}]}',
      ].map((text) => Buffer.concat([Buffer.of(n), textBytes(text)])),
    ),
  read(pieces) {
    const input = whole(pieces);
    const text = input.toString('utf8', 1);
    const chosen = INPUTS[(input[0] ?? 0) % INPUTS.length] as JsonInput<unknown>;
    sameAsJson(text);
    return declared(() => decodeJson(chosen, text), JsonDecodeError);
  },
};

/** What the language's own parser reads is read here as well, and as the same. */
function sameAsJson(text: string): void {
  let expected: unknown;
  try {
    expected = JSON.parse(text);
  } catch {
    return;
  }
  const ours = declared(() => decodeJson(any, text), JsonDecodeError);
  const tooDeep = isDeepStrictEqual(ours, { refusal: 'exceeded max depth' });
  must(tooDeep || isDeepStrictEqual(ours, expected), 'JSON is read as JSON.parse reads it');
}

const SHAPES = [NODE_FIELDS, SERVICE_NODE_FIELDS, HEALTH_CHECK_FIELDS, CHECK_SERVICE_NODE_FIELDS];
const ROW = {
  ID: '1',
  Node: 'n1',
  Address: '10.0.0.1',
  Datacenter: 'dc1',
  TaggedAddresses: { lan: '10.0.0.1' },
  Meta: { a: 'b' },
  ServiceTags: ['v1', 'v2'],
  ServicePort: 80,
  Status: 'passing',
  Checks: [{ CheckID: 'c', Status: 'critical' }],
};

/** The first byte chooses the rows. */
const filter: Target = {
  name: 'filter',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: [' and ', ' or ', 'not ', '(', ')', ' in ', ' contains ', ' is empty', ' matches ', '=='],
  seeds: () =>
    [
      'Node == n1 and "v1" in ServiceTags',
      'not (Meta["a"] != b or Meta.a is not empty)',
      'Address matches "10[.].*" or Status == `passing`',
      'any Checks { Status == passing }',
      'ServicePort == 80',
    ].flatMap((text) => SHAPES.map((_, n) => Buffer.concat([Buffer.of(n), textBytes(text)]))),
  read(pieces) {
    const input = whole(pieces);
    const shape = SHAPES[(input[0] ?? 0) % SHAPES.length];
    if (shape === undefined) return null;
    return declared(() => compileFilter(input.toString('utf8', 1), shape)(ROW), FilterError);
  },
};

/** What a member's tag may hold. */
const MATCHED_CHARACTERS_MAX = 512;

/** Two lines: the expression and the text. */
const pattern: Target = {
  name: 'pattern',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: [
    '(?i)',
    '[[:alpha:]]',
    '{1000}',
    '{0,999}',
    '(?P<n>',
    '\\d',
    '\\b',
    '|',
    '*?',
    '[^',
    ')',
  ],
  seeds: () =>
    [
      '^web-(\\d+|[a-z]{2,4})$\nweb-12',
      '(?i)(a|b)*?c\\b\nABABC',
      '(x+x+)+y\nxxxxxxxxxx',
      '[^\\]]\n]',
    ].map(textBytes),
  read(pieces) {
    const [expression = '', ...text] = textOf(pieces).split('\n');
    const matched = text.join('\n').slice(0, MATCHED_CHARACTERS_MAX);
    return compilePattern(expression)?.matches(matched) ?? null;
  },
};

const duration: Target = {
  name: 'go-duration',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: ['1h', 'm', 's', 'ms', 'µs', 'ns', '.5', '-', '9223372036854775807', '9'.repeat(400)],
  seeds: () => ['1h15m30.918s', '-1.5h', '+5us', '0', '.5s'].map(textBytes),
  read(pieces) {
    const text = textOf(pieces);
    const nanoseconds = parseGoDuration(text);
    if (nanoseconds === null) return durationComplaint(text);
    const printed = goDurationText(nanoseconds);
    if (Number.isSafeInteger(nanoseconds)) {
      must(parseGoDuration(printed) === nanoseconds, `${nanoseconds} is printed as ${printed}`);
    }
    return [nanoseconds, printed];
  },
};

export const HTTP_TARGETS: readonly Target[] = [query, json, filter, pattern, duration];
