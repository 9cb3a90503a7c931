import ipaddr from 'ipaddr.js';
import { PkiError } from './pki-error.ts';

/** 4 or 16 bytes of an IP address text. Throws a `PkiError` for anything else. */
export function addressBytes(address: string): Uint8Array {
  const usual = ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address);
  if (!usual) throw new PkiError(`invalid IP address "${address}"`);
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}
