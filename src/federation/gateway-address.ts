/** What an operator may write for a mesh gateway of the primary datacenter. */

import ipaddr from 'ipaddr.js';

/** `consul connect envoy` registers gateways on this port when none is said. */
export const GATEWAY_PORT_DEFAULT = 8443;

export type GatewayAddress =
  | { readonly ok: true; readonly address: string }
  | { readonly ok: false; readonly text: string };

/** An entry that names a way to discover addresses, as go-discover reads it. */
export function isDiscovery(entry: string): boolean {
  return entry.includes('provider=');
}

/**
 * Makes `host:port` of an entry: port 8443 when it has none, brackets round a bare IPv6 address.
 * Discovery entries are left as they are. Consul takes anything and fails at every dial instead.
 */
export function readGatewayAddress(entry: string): GatewayAddress {
  const text = entry.trim();
  if (text === '') return refused(entry, 'it is empty');
  if (isDiscovery(text)) return { ok: true, address: text };
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed) {
    const [, host = '', port] = bracketed;
    if (!isIpv6(host)) return refused(entry, `"${host}" is no IPv6 address`);
    return withPort(entry, `[${host}]`, port);
  }
  if (text.includes('[') || text.includes(']')) return refused(entry, 'its brackets do not match');
  if (isIpv6(text)) return withPort(entry, `[${text}]`, undefined);
  const [host = '', port, ...rest] = text.split(':');
  if (rest.length > 0) return refused(entry, 'it has too many colons and is no IPv6 address');
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$/.test(host)) {
    return refused(entry, `"${host}" is neither an IP address nor a host name`);
  }
  if (/^[\d.]+$/.test(host) && !isIpv4(host)) {
    return refused(entry, `"${host}" is no IPv4 address`);
  }
  return withPort(entry, host, port);
}

function withPort(entry: string, host: string, port: string | undefined): GatewayAddress {
  if (port === undefined) return { ok: true, address: `${host}:${GATEWAY_PORT_DEFAULT}` };
  const value = Number(port);
  if (!/^\d+$/.test(port) || value < 1 || value > 65_535) {
    return refused(entry, `"${port}" is no port between 1 and 65535`);
  }
  return { ok: true, address: `${host}:${value}` };
}

function refused(entry: string, why: string): GatewayAddress {
  return { ok: false, text: `primary_gateways: "${entry}" cannot be dialed: ${why}` };
}

function isIpv4(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text);
}

/** A zone (`%eth0`) is not accepted: it means nothing outside of this host. */
function isIpv6(text: string): boolean {
  return !text.includes('%') && text.includes(':') && ipaddr.IPv6.isValid(text);
}
