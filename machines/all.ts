/** Every machine of the house, for those who draw or list them. */

import type { AnyStateMachine } from 'xstate';
import { agentMachine } from './agent/agent.ts';
import { autoEncryptMachine } from './agent/auto-encrypt.ts';
import { coordinateSenderMachine } from './agent/coordinate-sender.ts';
import { httpDoorMachine } from './agent/http-door.ts';
import { localServicesMachine } from './agent/local-services.ts';
import { demoMachine } from './demo/demo.ts';
import { configReplicatorMachine } from './federation/config-replicator.ts';
import { federationAntiEntropyMachine } from './federation/federation-anti-entropy.ts';
import { federationPrunerMachine } from './federation/federation-pruner.ts';
import { federationReplicatorMachine } from './federation/federation-replicator.ts';
import { federationSupportMachine } from './federation/federation-support.ts';
import { floodJoinerMachine } from './federation/flood-joiner.ts';
import { gatewayLocatorMachine } from './federation/gateway-locator.ts';
import { leaderDutiesMachine } from './federation/leader-duties.ts';
import { packetLinkMachine } from './federation/packet-link.ts';
import { retryJoinMachine } from './federation/retry-join.ts';
import { wanfedTransportMachine } from './federation/wanfed-transport.ts';
import { fsmMachine } from './fsm.ts';
import { gatewayMachine } from './gateway/gateway.ts';
import { gatewayRegistrationMachine } from './gateway/gateway-registration.ts';
import { proxyWatchMachine } from './gateway/proxy-watch.ts';
import { poolMachine } from './gossip/pool.ts';
import { alpnListenerMachine } from './port/alpn-listener.ts';
import { connectionMachine } from './port/connection.ts';
import { rpcRouterMachine } from './rpc/router.ts';
import { autopilotMachine } from './server/autopilot.ts';
import { bootstrapMachine } from './server/bootstrap.ts';
import { connectCaMachine } from './server/connect-ca.ts';
import { coordinateBatcherMachine } from './server/coordinate-batcher.ts';
import { memberReconcilerMachine } from './server/member-reconciler.ts';
import { serverMachine } from './server/server.ts';
import { sessionTtlMachine } from './server/session-ttl.ts';
import { tombstoneGcMachine } from './server/tombstone-gc.ts';
import { supervisorMachine } from './supervisor.ts';

export const ALL_MACHINES: readonly AnyStateMachine[] = [
  supervisorMachine,
  agentMachine,
  localServicesMachine,
  coordinateSenderMachine,
  autoEncryptMachine,
  httpDoorMachine,
  poolMachine,
  serverMachine,
  fsmMachine,
  autopilotMachine,
  bootstrapMachine,
  memberReconcilerMachine,
  connectCaMachine,
  sessionTtlMachine,
  tombstoneGcMachine,
  coordinateBatcherMachine,
  alpnListenerMachine,
  connectionMachine,
  rpcRouterMachine,
  gatewayLocatorMachine,
  wanfedTransportMachine,
  packetLinkMachine,
  retryJoinMachine,
  floodJoinerMachine,
  federationSupportMachine,
  leaderDutiesMachine,
  federationReplicatorMachine,
  configReplicatorMachine,
  federationAntiEntropyMachine,
  federationPrunerMachine,
  gatewayMachine,
  proxyWatchMachine,
  gatewayRegistrationMachine,
  demoMachine,
];
