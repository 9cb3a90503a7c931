/**
 * Clusters of 3 and 5 under everything that may happen to them: loss, delay, partitions, crashes
 * that lose what was not yet durable, snapshots, transfers, changes of members. First safety, then
 * healed: a leader must come and everybody agree.
 */

import { describe, it } from 'vitest';
import { ModelCluster } from '../support/raft/model-cluster.ts';

const SEEDS = Number(process.env['RAFT_SEEDS'] ?? 60);
const FIRST_SEED = Number(process.env['RAFT_SEED'] ?? 1);
const STORM_MS = 40_000;
const HEAL_MS = 60_000;

function storm(cluster: ModelCluster): void {
  let proposals = 0;
  const act = (): void => {
    const { servers, faults } = cluster;
    if (cluster.nowMs >= STORM_MS) return;
    const roll = cluster.float();
    const victim = cluster.pick(servers);
    const leader = cluster.leader();
    if (roll < 0.6) {
      for (let count = cluster.below(5); count >= 0; count--) {
        cluster.propose(leader ?? victim, `p${proposals++}`);
      }
    } else if (roll < 0.66) {
      cluster.crash(victim);
    } else if (roll < 0.78) {
      if (victim.node === undefined) cluster.start(victim);
    } else if (roll < 0.82) {
      const other = cluster.pick(servers);
      faults.cut.add(`${victim.id}>${other.id}`);
      if (cluster.float() < 0.6) faults.cut.add(`${other.id}>${victim.id}`);
    } else if (roll < 0.86) {
      faults.cut.clear();
    } else if (roll < 0.9) {
      faults.loss = cluster.float() < 0.5 ? 0 : cluster.float() * 0.3;
      faults.delayMsMax = cluster.float() < 0.7 ? 5 : 400;
      faults.writeMsMax = cluster.float() < 0.5 ? 3 : 300;
    } else if (leader !== undefined) {
      disturb(cluster, roll);
    }
    cluster.at(cluster.float() * 60, act);
  };
  act();
  cluster.run(STORM_MS);
}

function disturb(cluster: ModelCluster, roll: number): void {
  const leader = cluster.leader();
  const subject = cluster.pick(cluster.servers);
  if (leader === undefined) return;
  const { id, address } = subject;
  if (roll < 0.92) cluster.transfer(leader, cluster.float() < 0.5 ? null : subject);
  else if (roll < 0.94) cluster.change(leader, { kind: 'remove-server', id });
  else if (roll < 0.96) cluster.change(leader, { kind: 'demote-voter', id });
  else if (roll < 0.97) cluster.change(leader, { kind: 'add-nonvoter', id, address });
  else cluster.change(leader, { kind: 'add-voter', id, address });
}

/** Whether everybody in the configuration has applied everything that was committed. */
function converged(cluster: ModelCluster): boolean {
  const leader = cluster.leader();
  const node = leader?.node;
  if (node === undefined || node.commitIndex < node.log.lastIndex) return false;
  const { configuration } = node.configurations.at(-1) ?? { configuration: { servers: [] } };
  return configuration.servers.every((one) => {
    const other = cluster.server(one.id).node;
    return other?.appliedIndex === node.log.lastIndex;
  });
}

function play(seed: number, size: number): void {
  const settings = { snapshotThreshold: 60, trailingLogs: 20, snapshotIntervalMs: 1500 };
  const cluster = new ModelCluster({ seed, servers: size, settings });
  for (const server of cluster.servers) cluster.start(server);
  const members = cluster.servers.slice(0, size);
  for (const server of members) cluster.bootstrap(server, members);
  storm(cluster);
  cluster.faults.cut.clear();
  cluster.faults.loss = 0;
  cluster.faults.delayMsMax = 5;
  cluster.faults.writeMsMax = 3;
  for (const server of cluster.servers) if (server.node === undefined) cluster.start(server);
  cluster.run(5000);
  const leader = cluster.leader();
  if (leader !== undefined) cluster.propose(leader, 'last');
  if (!cluster.run(HEAL_MS, () => converged(cluster))) {
    const roles = cluster.servers.map(
      ({ id, node }) =>
        `${id}: ${node?.role} term ${node?.term} last ${node?.log.lastIndex} ` +
        `commit ${node?.commitIndex} applied ${node?.appliedIndex} ` +
        `members ${node?.configurations.at(-1)?.configuration.servers.map((one) => `${one.id}${one.suffrage[0]}`)}`,
    );
    throw new Error(`no agreement after healing:\n${roles.join('\n')}`);
  }
  checkStates(cluster);
}

function checkStates(cluster: ModelCluster): void {
  const index = cluster.leader()?.node?.appliedIndex ?? 0;
  const expected = JSON.stringify(cluster.checker.stateAt(index));
  for (const { id, node, state } of cluster.servers) {
    if (node?.appliedIndex !== index) continue;
    if (JSON.stringify(state) !== expected) throw new Error(`the state of ${id} differs`);
  }
  const states = new Set(cluster.checker.stateAt(index));
  for (const { data } of cluster.acknowledged) {
    if (!states.has(data)) throw new Error(`acknowledged ${data} is lost`);
  }
}

describe('raft under faults', () => {
  for (const size of [3, 5]) {
    it(`keeps its promises with ${size} servers, ${SEEDS} seeds from ${FIRST_SEED}`, () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        try {
          play(seed, size);
        } catch (error) {
          throw new Error(`RAFT_SEED=${seed} RAFT_SEEDS=1, ${size} servers`, { cause: error });
        }
      }
    }, 300_000);
  }
});
