/** What the two gossip pools are told, as the agent's plan has it. */

import {
  CONSUL_LAN_DEFAULTS,
  CONSUL_WAN_DEFAULTS,
  type PoolConfig,
  type PoolTiming,
} from '../../machines/gossip/config.ts';
import type { AgentPlan, GossipTuning } from '../../src/config/plan.ts';
import { clientTags, serverTags } from '../../src/model/consul-tags.ts';
import { CONSUL_VERSION } from '../../src/version.ts';

/** What follows the version in the tag `build`: no commit, as there is none of Consul's. */
const BUILD = `${CONSUL_VERSION}:`;

/** Through gateways, paths come up in the course of seconds after a join. */
const YOUNG_PUSH_PULL_MS = 1_000;

export function lanPoolConfig(plan: AgentPlan, nodeId: string): PoolConfig {
  return {
    ...CONSUL_LAN_DEFAULTS,
    name: plan.node.name,
    address: plan.addresses.advertiseLan,
    port: plan.ports.serfLan,
    tags: tagsOf(plan, nodeId, 'lan'),
    timing: tuned(CONSUL_LAN_DEFAULTS.timing, plan.gossip.lan),
    serf: {
      ...CONSUL_LAN_DEFAULTS.serf,
      reconnectTimeoutMs: plan.gossip.reconnectTimeoutLanMs,
      tombstoneTimeoutMs: plan.gossip.reconnectTimeoutLanMs,
    },
    ...encryptionRules(plan),
    admission: {
      kind: 'consul-lan',
      datacenter: plan.datacenter,
      nodeId,
      nodeName: plan.node.name,
      segment: '',
    },
    afterLeave: plan.gossip.rejoinAfterLeave ? 'rejoin' : 'forget',
  };
}

export function wanPoolConfig(plan: AgentPlan, nodeId: string, port: number): PoolConfig {
  const federated = plan.connect.meshGatewayWanFederation;
  return {
    ...CONSUL_WAN_DEFAULTS,
    name: `${plan.node.name}.${plan.datacenter}`,
    address: plan.addresses.advertiseWan,
    port,
    tags: tagsOf(plan, nodeId, 'wan'),
    timing: {
      ...tuned(CONSUL_WAN_DEFAULTS.timing, plan.gossip.wan),
      youngPushPullMs: federated ? YOUNG_PUSH_PULL_MS : 0,
    },
    serf: {
      ...CONSUL_WAN_DEFAULTS.serf,
      reconnectTimeoutMs: plan.gossip.reconnectTimeoutWanMs,
      tombstoneTimeoutMs: plan.gossip.reconnectTimeoutWanMs,
    },
    ...encryptionRules(plan),
    names: federated ? 'required' : 'optional',
    streamPings: federated ? 'own-datacenter' : 'everyone',
    afterLeave: plan.gossip.rejoinAfterLeave ? 'rejoin' : 'forget',
  };
}

function encryptionRules(plan: AgentPlan): Pick<PoolConfig, 'incomingPlaintext' | 'outgoing'> {
  return {
    incomingPlaintext: plan.gossip.verifyIncoming ? 'refuse' : 'accept',
    outgoing: plan.gossip.verifyOutgoing ? 'encrypt' : 'plaintext',
  };
}

function tuned(timing: PoolTiming, tuning: GossipTuning): PoolTiming {
  return { ...timing, ...tuning };
}

function tagsOf(plan: AgentPlan, nodeId: string, pool: 'lan' | 'wan') {
  const facts = {
    datacenter: plan.datacenter,
    nodeId,
    build: BUILD,
    acls: 'disabled',
  } as const;
  if (plan.role === 'client') {
    return clientTags({ ...facts, segment: '', advertiseReconnectTimeout: null });
  }
  return serverTags(
    {
      ...facts,
      port: plan.ports.server,
      wanJoinPort: plan.ports.serfWan,
      bootstrap: plan.bootstrap.kind === 'single',
      bootstrapExpect: plan.bootstrap.kind === 'expect' ? plan.bootstrap.servers : 0,
      readReplica: false,
      useTls: plan.tls.caFile !== undefined || plan.tls.caPath !== undefined,
      grpcPort: null,
      grpcTlsPort: null,
    },
    pool,
  );
}
