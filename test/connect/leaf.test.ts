/** Goal: leaves are signed for services and agents of this very datacenter, as Consul 1.9 does. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { createAgentRequest, isExpired, renewInMs } from '../../src/connect/agent-certificate.ts';
import { type AuthorityDeps, foundAuthority } from '../../src/connect/authority.ts';
import { type LeafDeps, signLeaf } from '../../src/connect/leaf.ts';
import { typeByte } from '../../src/fsm/command-types.ts';
import { Fsm } from '../../src/fsm/fsm.ts';
import { silentLog } from '../../src/log.ts';
import { caConfiguration, caRoots } from '../../src/store/index.ts';
import { type Der, sequence, taggedBytes } from '../../src/tls/pki/der.ts';
import { createKey } from '../../src/tls/pki/keys.ts';
import { createRequest } from '../../src/tls/pki/request.ts';
import { attribute, extension, OID, uriName } from '../../src/tls/pki/x509.ts';
import { MsgpackWriter } from '../../src/wire/msgpack/writer.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';

const { clock, random } = createNodeWorld();

async function authority(): Promise<LeafDeps> {
  const fsm = new Fsm({ log: silentLog });
  let index = 0;
  const raftApply: LeafDeps['raftApply'] = async (type, codec, request) => {
    const writer = new MsgpackWriter();
    writer.bytes(Uint8Array.of(typeByte(type)));
    codec.encode(writer, request);
    index += 1;
    const entry = { index, term: 1, data: writer.finish(), extensions: null };
    const [response] = fsm.apply([entry]).responses;
    if (response instanceof Error) throw response;
    return response;
  };
  const deps = { store: fsm.store, raftApply, clock, random, datacenter: 'dc1', primary: true };
  await foundAuthority(deps as AuthorityDeps, { provider: 'consul', config: {} });
  return deps;
}

function requestOf(uri: string, ...names: readonly Der[]): string {
  const subject = sequence(attribute(OID.commonName, 'ignored'));
  const san = extension(OID.subjectAltName, sequence(...names, uriName(uri)));
  return createRequest(subject, createKey(random), [san]);
}

const hostOf = (deps: LeafDeps): string =>
  `${caConfiguration(deps.store.view()).result?.ClusterID}.consul`;

it('signs for a service, below the active root', async () => {
  const deps = await authority();
  const host = hostOf(deps);
  const uri = `spiffe://${host}/ns/default/dc/dc1/svc/web-Shop`;
  const issued = await signLeaf(deps, requestOf(uri));
  expect(issued).toMatchObject({ Service: 'web-Shop', ServiceURI: uri, Agent: '', AgentURI: '' });
  expect(issued.SerialNumber).toMatch(/^([0-9a-f]{2}:)*[0-9a-f]{2}$/);
  expect(issued.ModifyIndex).toBe(issued.CreateIndex);
  const certificate = new X509Certificate(issued.CertPEM);
  const [root] = caRoots(deps.store.view()).result;
  expect(certificate.verify(new X509Certificate(root?.RootCert ?? '').publicKey)).toBe(true);
  expect(certificate.subject).toBe(`CN=webshop.svc.default.${host.slice(0, 8)}.consul`);
  expect(certificate.subjectAltName).toBe(`URI:${uri}`);
  expect(certificate.ca).toBe(false);
  const hours = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 3_600_000;
  expect(hours).toBe(72);
});

it('gives an agent the identity of this cluster, whatever it guessed, and its other names', async () => {
  const deps = await authority();
  const guess = 'spiffe://dummy.trustdomain/agent/client/dc/dc1/id/node-1';
  const names = [
    taggedBytes(2, Buffer.from('localhost')),
    taggedBytes(7, Buffer.from([127, 0, 0, 1])),
  ];
  const issued = await signLeaf(deps, requestOf(guess, ...names));
  const uri = `spiffe://${hostOf(deps)}/agent/client/dc/dc1/id/node-1`;
  expect(issued).toMatchObject({ Agent: 'node-1', AgentURI: uri, Service: '' });
  expect(new X509Certificate(issued.CertPEM).subjectAltName).toBe(
    `DNS:localhost, IP Address:127.0.0.1, URI:${uri}`,
  );
});

it('refuses identities that are not its own to give', async () => {
  const deps = await authority();
  const host = hostOf(deps);
  const refused = (uri: string) => expect(signLeaf(deps, requestOf(uri))).rejects;
  await refused(`spiffe://${host}/ns/default/dc/dc2/svc/web`).toThrow(
    'SPIFFE ID in CSR from a different datacenter: dc2, we are dc1',
  );
  await refused('spiffe://other.consul/ns/default/dc/dc1/svc/web').toThrow(
    `SPIFFE ID in CSR from a different trust domain: other.consul, we are ${host}`,
  );
  await refused(`spiffe://${host}`).toThrow('SPIFFE ID in CSR must be a service or agent ID');
  await refused(`spiffe://${host}/ns/default/dc/dc1/svc/%zz`).toThrow('must be a service or agent');
  await expect(signLeaf(deps, 'nonsense')).rejects.toThrow('no PEM-encoded data found');
});

it('signs for an agent what it asks for before it knows the cluster', async () => {
  const deps = await authority();
  const names = {
    datacenter: 'dc1',
    node: 'node-7',
    dnsNames: ['node7.example'],
    ipAddresses: ['10.0.0.7'],
  };
  const { requestPem, keyPem } = createAgentRequest(names, random);
  const issued = await signLeaf(deps, requestPem);
  const certificate = new X509Certificate(issued.CertPEM);
  expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
  expect(certificate.subjectAltName).toBe(
    'DNS:localhost, DNS:node7.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, ' +
      `IP Address:10.0.0.7, URI:spiffe://${hostOf(deps)}/agent/client/dc/dc1/id/node-7`,
  );
  const lifetimeMs = 3 * 86_400_000;
  const due = renewInMs(issued.CertPEM, clock.now(), random);
  expect(due).toBeGreaterThan(0.59 * lifetimeMs);
  expect(due).toBeLessThan(0.91 * lifetimeMs);
  expect(isExpired(issued.CertPEM, clock.now())).toBe(false);
  expect(isExpired(issued.CertPEM, clock.now() + lifetimeMs)).toBe(true);
});
