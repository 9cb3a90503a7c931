/** Rewrites the parts of README.md that are made from the house: `npm run readme`. */

import { fileURLToPath } from 'node:url';
import { ROUTES } from '../../machines/routes.ts';
import { withRoutes } from '../console/readme.ts';
import { createNodeWorld } from '../world/node/node-world.ts';

const { disk } = createNodeWorld();
const path = fileURLToPath(new URL('../../README.md', import.meta.url));
const text = Buffer.from(await disk.readFile(path)).toString('utf8');
await disk.writeFileAtomic(path, Buffer.from(withRoutes(text, ROUTES)), 0o644);
