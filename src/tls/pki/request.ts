/** Certificate requests (PKCS #10, RFC 2986): made for an own key, read and checked when foreign. */

import { createPublicKey, verify } from 'node:crypto';
import {
  childrenOf,
  contentOf,
  type Der,
  decodeDer,
  dottedOf,
  encodeDer,
  objectIdentifier,
  sequence,
  setOf,
  tagged,
  unsignedInteger,
} from './der.ts';
import { isTagged } from './extensions.ts';
import type { SigningKey } from './keys.ts';
import { decodePem, encodePem } from './pem.ts';
import { PkiError } from './pki-error.ts';
import { OID, signed } from './x509.ts';

const REQUEST_PEM_TYPE = 'CERTIFICATE REQUEST';
/** The attribute that carries the wanted extensions (PKCS #9). */
const EXTENSION_REQUEST_OID = '1.2.840.113549.1.9.14';
/** GeneralName `[6] uniformResourceIdentifier`. */
const URI_TAG = 6;

/** Hashes of the signature algorithms that are understood: ECDSA and RSA with SHA-2. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
]);

/** What a request asks for, its signature checked. */
export interface ReadRequest {
  readonly subject: Der;
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly uris: readonly string[];
  /** Its alternative names, those of kinds that nobody knows here included. */
  readonly names: readonly Der[];
}

/** The PEM text of a request for `subject` with these extensions, signed by its key. */
export function createRequest(subject: Der, key: SigningKey, extensions: readonly Der[]): string {
  const wanted = sequence(objectIdentifier(EXTENSION_REQUEST_OID), setOf(sequence(...extensions)));
  const content = sequence(
    unsignedInteger(Uint8Array.of(0)),
    subject,
    decodeDer(key.spki),
    tagged(0, wanted),
  );
  return encodePem(REQUEST_PEM_TYPE, encodeDer(signed(content, key.key)));
}

/** Throws a `PkiError` for what is no request, or one whose signature is not of its key. */
export function readRequest(pem: string): ReadRequest {
  const block = decodePem(pem);
  if (block === undefined) throw new PkiError('no PEM-encoded data found');
  if (block.type !== REQUEST_PEM_TYPE) {
    throw new PkiError('first PEM-block should be CERTIFICATE REQUEST type');
  }
  const read = readParts(block.der);
  if (!isSigned(read)) throw new PkiError('the signature of the certificate request is not valid');
  const { subject, spki, uris, names } = read;
  return { subject, spki, uris, names };
}

interface Parts extends ReadRequest {
  readonly content: Buffer;
  readonly algorithm: string;
  readonly signature: Buffer;
}

function readParts(der: Buffer): Parts {
  try {
    const [content, algorithm, signature] = childrenOf(decodeDer(der)) as [Der, Der, Der];
    const [, subject, key, attributes] = childrenOf(content) as [Der, Der, Der, Der?];
    const names = attributes === undefined ? [] : alternativeNames(attributes);
    return {
      content: encodeDer(content),
      algorithm: dottedOf(childrenOf(algorithm)[0] as Der),
      // The first byte of a bit string says how many bits are unused: none here.
      signature: contentOf(signature).subarray(1),
      subject,
      spki: encodeDer(key),
      uris: names.filter((name) => isTagged(name, URI_TAG)).map(textOf),
      names,
    };
  } catch (cause) {
    throw new PkiError('failed to read the certificate request', { cause });
  }
}

function textOf(name: Der): string {
  return contentOf(name).toString('utf8');
}

function alternativeNames(attributes: Der): readonly Der[] {
  const names: Der[] = [];
  for (const attribute of childrenOf(attributes)) {
    const [id, values] = childrenOf(attribute) as [Der, Der];
    if (dottedOf(id) !== EXTENSION_REQUEST_OID) continue;
    const [extensions] = childrenOf(values) as [Der];
    for (const extension of childrenOf(extensions)) {
      const parts = childrenOf(extension);
      if (dottedOf(parts[0] as Der) !== OID.subjectAltName) continue;
      names.push(...childrenOf(decodeDer(contentOf(parts[parts.length - 1] as Der))));
    }
  }
  return names;
}

function isSigned({ content, algorithm, signature, spki }: Parts): boolean {
  const hash = HASHES.get(algorithm);
  if (hash === undefined) return false;
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    return verify(hash, content, key, signature);
  } catch {
    // A key of an unknown kind signs nothing.
    return false;
  }
}
