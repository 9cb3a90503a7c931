/**
 * The agent's own certificate, looked at before anything starts: with federation through mesh
 * gateways a certificate without the node's name would join and then fail at everything.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { TlsMaterial } from '../tls/configurator.ts';
import { type ConfigIssue, ruleIssue, warning } from './issues.ts';
import type { AgentPlan } from './plan.ts';

/** Checks the material that `plan` names. `nowMs` is the wall clock. */
export function checkCertificates(
  plan: AgentPlan,
  material: TlsMaterial,
  nowMs: number,
): readonly ConfigIssue[] {
  const { identity } = material;
  if (identity === undefined) return [];
  const file = plan.tls.certFile ?? 'cert_file';
  const certificate = readCertificate(identity.certPem);
  if (certificate === undefined) {
    return [ruleIssue('cert.unreadable', `${file} does not hold a certificate`, 'cert_file')];
  }
  const issues: ConfigIssue[] = [];
  if (!keyFits(certificate, identity.keyPem)) {
    const text = `${plan.tls.keyFile ?? 'key_file'} is not the key of the certificate in ${file}`;
    issues.push(ruleIssue('key.unfit', text, 'key_file'));
  }
  if (plan.connect.meshGatewayWanFederation) {
    issues.push(...federationIssues(plan, material, certificate, file));
  }
  if (Date.parse(certificate.validTo) < nowMs) {
    const text = `the certificate in ${file} expired on ${certificate.validTo}`;
    issues.push(warning('cert.expired', text));
  }
  return issues;
}

/** `<node>.server.<dc>.<domain>`: what peers in other datacenters ask for. */
export function nodeServerName(plan: AgentPlan): string {
  return `${plan.node.name}.server.${plan.datacenter}.${plan.domain}`;
}

function federationIssues(
  plan: AgentPlan,
  material: TlsMaterial,
  certificate: X509Certificate,
  file: string,
): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const wildcard = `server.${plan.datacenter}.${plan.domain}`;
  const missing = [nodeServerName(plan), wildcard].filter(
    (name) => certificate.checkHost(name, { subject: 'never' }) === undefined,
  );
  if (missing.length > 0) {
    const names = missing.map((name) => `"${name}"`).join(' and ');
    issues.push(
      ruleIssue(
        'federation.cert.name',
        `the certificate in ${file} is not valid for ${names}, which ` +
          "'connect.enable_mesh_gateway_wan_federation = true' requires; make one that is with: " +
          `mobius tls cert create -server -dc=${plan.datacenter} -domain=${plan.domain} ` +
          `-node=${plan.node.name}`,
        'cert_file',
      ),
    );
  }
  if (!isIssued(certificate, material)) {
    const text = `the certificate in ${file} is not issued by the CA in ${caName(plan)}`;
    issues.push(ruleIssue('federation.cert.ca', text, 'ca_file'));
  }
  return issues;
}

/** A file with intermediates is left to the handshake; one certificate must be of a known CA. */
function isIssued(certificate: X509Certificate, material: TlsMaterial): boolean {
  const several = (material.identity?.certPem.match(/BEGIN CERTIFICATE/g) ?? []).length > 1;
  if (several) return true;
  return material.caPem
    .flatMap(
      (pem) => pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [],
    )
    .some((pem) => {
      const ca = readCertificate(pem);
      return ca !== undefined && certificate.checkIssued(ca) && certificate.verify(ca.publicKey);
    });
}

function caName(plan: AgentPlan): string {
  return plan.tls.caFile ?? plan.tls.caPath ?? 'ca_file';
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function keyFits(certificate: X509Certificate, keyPem: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}
