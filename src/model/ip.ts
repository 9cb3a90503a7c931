/** IP addresses as texts. */

import ipaddr from 'ipaddr.js';

/** 4, 6, or 0 when the text is no IP address. */
export function ipFamily(text: string): 0 | 4 | 6 {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return 4;
  return ipaddr.IPv6.isValid(text) ? 6 : 0;
}
