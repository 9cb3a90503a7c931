/** Random choice among nodes, in memberlist's way: a limited number of picks, then what there is. */

import type { Node } from './state.ts';
import type { Work } from './work.ts';

/** Up to `count` different nodes that `fits` accepts. */
export function randomNodes(work: Work, count: number, fits: (node: Node) => boolean): Node[] {
  const { order } = work.values;
  const chosen: Node[] = [];
  for (let pick = 0; pick < 3 * order.length && chosen.length < count; pick++) {
    const name = order[work.randomInt(order.length)];
    const node = name === undefined ? undefined : work.nodes.get(name);
    if (node === undefined || chosen.includes(node) || !fits(node)) continue;
    chosen.push(node);
  }
  return chosen;
}
