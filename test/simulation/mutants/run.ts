/**
 * `npm run sim:mutants`: proof that the simulation finds what it is for. Each patch beside this file
 * plants one bug in a copy of the sources; seeds are played on it until one fails. A bug that is not
 * found within so many seeds makes this fail.
 *
 *     npm run sim:mutants -- [--seeds N] [--jobs N] [NAME …]
 *
 *     --seeds N   seeds tried on each, at most (default 400)
 *     --jobs N    processes that play them (default: cores)
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '400' }, jobs: { type: 'string' } },
});
/** What a copy needs; installed packages are borrowed. */
const COPIED = ['actors', 'machines', 'src', 'test', 'package.json', 'tsconfig.json'];

interface Found {
  readonly seed: number;
  readonly message: string;
}

function mutants(): readonly string[] {
  return readdirSync(HERE)
    .filter((file) => file.endsWith('.patch'))
    .map((file) => file.replace(/\.patch$/, ''))
    .filter((name) => wanted.length === 0 || wanted.includes(name))
    .sort();
}

/** Plays seeds on a copy with the bug; `undefined` when none of them fails. */
function hunt(name: string): Found | undefined {
  const copy = mkdtempSync(join(tmpdir(), 'mobius-mutant-'));
  try {
    for (const path of COPIED) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    execFileSync('git', ['apply', join(HERE, `${name}.patch`)], { cwd: copy });
    const args = ['test/simulation/main.ts', '--until-failure', '--seeds', options.seeds];
    if (options.jobs !== undefined) args.push('--jobs', options.jobs);
    const run = spawnSync(join(copy, 'node_modules/.bin/tsx'), args, {
      cwd: copy,
      encoding: 'utf8',
    });
    const failed = /^seed (\d+) fails: (.*)$/m.exec(run.stdout);
    if (failed !== null) return { seed: Number(failed[1]), message: failed[2] ?? '' };
    if (run.status !== 0) throw new Error(`the simulation of ${name} broke: ${run.stderr}`);
    return undefined;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

let missed = 0;
for (const name of mutants()) {
  const found = hunt(name);
  if (found === undefined) missed += 1;
  const outcome =
    found === undefined
      ? `NOT FOUND in ${options.seeds} seeds`
      : `found by seed ${found.seed}: ${found.message}`;
  process.stdout.write(`${name.padEnd(32)} ${outcome}\n`);
}
process.exitCode = missed > 0 ? 1 : 0;
