import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECK_SERVICE_NODE_FIELDS, NODE_SERVICE_FIELDS } from '../../src/filter/fields.ts';
import { compileFilter } from '../../src/filter/filter.ts';
import { FilterError } from '../../src/filter/parse.ts';

const WEB = {
  Service: 'web',
  Tags: ['v1', 'primary'],
  Meta: { version: '4.0', 'a b': 'x' },
  Port: 8000,
  TaggedAddresses: { lan: { Address: '10.0.0.1', Port: 80 } },
  Connect: { Native: true },
};
const BARE = { Service: 'db', Tags: null, Meta: null, Port: 0, Connect: { Native: false } };

function passes(expression: string, value: unknown): boolean {
  return compileFilter(expression, NODE_SERVICE_FIELDS)(value);
}

describe('filter expressions', () => {
  it.each([
    ['', true, true],
    ['Service == web', true, false],
    ['Service=="web"', true, false],
    ['Service != `web`', false, true],
    ['Service contains "e"', true, false],
    ['Service not contains e', false, true],
    ['eb in Service', true, false],
    ['Service matches "^w.b$"', true, false],
    ['Service not matches "^w"', false, true],
    ['v1 in Tags', true, false],
    ['v1 not in Tags', false, true],
    ['Tags is empty', false, true],
    ['Tags is not empty', true, false],
    ['Port == 8000', true, false],
    ['Meta.version == "4.0"', true, false],
    ['Meta.version != "4.0"', false, true],
    ['Meta["a b"] == x', true, false],
    ['version in Meta', true, false],
    ['Meta is empty', false, true],
    ['Connect.Native == true', true, false],
    ['TaggedAddresses.lan.Port == 80', true, false],
    ['Service == web and Port == 1 or Service == db', false, true],
    ['Service == db or Service == web and Port == 8000', true, true],
    ['(Service == db or Service == web) and Port == 8000', true, false],
    ['not Service == web', false, true],
    ['not not Service == web', true, false],
    ['Service == web and not v2 in Tags', true, false],
  ])('%s', (expression, web, bare) => {
    expect([passes(expression, WEB), passes(expression, BARE)]).toEqual([web, bare]);
  });

  it('lets both `matches` and `not matches` pass where a key is missing', () => {
    expect(passes('Meta.nope matches x', WEB)).toBe(true);
    expect(passes('Meta.nope not matches x', WEB)).toBe(true);
  });

  it('is true of a list of objects when any element matches', () => {
    const filter = compileFilter('Checks.Status == critical', CHECK_SERVICE_NODE_FIELDS);
    expect(filter({ Checks: [{ Status: 'passing' }, { Status: 'critical' }] })).toBe(true);
    expect(filter({ Checks: [] })).toBe(false);
  });

  it.each([
    ['Nope == a', 'Selector "Nope" is not valid'],
    ['Service.Nope == a', 'Selector "Service.Nope" is not valid'],
    ['Meta == a', 'Invalid match operator "Equal" for selector "Meta"'],
    ['Service is empty', 'Invalid match operator "Is Empty" for selector "Service"'],
    ['Tags matches a', 'Invalid match operator "Matches" for selector "Tags"'],
    [
      'Port == x',
      'Failed to coerce value "x" for selector "Port": strconv.ParseInt: parsing "x": invalid syntax',
    ],
  ])('refuses %s', (expression, text) => {
    expect(() => passes(expression, WEB)).toThrow(
      new FilterError(`Failed to create boolean expression evaluator: ${text}`),
    );
  });

  it.each([
    'Service',
    'Service AND x',
    'Service ==',
    '== web',
    '(Service == web',
    'a b',
    '"x" == y',
  ])('does not understand %s', (expression) =>
    expect(() => passes(expression, WEB)).toThrow(/\d+:\d+ \(\d+\): no match found/),
  );

  it('throws nothing but its own error on arbitrary expressions', () => {
    const words = [
      'Service',
      'Tags',
      'Meta',
      '.',
      '==',
      '!=',
      ' ',
      'in',
      'not',
      'is',
      'empty',
      '(',
    ];
    const more = [')', '"a', '"', '[', ']', 'and', 'or', '1', 'matches', '`', 'contains'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words, ...more)), (parts) => {
        try {
          passes(parts.join(''), WEB);
        } catch (error) {
          expect(error).toBeInstanceOf(FilterError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
