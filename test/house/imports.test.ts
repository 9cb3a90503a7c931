import { expect, it } from 'vitest';
import { importsOf, sourcesIn } from './sources.ts';

interface Rule {
  /** Files that the rule is for. */
  readonly files: RegExp;
  readonly except?: RegExp;
  /** What they may not import. */
  readonly refused: RegExp;
  readonly kinds: readonly ('type' | 'value')[];
  readonly why: string;
}

const sources = new Map(sourcesIn('src', 'actors', 'machines').map((s) => [s.path, s]));

/** Programs: they put everything together, so that they may import everything. */
const PROGRAMS = /^src\/(main\.ts|cli\/)/;

const RULES: readonly Rule[] = [
  {
    files: /^machines\//,
    refused: /^actors\//,
    kinds: ['type'],
    why: 'machines do not know who binds them',
  },
  {
    files: /^src\//,
    except: PROGRAMS,
    refused: /^(machines|actors)\//,
    kinds: ['value', 'type'],
    why: 'what actors stand on knows neither actors nor machines: it gets what it needs',
  },
  {
    files: /^(src|actors|machines)\//,
    except: /^src\/(main\.ts|cli\/|world\/)/,
    refused: /^src\/world\/(node|simulated)\//,
    kinds: ['value', 'type'],
    why: 'a world is handed in; only programs choose one',
  },
  {
    files: /^(src|actors)\//,
    except: PROGRAMS,
    refused: /^src\/(main\.ts|cli\/)/,
    kinds: ['value', 'type'],
    why: 'nothing imports a program',
  },
  {
    files: /^(src|actors|machines)\//,
    refused: /^test\//,
    kinds: ['value', 'type'],
    why: 'tests are not part of the program',
  },
];

/** Known exceptions, each with its reason: `importer → imported`. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([]);

it('imports run one way', () => {
  const broken: string[] = [];
  for (const source of sources.values()) {
    for (const { target, kind } of importsOf(source)) {
      const edge = `${source.path} → ${target}`;
      const rule = RULES.find(
        (r) =>
          r.files.test(source.path) &&
          !r.except?.test(source.path) &&
          r.kinds.includes(kind) &&
          r.refused.test(target),
      );
      if (rule && !EXCEPTIONS.has(edge)) broken.push(`${edge} (${kind}): ${rule.why}`);
    }
  }
  expect(broken).toEqual([]);
});

/** Modules of Node and packages that only compute. */
const COMPUTES =
  /^(node:(crypto|buffer|path|util|assert|zlib)|xstate|xstate\/.*|sorted-btree|ipaddr\.js|msgpackr)$/;

/** What a machine reaches through its imports, with the way there, that is more than computing. */
function impureReach(path: string): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  const visit = (at: string, trail: string): void => {
    if (seen.has(at)) return;
    seen.add(at);
    const source = sources.get(at);
    if (!source) return;
    for (const { target, kind, names } of importsOf(source)) {
      const onlyAddresses =
        target === 'node:net' && /^\{ (isIP(v[46])?|BlockList|, )+ \}$/.test(names);
      if (kind === 'type' || onlyAddresses) continue;
      if (sources.has(target)) visit(target, `${trail} → ${target}`);
      else if (!COMPUTES.test(target)) found.push(`${trail} → ${target}`);
    }
  };
  visit(path, path);
  return found;
}

it('what machines import only computes, however far one looks', () => {
  const machines = [...sources.keys()].filter((path) => path.startsWith('machines/'));
  expect(machines.flatMap(impureReach)).toEqual([]);
});

it('there are no cycles of imports between files', () => {
  const edges = new Map(
    [...sources.values()].map((source) => [
      source.path,
      importsOf(source)
        .filter(({ kind }) => kind === 'value')
        .map(({ target }) => target),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});
