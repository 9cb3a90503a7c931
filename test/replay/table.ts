/** What a replay run prints: one line a file, and every exchange that differs. */

import { type FileResult, passed } from './replay.ts';

export function replayTable(results: readonly FileResult[]): string {
  const width = Math.max(...results.map((result) => result.group.length));
  return results
    .map((result) => {
      const total = result.exchanges.length;
      return `replay ${result.group.padEnd(width)}  ${passed(result)}/${total}`;
    })
    .join('\n');
}

/** The exchanges that do not match, with their differences. */
export function replayFailures(result: FileResult): string {
  return result.exchanges
    .filter((exchange) => exchange.differences.length > 0)
    .map((exchange) => `${result.group} "${exchange.name}"\n  ${exchange.differences.join('\n  ')}`)
    .join('\n');
}
