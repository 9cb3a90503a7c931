/**
 * Prepared queries that stand for many: those whose name begins as the template's are rendered from
 * it. Its texts may name `name.full`, `name.prefix`, `name.suffix`, `agent.segment` and `match(N)`.
 */

import { compilePattern } from '../model/pattern.ts';
import type { PreparedQuery, ServiceQuery } from '../model/prepared-query.ts';
import { evaluateTemplate, type Scope } from '../template/evaluate.ts';
import { parseTemplate, type Tree } from '../template/parse.ts';
import { TemplateError, text, type Value } from '../template/values.ts';

/** The only type of template. */
const NAME_PREFIX_MATCH = 'name_prefix_match';

export interface QueryTemplate {
  /** The query for a name that begins as the template's. Throws a TemplateError. */
  render(name: string, source: { readonly Segment: string }): PreparedQuery;
}

export function isTemplate(query: PreparedQuery): boolean {
  return query.Template.Type !== '';
}

const compiled = new WeakMap<PreparedQuery, QueryTemplate>();

/** Throws a TemplateError, also when the shortest name that it stands for cannot be rendered. */
export function compileTemplate(query: PreparedQuery): QueryTemplate {
  const known = compiled.get(query);
  if (known !== undefined) return known;
  const { Type, Regexp } = query.Template;
  if (Type !== NAME_PREFIX_MATCH) throw new TemplateError(`Bad Template.Type '${Type}'`);
  const trees = new Map<string, Tree>();
  mapTexts(query.Service, (path, value) => {
    trees.set(path, parsed(path, value));
    return value;
  });
  const pattern = Regexp === '' ? null : compilePattern(Regexp);
  if (Regexp !== '' && pattern === null) {
    throw new TemplateError(
      `Bad Regexp: error parsing regexp: malformed, or of unknown syntax: \`${Regexp}\``,
    );
  }
  const template: QueryTemplate = {
    render(name, { Segment }) {
      const scope = scopeOf(query, name, Segment, pattern?.groups(name) ?? []);
      return rendered(query, trees, scope);
    },
  };
  template.render(query.Name, { Segment: '' });
  compiled.set(query, template);
  return template;
}

function parsed(path: string, value: string): Tree {
  try {
    return parseTemplate(value);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new TemplateError(`Bad format '${value}' in Service${path}: ${error.message}`, {
      cause: error,
    });
  }
}

function rendered(
  query: PreparedQuery,
  trees: ReadonlyMap<string, Tree>,
  scope: Scope,
): PreparedQuery {
  const service = mapTexts(query.Service, (path, value) => {
    const tree = trees.get(path);
    if (tree === undefined) return value;
    try {
      return evaluateTemplate(tree, scope);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      throw new TemplateError(`Bad evaluation for '${value}' in Service${path}: ${error.message}`, {
        cause: error,
      });
    }
  });
  if (!query.Template.RemoveEmptyTags) return { ...query, Service: service };
  const Tags = (service.Tags ?? []).filter((tag) => tag !== '');
  return { ...query, Service: { ...service, Tags } };
}

function scopeOf(
  query: PreparedQuery,
  name: string,
  segment: string,
  matches: readonly string[],
): Scope {
  const suffix = name.startsWith(query.Name) ? name.slice(query.Name.length) : name;
  const match = ([index]: readonly Value[]): Value => text(matches[Number(index?.value)] ?? '');
  return {
    variables: new Map([
      ['name.full', name],
      ['name.prefix', query.Name],
      ['name.suffix', suffix],
      ['agent.segment', segment],
    ]),
    functions: new Map([['match', { takes: ['int'], run: match }]]),
  };
}

/** Every text of the service part, by its path. */
function mapTexts(
  service: ServiceQuery,
  map: (path: string, value: string) => string,
): ServiceQuery {
  const list = (path: string, values: readonly string[] | null) =>
    values?.map((value, index) => map(`${path}[${index}]`, value)) ?? null;
  const pairs = (path: string, values: Readonly<Record<string, string>> | null) =>
    values === null
      ? null
      : Object.fromEntries(
          Object.entries(values).map(([key, value]) => [key, map(`${path}[${key}]`, value)]),
        );
  const { Failover } = service;
  return {
    ...service,
    Service: map('.Service', service.Service),
    Failover: {
      ...Failover,
      Datacenters: list('.Failover.Datacenters', Failover.Datacenters),
    },
    IgnoreCheckIDs: list('.IgnoreCheckIDs', service.IgnoreCheckIDs),
    Near: map('.Near', service.Near),
    Tags: list('.Tags', service.Tags),
    NodeMeta: pairs('.NodeMeta', service.NodeMeta),
    ServiceMeta: pairs('.ServiceMeta', service.ServiceMeta),
  };
}
