/** PEM blocks (RFC 7468). */

export interface PemBlock {
  readonly type: string;
  readonly der: Buffer;
}

const BEGIN = /-----BEGIN ([^-\r\n]+)-----/g;
const CONTENT = /^\s[A-Za-z0-9+/=\s]*$/;
const LINE_LENGTH = 64;

/**
 * The first block of a text; `undefined` when there is none. Looks at each character a few times
 * only: texts of strangers come here.
 */
export function decodePem(pem: string): PemBlock | undefined {
  for (const begin of pem.matchAll(BEGIN)) {
    const type = begin[1] as string;
    const start = begin.index + begin[0].length;
    const end = pem.indexOf('-----', start);
    if (end < 0) return undefined;
    const content = pem.slice(start, end);
    if (!pem.startsWith(`-----END ${type}-----`, end) || !CONTENT.test(content)) continue;
    if (content.trim() === '') continue;
    return { type, der: Buffer.from(content, 'base64') };
  }
  return undefined;
}

export function encodePem(type: string, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64');
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`;
}
