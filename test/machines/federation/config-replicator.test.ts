import { describe, expect, it } from 'vitest';
import { configReplicatorMachine } from '../../../machines/federation/config-replicator.ts';
import { configReplicationSteps } from '../../../src/federation/config-replication.ts';
import { type ConfigEntryRow, configEntryRow } from '../../../src/model/config-entry.ts';
import { any, encode } from '../../../src/wire/msgpack/schema.ts';
import { modelTest } from '../../support/model-test.ts';

function entry(Name: string, ModifyIndex: number, Protocol = 'http'): ConfigEntryRow {
  const fields = { Kind: 'service-defaults', Name, Protocol, CreateIndex: 1, ModifyIndex };
  return configEntryRow(encode(any, fields));
}

it('reaches every state and transition', () => {
  const id = (state: string): string => `0.config-replicator.${state}`;
  const done = (state: string, output: unknown) => ({
    type: `xstate.done.actor.${id(state)}`,
    output,
  });
  const failed = (state: string) => ({
    type: `xstate.error.actor.${id(state)}`,
    error: new Error('No path to datacenter'),
  });
  modelTest(configReplicatorMachine, {
    key: ({ lastIndex, failures }) => [lastIndex, Math.min(failures, 2)],
    situationsMax: 2000,
    events: ({ value }) => {
      if (value === 'applying') return [done('applying', undefined), failed('applying')];
      if (value !== 'fetching') return [];
      return [
        done('fetching', { index: 7, entries: [entry('a', 7)] }),
        done('fetching', { index: 3, entries: [] }),
        failed('fetching'),
      ];
    },
  });
});

describe('what a secondary writes', () => {
  const steps = (remote: readonly ConfigEntryRow[], local: readonly ConfigEntryRow[], last = 0) =>
    configReplicationSteps(remote, local, last).map(({ op, entry: row }) => `${op} ${row.Name}`);

  it('is what is missing, what differs and what is gone, deletions first', () => {
    const remote = [entry('a', 5), entry('b', 6), entry('c', 7, 'grpc')];
    const local = [entry('B', 2), entry('c', 3), entry('d', 4)];
    expect(steps(remote, local)).toEqual(['delete d', 'upsert a', 'upsert b', 'upsert c']);
  });

  it('is nothing when only the indexes differ', () => {
    expect(steps([entry('a', 9)], [entry('a', 2)])).toEqual([]);
  });

  it('leaves alone what the primary did not change since', () => {
    expect(steps([entry('a', 5, 'grpc')], [entry('a', 2)], 5)).toEqual([]);
  });
});
