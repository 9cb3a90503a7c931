/** Certificates of services and agents, signed by the authority of their datacenter. */

import { X509Certificate } from 'node:crypto';
import { COMMAND_TYPES, type CommandType } from '../fsm/command-types.ts';
import { CALeafRequest, IssuedCert } from '../model/connect-ca.ts';
import { objectIdentifier, sequence } from '../tls/pki/der.ts';
import { isTagged } from '../tls/pki/extensions.ts';
import { type ReadRequest, readRequest } from '../tls/pki/request.ts';
import {
  attribute,
  critical,
  extension,
  issue,
  KEY_USAGE,
  keyIdOf,
  keyIds,
  OID,
  readCa,
  uriName,
  usage,
} from '../tls/pki/x509.ts';
import type { Codec } from '../wire/msgpack/schema.ts';
import { goTimeFromUnixMs } from '../wire/msgpack/time.ts';
import {
  type AuthorityDeps,
  leafLifetimeMs,
  nextSerial,
  type SigningMaterial,
  signingMaterial,
} from './authority.ts';
import { serialBytes, TRUST_DOMAIN } from './certificates.ts';
import { commonName, identityUri, type MeshIdentity, readIdentity } from './identity.ts';

/** Leaves are valid from a minute ago: clocks differ. */
const CLOCK_ALLOWANCE_MS = 60_000;
const CLIENT_AUTH_OID = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH_OID = '1.3.6.1.5.5.7.3.1';
/** GeneralNames that are copied: DNS names and IP addresses. */
const COPIED_TAGS = [2, 7];

export interface LeafDeps extends AuthorityDeps {
  readonly datacenter: string;
  readonly primary: boolean;
  readonly raftApply: <Request>(
    type: CommandType,
    codec: Codec<Request>,
    request: Request,
  ) => Promise<unknown>;
}

/**
 * Signs a request of a service or an agent. Rejects for identities of other clusters and
 * datacenters, for what is no request, and while there is no authority yet.
 */
export async function signLeaf(deps: LeafDeps, requestPem: string): Promise<IssuedCert> {
  const request = readRequest(requestPem);
  const material = signingMaterial(deps, deps.primary);
  const identity = ownIdentity(deps, request, material);
  const serial = await nextSerial(deps);
  const leaf = issueLeaf(deps, request, material, identity, serial);
  const index = Number(
    await deps.raftApply(
      COMMAND_TYPES.ConnectCALeaf,
      CALeafRequest,
      CALeafRequest.of({ Op: 'increment-index', Datacenter: deps.datacenter }),
    ),
  );
  const { validFrom, validTo } = new X509Certificate(leaf);
  const own = identity.kind === 'service';
  const uri = identityUri(identity);
  return IssuedCert.of({
    SerialNumber: serialText(serial),
    CertPEM: [leaf, ...material.chain].join(''),
    ...(own ? { Service: identity.name, ServiceURI: uri } : {}),
    ...(own ? {} : { Agent: identity.name, AgentURI: uri }),
    ValidAfter: goTimeFromUnixMs(Date.parse(validFrom)),
    ValidBefore: goTimeFromUnixMs(Date.parse(validTo)),
    CreateIndex: index,
    ModifyIndex: index,
  });
}

/**
 * Who asks. Agents ask before they know the cluster, so that its ID is put into their identity; that
 * of a service has to be of this cluster and datacenter.
 */
function ownIdentity(
  { datacenter }: LeafDeps,
  { uris }: ReadRequest,
  { config }: SigningMaterial,
): MeshIdentity {
  const [uri, ...more] = uris;
  if (uri === undefined || more.length > 0) {
    throw new Error(`a certificate request must have exactly one URI but has ${uris.length}`);
  }
  const identity = readIdentity(uri);
  if (identity === null) throw new Error('SPIFFE ID in CSR must be a service or agent ID');
  const host = `${config.ClusterID}.${TRUST_DOMAIN}`;
  if (identity.kind === 'agent') return { ...identity, host };
  if (identity.datacenter !== datacenter) {
    throw new Error(
      `SPIFFE ID in CSR from a different datacenter: ${identity.datacenter}, we are ${datacenter}`,
    );
  }
  if (identity.host.toLowerCase() !== host.toLowerCase()) {
    throw new Error(
      `SPIFFE ID in CSR from a different trust domain: ${identity.host}, we are ${host}`,
    );
  }
  return identity;
}

function issueLeaf(
  { clock }: LeafDeps,
  { spki, names }: ReadRequest,
  { config, signer }: SigningMaterial,
  identity: MeshIdentity,
  serial: number,
): string {
  const authority = readCa(signer);
  const notBeforeMs = clock.now() - CLOCK_ALLOWANCE_MS;
  const copied = names.filter((name) => COPIED_TAGS.some((tag) => isTagged(name, tag)));
  return issue({
    serial: serialBytes(serial),
    issuer: authority.subject,
    subject: sequence(attribute(OID.commonName, commonName(identity))),
    notBeforeMs,
    notAfterMs: notBeforeMs + leafLifetimeMs(config),
    extensions: [
      usage([
        KEY_USAGE.digitalSignature,
        KEY_USAGE.keyEncipherment,
        KEY_USAGE.dataEncipherment,
        KEY_USAGE.keyAgreement,
      ]),
      extension(
        OID.extendedKeyUsage,
        sequence(objectIdentifier(CLIENT_AUTH_OID), objectIdentifier(SERVER_AUTH_OID)),
      ),
      critical(OID.basicConstraints, sequence()),
      ...keyIds(keyIdOf({ spki }), authority.keyId),
      extension(OID.subjectAltName, sequence(...copied, uriName(identityUri(identity)))),
    ],
    ownerSpki: spki,
    signer: authority.signer,
  });
}

/** Bytes as hex pairs with colons, without leading zeros. */
function serialText(serial: number): string {
  const hex = serial.toString(16);
  return (hex.length % 2 === 0 ? hex : `0${hex}`).replace(/..(?=.)/g, '$&:');
}
