/** IP addresses as the 4 or 16 bytes that memberlist puts on the wire, and as text. */

const OCTETS = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;
const GROUPS = 8;

/** Bytes of an IP address in text, or null if it is none. IPv4 in IPv6 is reduced to IPv4. */
export function ipToBytes(text: string): Buffer | null {
  return ipv4ToBytes(text) ?? ipv6ToBytes(text);
}

/** Leading zeros are refused, as Go refuses them: some read such numbers as octal. */
function ipv4ToBytes(text: string): Buffer | null {
  const octets = OCTETS.exec(text)?.slice(1);
  if (octets === undefined) return null;
  const valid = octets.every((octet) => Number(octet) <= 255 && String(Number(octet)) === octet);
  return valid ? Buffer.from(octets.map(Number)) : null;
}

function ipv6ToBytes(text: string): Buffer | null {
  if (!text.includes(':')) return null;
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const front = groups(halves[0] ?? '', halves.length === 1);
  const back = halves[1] === undefined ? [] : groups(halves[1], true);
  if (front === null || back === null) return null;
  const given = front.length + back.length;
  if (halves.length === 1 ? given !== GROUPS : given >= GROUPS) return null;
  const bytes = Buffer.alloc(16);
  front.forEach((value, index) => {
    bytes.writeUInt16BE(value, index * 2);
  });
  back.forEach((value, index) => {
    bytes.writeUInt16BE(value, 16 - (back.length - index) * 2);
  });
  return isMapped(bytes) ? Buffer.from(bytes.subarray(12)) : bytes;
}

/** The groups of a half; the very last one may be an IPv4 address, which makes two. */
function groups(text: string, isLastHalf: boolean): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const values: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (GROUP.test(part)) {
      values.push(Number.parseInt(part, 16));
      continue;
    }
    const four = isLastHalf && index === parts.length - 1 ? ipv4ToBytes(part) : null;
    if (four === null) return null;
    values.push(four.readUInt16BE(0), four.readUInt16BE(2));
  }
  return values;
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
