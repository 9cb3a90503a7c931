/** IP addresses as the 4 or 16 bytes that memberlist puts on the wire, and as text. */

import { isIP } from 'node:net';

/** Bytes of an IP address in text, or null if it is none. IPv4 in IPv6 is reduced to IPv4. */
export function ipToBytes(text: string): Buffer | null {
  const version = isIP(text);
  if (version === 4) return Buffer.from(text.split('.').map(Number));
  if (version !== 6 || text.includes('%')) return null;
  return ipv6ToBytes(text);
}

function ipv6ToBytes(text: string): Buffer {
  const bytes = Buffer.alloc(16);
  const [head = '', tail] = text.split('::');
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  front.forEach((value, index) => {
    bytes.writeUInt16BE(value, index * 2);
  });
  back.forEach((value, index) => {
    bytes.writeUInt16BE(value, 16 - (back.length - index) * 2);
  });
  return isMapped(bytes) ? Buffer.from(bytes.subarray(12)) : bytes;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** Text of 4 or 16 address bytes as Go prints it, or null for any other length. */
export function bytesToIp(bytes: Uint8Array): string | null {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length !== 16) return null;
  if (isMapped(bytes)) return bytesToIp(bytes.subarray(12));
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) {
    words.push(((bytes[i] as number) << 8) | (bytes[i + 1] as number));
  }
  const run = longestZeroRun(words);
  const hex = (part: number[]): string => part.map((word) => word.toString(16)).join(':');
  if (run.length < 2) return hex(words);
  return `${hex(words.slice(0, run.start))}::${hex(words.slice(run.start + run.length))}`;
}

function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  words.forEach((word, index) => {
    if (word !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  });
  return best;
}

/** `ip:port`, IPv6 in brackets. */
export function joinHostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A host with an optional node name in front and port behind: `[name/]host[:port]`. */
export interface JoinAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export function parseJoinAddress(text: string, defaultPort: number): JoinAddress {
  const slash = text.indexOf('/');
  const name = slash < 0 ? '' : text.slice(0, slash);
  const rest = text.slice(slash + 1);
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(rest);
  if (bracketed) return { name, host: bracketed[1] ?? '', port: portOr(bracketed[2], defaultPort) };
  const plain = /^([^:]*):(\d+)$/.exec(rest);
  if (plain) return { name, host: plain[1] ?? '', port: portOr(plain[2], defaultPort) };
  return { name, host: rest, port: defaultPort };
}

function portOr(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : Number(text);
}
