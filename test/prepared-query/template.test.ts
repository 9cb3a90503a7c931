// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of another language
/** Goal: templates of prepared queries say what Consul's (HIL) say, and refuse with its words. */

import { describe, expect, it } from 'vitest';
import { PreparedQuery, ServiceQuery } from '../../src/model/prepared-query.ts';
import { compileTemplate } from '../../src/prepared-query/template.ts';

function render(service: string, name = 'geo-db-eu', regexp = '^geo-(.*)-(.*)$'): string {
  return compileTemplate(query({ Service: service }, regexp)).render(name, { Segment: 'alpha' })
    .Service.Service;
}

function query(service: Partial<ServiceQuery>, regexp = ''): PreparedQuery {
  return PreparedQuery.of({
    ID: 'q',
    Name: 'geo-',
    Template: { Type: 'name_prefix_match', Regexp: regexp, RemoveEmptyTags: true },
    Service: ServiceQuery.of(service),
  });
}

describe('what a template gives', () => {
  it.each([
    ['plain $$ and $1', 'plain $ and $1'],
    ['$${name.full}', '${name.full}'],
    ['${name.full}|${name.prefix}|${name.suffix}', 'geo-db-eu|geo-|db-eu'],
    ['${match(0)}+${match(1)}+${match(2)}+${match(3)}+${match(-1)}', 'geo-db-eu+db+eu++'],
    ['${match("1")}.${agent.segment}', 'db.alpha'],
    ['${ match(2) == "eu" ? "west" : "east" }', 'west'],
    ['${name.full != "x" && true ? "a${match(1)}b" : ""}', 'adbb'],
    ['${"quoted \\"${match(1)}\\" \\\\ $$"}', 'quoted "db" \\ $'],
    ['${1 + 2 * 3 - -4}', '11'],
    ['${(1 + 2) * 3}/${7 / 2}/${7 % 4}/${-7 / 2}', '9/3/3/-3'],
    ['${1.5 + 1}/${1000000.0 * 10}/${0.00001}', '2.5/1e+07/1e-05'],
    ['${"0x10" + 1}', '17'],
    ['${!false}', 'true'],
    ['${1 < 2 || false}', 'true'],
    ['${9223372036854775807 + 1}', '-9223372036854775808'],
  ])('%s', (template, expected) => {
    expect(render(template)).toBe(expected);
  });
});

describe('what is refused', () => {
  const where = (template: string, cause: string): string =>
    `Bad format '${template}' in Service.Service: parse error at ${cause}`;
  const evaluation = (template: string, cause: string): string =>
    `Bad evaluation for '${template}' in Service.Service: ${cause}`;

  it.each([
    ['${', where('${', '1:3: expected expression but found end of string')],
    ['${name.full', where('${name.full', '1:12: expected "}" but found end of string')],
    ['${a b}', where('${a b}', '1:5: expected "}" but found "b"')],
    ['${a = b}', where('${a = b}', '1:5: expected "}" but found invalid sequence "="')],
    ['${"a}', where('${"a}', '1:4: expected "${" but found invalid sequence "a}"')],
    ['${nope}', evaluation('${nope}', '1:3: unknown variable accessed: nope')],
    ['${nope(1)}', evaluation('${nope(1)}', '1:3: unknown function called: nope')],
    ['${match()}', evaluation('${match()}', '1:3: match: expected 1 arguments, got 0')],
    [
      '${true + 1}',
      evaluation('${true + 1}', 'At column 3, line 1: operand 1 should be TypeInt, got TypeBool'),
    ],
    ['${1 / 0}', evaluation('${1 / 0}', '__builtin_IntMath: divide by zero')],
    [
      '${match(true)}',
      evaluation(
        '${match(true)}',
        'At column 3, line 1: match: argument 1 should be type int, got type bool',
      ),
    ],
    [
      '${1 ? 2 : 3}',
      evaluation('${1 ? 2 : 3}', 'At column 3, line 1: condition must be type bool, not type int'),
    ],
    [
      '${name.full[0]}',
      evaluation(
        '${name.full[0]}',
        'At column 12, line 1: invalid index operation into non-indexable type: TypeString',
      ),
    ],
  ])('%s', (template, expected) => {
    expect(() => render(template)).toThrow(expected);
  });

  it('an expression that is none, and a type that is none', () => {
    expect(() => render('a', 'geo-x', '(')).toThrow(/^Bad Regexp: error parsing regexp: /);
    const other = PreparedQuery.of({ Template: { Type: 'x', Regexp: '', RemoveEmptyTags: false } });
    expect(() => compileTemplate(other)).toThrow("Bad Template.Type 'x'");
  });

  it('what is nested without end, instead of overflowing the stack', () => {
    const deep = `\${${'('.repeat(50_000)}1${')'.repeat(50_000)}}`;
    expect(() => render(deep)).toThrow('nested too deeply');
    expect(() => render(`\${${'-'.repeat(50_000)}1}`)).toThrow('nested too deeply');
    expect(() => render(`\${${'"${'.repeat(50_000)}`)).toThrow('nested too deeply');
  });
});

it('renders every text of the service part, and drops tags that came out empty', () => {
  const template = query({
    Service: '${name.suffix}',
    Near: '${match(9)}',
    Tags: ['${name.suffix}', '${match(1)}', '!old'],
    IgnoreCheckIDs: ['check:${name.suffix}'],
    NodeMeta: { role: '${name.prefix}' },
    ServiceMeta: { version: '${1 + 1}' },
    Failover: { NearestN: 2, Datacenters: ['${name.suffix}', 'dc2'] },
  });
  expect(compileTemplate(template).render('geo-db', { Segment: '' }).Service).toEqual(
    ServiceQuery.of({
      Service: 'db',
      Tags: ['db', '!old'],
      IgnoreCheckIDs: ['check:db'],
      NodeMeta: { role: 'geo-' },
      ServiceMeta: { version: '2' },
      Failover: { NearestN: 2, Datacenters: ['db', 'dc2'] },
    }),
  );
});
