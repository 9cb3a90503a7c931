/** The diagram of the route table in the README, between two marks. */

import { mermaidOf } from './mermaid.ts';
import type { RouteLine } from './stream.ts';

const BEGIN = '<!-- routes: made by `npm run readme` -->';
const END = '<!-- /routes -->';

/** The README with the diagram as it must be. Throws when the marks are missing. */
export function withRoutes(readme: string, routes: readonly RouteLine[]): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md needs ${BEGIN} and ${END}`);
  const diagram = `\n\n\`\`\`mermaid\n${mermaidOf(routes)}\n\`\`\`\n\n`;
  return readme.slice(0, begin + BEGIN.length) + diagram + readme.slice(end);
}
