/** PEM blocks (RFC 7468). */

export interface PemBlock {
  readonly type: string;
  readonly der: Buffer;
}

const BLOCK = /-----BEGIN ([^-\r\n]+)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----/;
const LINE_LENGTH = 64;

/** The first block of a text; `undefined` when there is none. */
export function decodePem(pem: string): PemBlock | undefined {
  const found = BLOCK.exec(pem);
  if (found === null) return undefined;
  return { type: found[1] as string, der: Buffer.from(found[2] as string, 'base64') };
}

export function encodePem(type: string, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64');
  const lines = base64.match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`;
}
