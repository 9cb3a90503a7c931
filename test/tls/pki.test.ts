import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type CertificateRequest,
  createCa,
  createCertificate,
  type Issued,
  type Making,
} from '../../src/tls/pki/certificate.ts';
import { createNodeRandom } from '../../src/world/node/random.ts';

const making: Making = { random: createNodeRandom(), nowMs: Date.parse('2026-11-23T04:50:09.7Z') };
const folder = mkdtempSync(join(tmpdir(), 'mobius-pki-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl)
  process.stdout.write('SKIPPED: openssl is not installed, its view is not compared\n');

const serverRequest: CertificateRequest = {
  commonName: 'server.dc2.consul',
  days: 365,
  dnsNames: ['x.example', 'golden2.server.dc2.consul', 'server.dc2.consul', 'localhost'],
  ipAddresses: ['127.0.0.1'],
  extendedUsage: ['serverAuth', 'clientAuth'],
};

function write(name: string, made: Issued): string {
  const path = join(folder, `${name}.pem`);
  writeFileSync(path, made.certPem);
  writeFileSync(join(folder, `${name}-key.pem`), made.keyPem);
  return path;
}

/** The text of openssl without what differs from certificate to certificate. */
function normalised(text: string): string {
  return text
    .replace(/Serial Number:\n.*\n/, 'Serial Number:\n')
    .replace(/Consul Agent CA \d+/g, 'Consul Agent CA N')
    .replace(/(Not Before|Not After ): .*/g, '$1')
    .replace(/pub:\n( {20}.*\n)+/, 'pub:\n')
    .replace(/([0-9A-F]{2}:){31}[0-9A-F]{2}/g, 'KEY-ID')
    .replace(/Signature Value:\n[\s\S]*$/, 'Signature Value:\n');
}

function recorded(name: string): string {
  const text = readFileSync(new URL(`../vectors/cli/${name}.txt`, import.meta.url), 'utf8');
  return normalised(text.slice(text.indexOf('Certificate:')));
}

function opensslText(path: string): string {
  const args = ['x509', '-in', path, '-noout', '-text'];
  return normalised(execFileSync('openssl', args, { encoding: 'utf8' }));
}

describe('certificates', () => {
  const ca = createCa({ days: 1825 }, making);
  const caPath = write('ca', ca);

  it.skipIf(!hasOpenssl)('looks to openssl exactly as the recorded authority does', () => {
    expect(opensslText(caPath)).toBe(recorded('tls-ca-text'));
  });

  it.skipIf(!hasOpenssl).each([
    ['tls-server-node-cert-text', serverRequest],
    [
      'tls-server-cert-text',
      {
        ...serverRequest,
        commonName: 'server.dc1.consul',
        dnsNames: ['server.dc1.consul', 'localhost'],
      },
    ],
    [
      'tls-client-cert-text',
      {
        ...serverRequest,
        commonName: 'client.dc1.consul',
        dnsNames: ['client.dc1.consul', 'localhost'],
        extendedUsage: ['clientAuth', 'serverAuth'],
      },
    ],
    [
      'tls-cli-cert-text',
      {
        commonName: 'cli.dc2.consul',
        days: 365,
        dnsNames: ['cli.dc2.consul', 'localhost'],
        ipAddresses: [],
        extendedUsage: [],
      },
    ],
  ] as const)('looks to openssl exactly as the recorded one does: %s', (name, request) => {
    const path = write(name, createCertificate(request, ca, making));
    expect(opensslText(path)).toBe(recorded(name));
    const verified = execFileSync('openssl', ['verify', '-CAfile', caPath, path]);
    expect(verified.toString()).toContain('OK');
  });

  it('is valid for whole days from now on, and carries a random 128 bit serial', () => {
    const made = createCertificate(serverRequest, ca, making);
    const seen = new X509Certificate(made.certPem);
    expect(seen.validFrom).toBe('Nov 23 04:50:09 2026 GMT');
    expect(seen.validTo).toBe('Nov 23 04:50:09 2027 GMT');
    expect(seen.serialNumber.length).toBeGreaterThan(24);
    expect(seen.subjectAltName).toBe(
      'DNS:x.example, DNS:golden2.server.dc2.consul, DNS:server.dc2.consul, DNS:localhost, ' +
        'IP Address:127.0.0.1',
    );
  });

  it('belongs to its key and is issued by its authority', () => {
    const authority = new X509Certificate(ca.certPem);
    const seen = new X509Certificate(createCertificate(serverRequest, ca, making).certPem);
    expect(authority.ca).toBe(true);
    expect(seen.ca).toBe(false);
    expect(seen.checkIssued(authority)).toBe(true);
    expect(seen.verify(authority.publicKey)).toBe(true);
    expect(authority.subject).toMatch(/CN=Consul Agent CA \d{30,39}$/);
  });

  it('makes the same key from the same chance', () => {
    let next = 0;
    const counted = {
      ...making,
      random: {
        bytes: (n: number) => Uint8Array.from({ length: n }, () => (next = (next * 7 + 3) & 0xff)),
        uint32: () => 0,
        float: () => 0,
      },
    };
    const first = createCa({ days: 1 }, counted);
    next = 0;
    expect(createCa({ days: 1 }, counted).keyPem).toBe(first.keyPem);
  });

  it('writes dates from 2050 on as the longer form', () => {
    const late = createCa({ days: 3650 * 4 }, making);
    expect(new X509Certificate(late.certPem).validTo).toContain('2066');
  });

  it('signs nothing outside of the permitted domains', () => {
    const narrow = createCa({ days: 1, permittedDomains: ['consul', 'localhost'] }, making);
    if (hasOpenssl) {
      const path = write('narrow', narrow);
      const text = execFileSync('openssl', ['x509', '-in', path, '-noout', '-text']).toString();
      expect(text).toMatch(
        /Name Constraints: critical\n\s+Permitted:\n\s+DNS:consul\n\s+DNS:localhost/,
      );
    }
    expect(() => createCertificate(serverRequest, narrow, making)).toThrow(
      'x509: a root or intermediate certificate is not authorized to sign for this name: ' +
        'DNS name "x.example" is not permitted by any constraint',
    );
    const below = { ...serverRequest, dnsNames: ['server.dc2.consul', 'localhost'] };
    expect(createCertificate(below, narrow, making).certPem).toContain('CERTIFICATE');
    const lookalike = { ...serverRequest, dnsNames: ['notconsul'] };
    expect(() => createCertificate(lookalike, narrow, making)).toThrow('"notconsul"');
  });

  it.each([
    ['a key that is no PEM', { keyPem: 'x' }, 'no PEM-encoded data found'],
    [
      'a key of another type',
      { keyPem: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' },
      'unknown PEM block type for signing key: PRIVATE KEY',
    ],
    [
      'a broken key',
      { keyPem: '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n' },
      'failed to read the EC private key',
    ],
    ['a certificate that is no PEM', { certPem: '' }, 'no PEM-encoded data found'],
    ['a key instead of a certificate', { certPem: ca.keyPem }, 'first PEM-block should be'],
    [
      'a broken certificate',
      { certPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
      'failed to read the CA certificate',
    ],
    [
      'the key of another authority',
      { keyPem: createCa({ days: 1 }, making).keyPem },
      'certificate signed by unknown authority',
    ],
  ])('refuses %s', (_what, wrong, text) => {
    expect(() => createCertificate(serverRequest, { ...ca, ...wrong }, making)).toThrow(text);
  });

  it('refuses what is not an IP address', () => {
    const request = { ...serverRequest, ipAddresses: ['1.2.3'] };
    expect(() => createCertificate(request, ca, making)).toThrow('invalid IP address "1.2.3"');
  });
});
