/** The figures that an agent tells of itself, under Consul's names where Consul has them. */

import { memoryUsage } from 'node:process';
import type { RaftView } from '../../src/consensus/consensus.ts';
import type { Member } from '../../src/model/member.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { CONSUL_VERSION } from '../../src/version.ts';
import type { Clock } from '../../src/world/world.ts';
import type { AgentViews } from './views.ts';

/** Figures that are read out of the latest views whenever somebody asks. */
export function createAgentMetrics(clock: Clock, prefix: string, views: AgentViews): Metrics {
  const metrics = new Metrics(clock, prefix);
  const ofRaft = (name: string, read: (raft: RaftView) => number): void =>
    metrics.gauge(name, () => {
      const raft = views.raft();
      return raft === undefined ? null : read(raft);
    });
  ofRaft('raft.applied_index', (raft) => raft.appliedIndex);
  ofRaft('raft.last_index', (raft) => raft.lastIndex);
  ofRaft('raft.peers', (raft) => raft.configuration.servers.length);
  ofRaft('server.isLeader', (raft) => (raft.role === 'leader' ? 1 : 0));
  for (const role of ['server', 'client'] as const) {
    metrics.gauge(`members.${role}s`, () => alive(views, role === 'server' ? 'consul' : 'node'));
  }
  metrics.gauge('runtime.alloc_bytes', () => memoryUsage().heapUsed);
  metrics.gauge('runtime.sys_bytes', () => memoryUsage.rss());
  metrics.gauge('version', () => 1, { version: CONSUL_VERSION, pre_release: '' });
  return metrics;
}

function alive({ lan }: AgentViews, role: string): number | null {
  if (lan === undefined) return null;
  const members: readonly Member[] = [...lan.members.values()];
  return members.filter(({ status, tags }) => status === 'alive' && tags['role'] === role).length;
}

/** Calls through `caller`, counted. */
export function countedCaller(caller: RpcCaller, metrics: Metrics): RpcCaller {
  return {
    async call(method, request, signal) {
      metrics.count('client.rpc');
      try {
        return await caller.call(method, request, signal);
      } catch (error) {
        metrics.count('client.rpc.failed');
        throw error;
      }
    },
  };
}

/** Times the requests of the HTTP API. */
export function timedRequests(metrics: Metrics, clock: Clock) {
  return (method: string, route: string): (() => void) => {
    const beganAt = clock.monotonic();
    const path = route.slice(1).replaceAll('/', '_');
    return () => metrics.sample('api.http', clock.monotonic() - beganAt, { method, path });
  };
}
