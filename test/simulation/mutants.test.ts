/** The bugs that the simulation is tried on can still be planted. `npm run sim:mutants` tries them. */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('./mutants/', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const hasGit = spawnSync('git', ['--version']).status === 0;
if (!hasGit) process.stderr.write('SKIPPED: planted bugs are not tried: git is not installed\n');

describe.skipIf(!hasGit)('planted bugs', () => {
  const patches = readdirSync(FOLDER).filter((file) => file.endsWith('.patch'));

  it('are at least twelve', () => {
    expect(patches.length).toBeGreaterThanOrEqual(12);
  });

  it.each(patches)('%s can be planted', (patch) => {
    const tried = spawnSync('git', ['apply', '--check', `${FOLDER}${patch}`], { cwd: ROOT });
    expect(tried.stderr.toString()).toBe('');
  });
});
