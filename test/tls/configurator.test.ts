import { describe, expect, it } from 'vitest';
import { TlsConfigurator, type TlsSettings } from '../../src/tls/configurator.ts';
import { loadTlsMaterial, namesNotCovered, tlsProblem } from '../../src/tls/material.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import { CA, identity, SETTINGS } from '../support/port-fixture.ts';

const MATERIAL = { caPem: [CA], identity: identity('server') };
const configurator = (settings: Partial<TlsSettings> = {}, material = MATERIAL): TlsConfigurator =>
  new TlsConfigurator({ ...SETTINGS, ...settings }, material);
const target = { datacenter: 'dc2', node: 'node9', alpn: 'consul/rpc-multi' };
const vectors = (name: string): string =>
  new URL(`../vectors/tls/${name}`, import.meta.url).pathname;

describe('TLS rules', () => {
  it.each([
    ['nothing set', {}, undefined],
    ['verify_outgoing', { verifyOutgoing: true }, { verify: 'chain' }],
    [
      'verify_outgoing and verify_server_hostname',
      { verifyOutgoing: true, verifyServerHostname: true },
      { verify: 'name', servername: 'server.dc1.consul' },
    ],
    ['verify_server_hostname alone', { verifyServerHostname: true }, undefined],
  ] as const)('dial within a datacenter with %s', (_name, settings, expected) => {
    const options = configurator(settings).outgoingRpc('dc1', 5000);
    if (expected === undefined) expect(options).toBeUndefined();
    else expect(options).toMatchObject(expected);
    if (expected !== undefined && !('servername' in expected)) {
      expect(options).not.toHaveProperty('servername');
    }
  });

  it("ask for clients' certificates at byte 3 only under verify_incoming, natively always", () => {
    expect(configurator().incomingRpc(1)?.clientCertificate).toBe('none');
    expect(configurator({ verifyIncoming: true }).incomingRpc(1)?.clientCertificate).toBe(
      'require',
    );
    expect(configurator({ verifyIncomingRpc: true }).refusesPlaintext()).toBe(true);
    expect(configurator().incomingAlpn(1)?.clientCertificate).toBe('require');
    expect(configurator().incomingAlpn(1)?.alpn?.[0]).toBe('consul/rpc-single');
    expect(configurator({}, { ...MATERIAL, caPem: [] }).incomingAlpn(1)).toBeUndefined();
  });

  it('name the node of another datacenter, or only its servers when it is not known', () => {
    const tls = configurator({ domain: 'corp.example.' });
    expect(tls.outgoingAlpn(target, 1)).toMatchObject({
      servername: 'node9.server.dc2.corp.example',
      verify: 'name',
      alpn: ['consul/rpc-multi'],
      identity: MATERIAL.identity,
    });
    expect(tls.outgoingAlpn({ ...target, node: '*' }, 1).servername).toBe(
      'server.dc2.corp.example',
    );
  });

  it.each([
    [{ datacenter: '' }, 'cannot dial using ALPN-RPC without a target datacenter'],
    [{ node: '' }, 'cannot dial using ALPN-RPC without a target node'],
    [{ alpn: '' }, 'cannot dial using ALPN-RPC without a target alpn protocol'],
    [{ datacenter: 'dc1' }, 'cannot dial servers in the same datacenter via a mesh gateway'],
  ])('refuse a dial with %j', (change, text) => {
    expect(() => configurator().outgoingAlpn({ ...target, ...change }, 1)).toThrow(text);
  });

  it('refuse to dial through a gateway without certificates, until there are some', () => {
    const tls = new TlsConfigurator(SETTINGS, { caPem: [] });
    expect(() => tls.outgoingAlpn(target, 1)).toThrow(
      'cannot dial via a mesh gateway when outgoing TLS is disabled',
    );
    tls.update(MATERIAL);
    expect(tls.outgoingAlpn(target, 1).caPem).toEqual([CA]);
  });

  it.each([
    [['server.dc1.consul'], ['1.3.6.1.5.5.7.3.2'], true],
    [['SERVER.DC1.CONSUL', 'x'], ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'], true],
    [['server.dc2.consul'], ['1.3.6.1.5.5.7.3.2'], false],
    [['client.dc1.consul'], ['1.3.6.1.5.5.7.3.2'], false],
    [['server.dc1.consul'], ['1.3.6.1.5.5.7.3.1'], false],
    [[], [], false],
  ])('let %j with usages %j speak raft: %s', (dnsNames, extendedKeyUsage, allowed) => {
    const peer = { commonName: '', dnsNames, fingerprint: '', extendedKeyUsage };
    const refusal = configurator().raftRefusal({ alpn: null, servername: null, peer });
    expect(refusal === undefined).toBe(allowed);
    if (!allowed) expect(refusal).toMatch(/^AuthorizeServerConn failed certificate validation for/);
  });
});

describe('TLS files', () => {
  const { disk } = createNodeWorld();

  it('are read from CA file, certificate and key', async () => {
    const material = await loadTlsMaterial(disk, {
      caFile: vectors('ca.pem'),
      certFile: vectors('server.pem'),
      keyFile: vectors('server-key.pem'),
    });
    expect(material).toEqual(MATERIAL);
    expect(
      namesNotCovered(material, ['node1.server.dc1.consul', 'node2.server.dc1.consul']),
    ).toEqual(['node2.server.dc1.consul']);
    expect((await loadTlsMaterial(disk, { caPath: vectors('') })).caPem.length).toBeGreaterThan(3);
    expect(await loadTlsMaterial(disk, {})).toEqual({ caPem: [] });
  });

  it('that are missing are named', async () => {
    await expect(loadTlsMaterial(disk, { caFile: '/nope.pem' })).rejects.toThrow(
      /^Error loading CA File: .*nope\.pem/,
    );
    await expect(
      loadTlsMaterial(disk, { certFile: '/nope.pem', keyFile: '/nope-key.pem' }),
    ).rejects.toThrow(/^Failed to load cert\/key pair: .*nope\.pem/);
  });

  it('must give what the settings ask for', () => {
    const bare = { caPem: [] };
    expect(tlsProblem({ ...SETTINGS, verifyIncoming: true }, bare)).toBe(
      'VerifyIncoming set, and no CA certificate provided!',
    );
    expect(tlsProblem({ ...SETTINGS, verifyIncomingRpc: true }, { caPem: [CA] })).toBe(
      'VerifyIncoming set, and no Cert/Key pair provided!',
    );
    expect(tlsProblem({ ...SETTINGS, verifyOutgoing: true }, bare)).toBe(
      'VerifyOutgoing set, and no CA certificate provided!',
    );
    expect(tlsProblem({ ...SETTINGS, verifyOutgoing: true }, MATERIAL)).toBeUndefined();
  });
});
