/**
 * The few shapes of DER that a certificate is made of, over node-forge's ASN.1 tree. Numbers of tags
 * and object identifiers are those of X.690 and RFC 5280.
 */

import forge from 'node-forge';
import { PkiError } from './pki-error.ts';

export type Der = forge.asn1.Asn1;

const { asn1 } = forge;
const { Class, Type } = asn1;

/** X.690 counts bits of a bit string from the left; the first content byte says how many are unused. */
const BITS_PER_BYTE = 8;

export function sequence(...items: readonly Der[]): Der {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [...items]);
}

export function setOf(...items: readonly Der[]): Der {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, [...items]);
}

export function objectIdentifier(dotted: string): Der {
  return primitive(Type.OID, asn1.oidToDer(dotted).getBytes());
}

export function truth(value: boolean): Der {
  return primitive(Type.BOOLEAN, value ? '\xff' : '\x00');
}

/** A non-negative integer, given big-endian; leading zeros are dropped, a sign byte is added. */
export function unsignedInteger(bigEndian: Uint8Array): Der {
  let start = 0;
  while (start < bigEndian.length - 1 && bigEndian[start] === 0) start += 1;
  const digits = binary(bigEndian.subarray(start));
  const needsSign = ((bigEndian[start] ?? 0) & 0x80) !== 0;
  return primitive(Type.INTEGER, needsSign ? `\x00${digits}` : digits);
}

export function octetString(content: Uint8Array): Der {
  return primitive(Type.OCTETSTRING, binary(content));
}

/** Whole bytes, no unused bits: signatures and keys. */
export function bitString(content: Uint8Array): Der {
  return primitive(Type.BITSTRING, `\x00${binary(content)}`);
}

/** Named bits (RFC 5280 key usage): `bits` are positions, 0 the first; trailing zeros are left out. */
export function namedBits(bits: readonly number[]): Der {
  const last = Math.max(...bits);
  const bytes = new Uint8Array(Math.floor(last / BITS_PER_BYTE) + 1);
  for (const bit of bits) {
    const place = Math.floor(bit / BITS_PER_BYTE);
    bytes[place] = (bytes[place] ?? 0) | (0x80 >> (bit % BITS_PER_BYTE));
  }
  const unused = BITS_PER_BYTE - 1 - (last % BITS_PER_BYTE);
  return primitive(Type.BITSTRING, String.fromCharCode(unused) + binary(bytes));
}

/** PrintableString where the text allows it, else UTF8String, as Go's encoder chooses. */
export function text(value: string): Der {
  if (/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)) return primitive(Type.PRINTABLESTRING, value);
  return primitive(Type.UTF8, binary(Buffer.from(value, 'utf8')));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5). Whole seconds. */
export function time(ms: number): Der {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  if (new Date(ms).getUTCFullYear() < 2050) return primitive(Type.UTCTIME, digits.slice(2));
  return primitive(Type.GENERALIZEDTIME, digits);
}

/** `[tag]` around other items. */
export function tagged(tag: number, ...items: readonly Der[]): Der {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, true, [...items]);
}

/** `[tag] IMPLICIT` of a primitive type. */
export function taggedBytes(tag: number, content: Uint8Array): Der {
  return asn1.create(
    Class.CONTEXT_SPECIFIC,
    tag as forge.asn1.Type,
    false,
    binary(content) as unknown as Der[],
  );
}

export function encodeDer(node: Der): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), 'latin1');
}

/** Throws a `PkiError` for what is not one DER value. */
export function decodeDer(bytes: Uint8Array): Der {
  // The type definitions lack the options; bit strings stay as they are, so that encoding what was
  // decoded gives the same bytes.
  const read = asn1.fromDer as unknown as (bytes: string, options: object) => Der;
  try {
    return read(binary(bytes), { strict: true, parseAllBytes: true, decodeBitStrings: false });
  } catch (cause) {
    throw new PkiError('not a DER value', { cause });
  }
}

/** Items of a constructed value; throws for a primitive one. */
export function childrenOf(node: Der): readonly Der[] {
  if (!Array.isArray(node.value)) throw new PkiError('unexpected DER: a primitive value');
  return node.value;
}

/** Content of a primitive value; throws for a constructed one. */
export function contentOf(node: Der): Buffer {
  if (typeof node.value !== 'string') throw new PkiError('unexpected DER: a constructed value');
  return Buffer.from(node.value, 'latin1');
}

/** The dotted form of an object identifier. */
export function dottedOf(node: Der): string {
  const content = contentOf(node);
  if (content.length === 0) throw new PkiError('unexpected DER: an empty object identifier');
  return asn1.derToOid(content.toString('latin1'));
}

function primitive(type: forge.asn1.Type, content: string): Der {
  return asn1.create(Class.UNIVERSAL, type, false, content as unknown as Der[]);
}

function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
