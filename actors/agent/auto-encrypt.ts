/**
 * Binds the certificate of a client agent to its servers (`auto_encrypt.tls`): the first is asked of
 * the addresses that the agent would join, before anything else is opened; later ones of the servers
 * that it knows.
 */

import { fromPromise } from 'xstate';
import {
  autoEncryptMachine,
  PAUSE_FIRST_MS,
  PAUSE_MOST_MS,
} from '../../machines/agent/auto-encrypt.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import { createAgentRequest, isExpired, renewInMs } from '../../src/connect/agent-certificate.ts';
import { textOf } from '../../src/error-text.ts';
import { isDiscovery } from '../../src/federation/gateway-address.ts';
import type { Log } from '../../src/log.ts';
import { DCSpecificRequest } from '../../src/model/blocks.ts';
import { CASignRequest, type SignedResponse } from '../../src/model/connect-ca.ts';
import { callInsecure } from '../../src/rpc/client/insecure.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import { AUTO_ENCRYPT_SIGN } from '../../src/rpc/methods/auto-encrypt.ts';
import { CONNECT_CA_ROOTS, CONNECT_CA_SIGN } from '../../src/rpc/methods/connect-ca.ts';
import { pause } from '../../src/world/pause.ts';
import type { Endpoint } from '../../src/world/world.ts';
import { resolveJoinAddresses } from '../gossip/join-addresses.ts';
import type { Foundation } from './foundation.ts';

/** How long a server may hold the poll of the roots. */
const POLL_NANOSECONDS = 600e9;

/**
 * Asks until a server gives the first certificate; dials use it from then on. Consul's agent waits
 * in the same way: without a certificate there is nothing that it could do.
 */
export async function awaitFirstCertificate(base: Foundation): Promise<void> {
  const log = base.log.child('auto-encrypt');
  for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MOST_MS)) {
    if (await askAll(base, log)) return;
    log.error('No servers successfully responded to the auto-encrypt request', {
      retry_in_ms: pauseMs,
    });
    await pause(base.world.clock, pauseMs);
  }
}

/** The renewal as a child of the tree; none unless certificates come from servers. */
export function autoEncryptParts(base: Foundation, rpc: RpcCaller): readonly ChildSpec[] {
  const { plan, log } = base;
  const certPem = base.tls.givenIdentity()?.certPem;
  if (certPem === undefined) return [];
  const ownLog = log.child('auto-encrypt');
  const logic = autoEncryptMachine.provide({
    actors: {
      renew: fromPromise(({ signal }) => renew(base, rpc, ownLog, signal)),
      poll: fromPromise(
        async ({ input, signal }: { input: { minIndex: number }; signal: AbortSignal }) => {
          const request = DCSpecificRequest.of({
            Datacenter: plan.datacenter,
            MinQueryIndex: input.minIndex,
            MaxQueryTime: POLL_NANOSECONDS,
          });
          const roots = await rpc.call(CONNECT_CA_ROOTS, request, signal);
          return { index: roots.Index, activeRootId: roots.ActiveRootID };
        },
      ),
    },
    actions: {
      announceRenewed: () => ownLog.info('agent certificate renewed'),
      announceRetry: (_, { error }) =>
        ownLog.error('agent certificate could not be renewed, will retry', { error }),
    },
  });
  return [
    {
      id: 'auto-encrypt',
      logic,
      input: { renewInMs: dueIn(base, certPem) },
      restart: 'permanent',
      shutdownMs: 0,
    },
  ];
}

async function renew(
  base: Foundation,
  rpc: RpcCaller,
  log: Log,
  signal: AbortSignal,
): Promise<{ readonly renewInMs: number }> {
  const { plan, world, tls } = base;
  const old = tls.givenIdentity()?.certPem ?? '';
  if (isExpired(old, world.clock.now())) {
    log.warn("agent's client certificate has expired");
    if (!(await askAll(base, log))) throw new Error('no server gives a certificate');
  } else {
    const { requestPem, keyPem } = requestOf(base);
    const request = CASignRequest.of({ Datacenter: plan.datacenter, CSR: requestPem });
    const { CertPEM } = await rpc.call(CONNECT_CA_SIGN, request, signal);
    tls.give({ identity: { certPem: CertPEM, keyPem } });
  }
  return { renewInMs: dueIn(base, tls.givenIdentity()?.certPem ?? old) };
}

/** Whether one of the addresses has given a certificate; what the others answered is logged. */
async function askAll(base: Foundation, log: Log): Promise<boolean> {
  const { plan, clusterWorld } = base;
  const { startLan, retryLan } = plan.join;
  const entries = [...startLan, ...retryLan.addresses].filter((entry) => !isDiscovery(entry));
  const { peers, errors } = await resolveJoinAddresses(
    clusterWorld.network,
    entries,
    plan.ports.server,
  );
  for (const error of errors) log.error('cannot find a server to ask for a certificate', { error });
  for (const { address } of peers) {
    // The ports are those of gossip.
    const at = { address, port: plan.ports.server };
    try {
      await ask(base, at);
      log.info('automatically upgraded to TLS', { server: address });
      return true;
    } catch (error) {
      log.error('AutoEncrypt.Sign RPC failed', { addr: address, error: textOf(error) });
    }
  }
  return false;
}

async function ask(base: Foundation, at: Endpoint): Promise<void> {
  const { plan, clusterWorld, world, tls } = base;
  const { requestPem, keyPem } = requestOf(base);
  const deps = {
    network: clusterWorld.network,
    clock: world.clock,
    tls,
    datacenter: plan.datacenter,
  };
  const request = CASignRequest.of({ Datacenter: plan.datacenter, CSR: requestPem });
  const signed: SignedResponse = await callInsecure(deps, at, AUTO_ENCRYPT_SIGN, request);
  tls.give({
    identity: { certPem: signed.IssuedCert.CertPEM, keyPem },
    caPem: signed.ManualCARoots ?? [],
    verifyServerHostname: signed.VerifyServerHostname,
  });
}

function requestOf({ plan, world }: Foundation): ReturnType<typeof createAgentRequest> {
  const { dnsNames, ipAddresses } = plan.autoEncrypt;
  return createAgentRequest(
    { datacenter: plan.datacenter, node: plan.node.name, dnsNames, ipAddresses },
    world.random,
  );
}

function dueIn({ world }: Foundation, certPem: string): number {
  return renewInMs(certPem, world.clock.now(), world.random);
}
