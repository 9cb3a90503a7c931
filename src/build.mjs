/**
 * Bundles src/main.ts to dist/main.js, one file that starts fast.
 * `--if-needed` skips the work while no source is newer than the bundle.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { consolePage } from './console/build-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bundle = join(root, 'dist/main.js');
const sources = ['src', 'machines', 'actors', 'package.json', 'package-lock.json'];

function newest(path) {
  const status = statSync(path);
  if (!status.isDirectory()) return status.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function isFresh() {
  if (!existsSync(bundle)) return false;
  const built = statSync(bundle).mtimeMs;
  return sources.every((name) => newest(join(root, name)) <= built);
}

if (!(process.argv.includes('--if-needed') && isFresh())) {
  await build({
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    outfile: 'dist/main.js',
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: 'linked',
    legalComments: 'none',
    // XState and others check this to leave their development warnings out.
    define: { 'process.env.NODE_ENV': '"production"' },
    banner: {
      // CommonJS packages inside the bundle still call require for Node's own modules.
      js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
    plugins: [consolePage],
    logLevel: 'warning',
  });
}
