/**
 * `npm run crashes -- --kills N --seed S`: the suite of real crashes alone, as long as wanted.
 *
 *     --kills N   how many processes are killed (default 200)
 *     --seed S    what decides the order of faults (default 1)
 */

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
});
for (const [name, value] of Object.entries(values)) {
  if (!/^[1-9]\d*$/.test(value)) {
    process.stderr.write(`--${name} ${value}: this must be a whole number above 0\n`);
    process.exit(2);
  }
}

const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '..');
const config = 'test/interop/vitest.config.ts';
const args = ['run', '--config', config, 'test/interop/crashes.test.ts'];
const env = {
  ...process.env,
  MOBIUS_INTEROP_KILLS: values.kills,
  MOBIUS_INTEROP_SEED: values.seed,
};
const run = spawnSync(process.execPath, [join(vitest, 'vitest.mjs'), ...args], {
  stdio: 'inherit',
  env,
});
process.exitCode = run.status ?? 1;
