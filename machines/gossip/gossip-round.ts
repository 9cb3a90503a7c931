/** A round of gossip: what is in the queues goes to some random nodes. */

import { packBody, sendBody, takeRound } from './outbox.ts';
import { randomNodes } from './random-nodes.ts';
import type { Work } from './work.ts';

export function hasBroadcasts(work: Work): boolean {
  return work.queues.some((queue) => queue.length > 0);
}

/** Sends one round. The recently dead are told too, so that they may refute. */
export function gossipRound(work: Work): void {
  if (!hasBroadcasts(work)) return;
  const { gossipNodes, gossipToTheDeadMs } = work.config.timing;
  const self = work.config.name;
  const targets = randomNodes(work, gossipNodes, (node) => {
    if (node.name === self || node.state === 'left') return false;
    return node.state !== 'dead' || work.now - node.changedMs <= gossipToTheDeadMs;
  });
  let told: readonly Uint8Array[] = [];
  let body: Uint8Array = new Uint8Array(0);
  for (const target of targets) {
    const messages = takeRound(work);
    if (messages.length === 0) return;
    // Mostly all are told the same, which is then packed and compressed once.
    if (!areSame(messages, told)) body = packBody(work, messages);
    told = messages;
    sendBody(work, target, body);
  }
}

function areSame(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return some.length === others.length && some.every((one, at) => one === others[at]);
}
