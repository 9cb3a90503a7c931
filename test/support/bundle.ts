/**
 * Bundles a program of the tests as the product is bundled, and runs at the product's speed: loaders
 * that translate each module on the fly name every function anew whenever it is made.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * For `node`: what dies young is collected seldom and all at once. A step of a simulation leaves
 * kilobytes, and nearly nothing that is needed after it. The thread that works collects it itself:
 * there is a process for each core, and helpers that wake for so little only take turns from them.
 */
export const COLLECTION = ['--max-semi-space-size=64', '--single-threaded-gc'] as const;

export interface Bundle {
  readonly path: string;
  remove(): void;
}

/** `program`: path of its TypeScript file from the root of the repository. */
export function bundleProgram(program: string): Bundle {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-bundle-'));
  const path = join(folder, 'program.mjs');
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: [program],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    banner: {
      // CommonJS packages inside the bundle still call require for Node's own modules.
      js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
