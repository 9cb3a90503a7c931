/** The chart of the raft node: every state and transition, with inputs as they come in life. */

import { describe, expect, it } from 'vitest';
import { type RaftContext, raftMachine } from '../../../machines/raft/raft.ts';
import { modelTest } from '../../support/model-test.ts';
import { eventsOf, MODEL_INPUT } from '../../support/raft/chart-events.ts';

describe('the raft node', () => {
  it('reaches every state and transition of its chart', () => {
    const coverage = modelTest(raftMachine, {
      inputs: [MODEL_INPUT],
      events: ({ context }) => eventsOf(context as RaftContext) as never,
      key: ({ node }: RaftContext) =>
        node && [
          node.role,
          Math.min(node.term, 4),
          Math.min(node.log.lastIndex, 3),
          node.configurations.length > 2,
          node.installing,
          node.storage,
          node.persistDone === node.persistIssued,
          node.election?.stage,
          node.election?.granted.size,
        ],
      situationsMax: 5000,
    });
    expect(coverage.missing).toEqual([]);
  });
});
