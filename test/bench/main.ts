/** `npm run bench -- NAME`: measures one thing; without a name, lists what can be measured. */

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.replace(/\.ts$/, ''));
const name = process.argv[2];

if (name === undefined || !names.includes(name)) {
  process.stdout.write(`${names.map((one) => `npm run bench -- ${one}`).join('\n')}\n`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  const tsx = createRequire(import.meta.url).resolve('tsx/cli');
  const run = spawnSync(process.execPath, [tsx, `${folder}${name}.ts`], { stdio: 'inherit' });
  process.exitCode = run.status ?? 1;
}
