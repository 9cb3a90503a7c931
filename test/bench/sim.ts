/** How fast servers are simulated (sim/measure.ts), bundled as `npm run sim` bundles its workers. */

import { spawnSync } from 'node:child_process';
import { bundleProgram, COLLECTION } from '../support/bundle.ts';

const bundle = bundleProgram('test/bench/sim/measure.ts');
try {
  const args = [...COLLECTION, bundle.path];
  process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
} finally {
  bundle.remove();
}
