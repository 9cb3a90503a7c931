/** Makes the console's page: one HTML text that loads nothing from anywhere. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('page', import.meta.url));

/** @returns {Promise<string>} */
export async function buildPage() {
  const bundle = await build({
    entryPoints: [join(folder, 'main.ts'), join(folder, 'style.css')],
    outdir: folder,
    write: false,
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    logLevel: 'warning',
  });
  const text = (ending) => bundle.outputFiles.find(({ path }) => path.endsWith(ending)).text;
  const page = await readFile(join(folder, 'index.html'), 'utf8');
  // Functions, since a text would have its `$` signs read as references.
  return page
    .replace('/*STYLE*/', () => text('.css').trim())
    .replace('/*SCRIPT*/', () => text('.js').trim().replaceAll('</script', '<\\/script'));
}

/** Puts the page where the program imports it from. */
export const consolePage = {
  name: 'console-page',
  setup(bundler) {
    bundler.onLoad({ filter: /src[\\/]console[\\/]page\.ts$/ }, async () => ({
      contents: `export const CONSOLE_PAGE = ${JSON.stringify(await buildPage())};`,
      loader: 'js',
    }));
  },
};
