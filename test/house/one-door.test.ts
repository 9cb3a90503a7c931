import { expect, it } from 'vitest';
import { codeOf, sourcesIn } from './sources.ts';

/** What goes around the one door to the world. */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b/, 'the time comes from world.clock'],
  [
    /\bMath\.random\b|\brandom(Bytes|UUID|FillSync)\b|\brandomInt\b.*node:crypto/,
    'chance comes from world.random',
  ],
  [/(?<![.\w])(setTimeout|setInterval|setImmediate)\(/, 'timers come from world.clock'],
  [/from 'node:(dgram|tls|dns|http2|https)(\/\w+)?'/, 'sockets come from world.network'],
  // Questions about addresses are no sockets, types are nothing at run time.
  [
    /^import (?!type|\{ (isIP(v[46])?|BlockList|, )+ \}).*'node:net'/,
    'sockets come from world.network',
  ],
  [/from 'node:fs(\/\w+)?'/, 'files come from world.disk'],
  [/\bconsole\.(?!ts')/, 'lines are written by the log, or by the CLI through its output'],
];

/** Files that may, each with its reason. Keep it short. */
const EXCEPTIONS: readonly (readonly [RegExp, string])[] = [
  [/^src\/world\/((node|simulated)\/|world\.ts)/, 'this is the door'],
  [/^src\/console\/page\//, 'this runs in a browser'],
  [/^src\/http-client\//, 'the client side of the command line: a process of its own'],
];

it('nothing goes around the one door to the world', () => {
  const broken = sourcesIn('src', 'actors', 'machines')
    .filter(({ path }) => !EXCEPTIONS.some(([exception]) => exception.test(path)))
    .flatMap((source) =>
      codeOf(source)
        .split('\n')
        .flatMap((line) =>
          FORBIDDEN.filter(([pattern]) => pattern.test(line)).map(
            ([, why]) => `${source.path}: ${line.trim()} (${why})`,
          ),
        ),
    );
  expect(broken).toEqual([]);
});
