/**
 * The content type of bytes as the WHATWG "MIME Sniffing" rules, which Go's server applies, find it:
 * of those rules the ones for HTML, XML, PDF, common images and archives, text and the rest.
 */

/** Only so many bytes are looked at. */
const SNIFF_BYTES_MAX = 512;

const HTML_TAGS = [
  '<!DOCTYPE HTML',
  '<HTML',
  '<HEAD',
  '<SCRIPT',
  '<IFRAME',
  '<H1',
  '<DIV',
  '<FONT',
  '<TABLE',
  '<A',
  '<STYLE',
  '<TITLE',
  '<B',
  '<BODY',
  '<BR',
  '<P',
  '<!--',
] as const;

const SIGNATURES: readonly (readonly [bytes: string, type: string])[] = [
  ['%PDF-', 'application/pdf'],
  ['%!PS-Adobe-', 'application/postscript'],
  ['\xfe\xff', 'text/plain; charset=utf-16be'],
  ['\xff\xfe', 'text/plain; charset=utf-16le'],
  ['\xef\xbb\xbf', 'text/plain; charset=utf-8'],
  ['\x89PNG\r\n\x1a\n', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['GIF87a', 'image/gif'],
  ['GIF89a', 'image/gif'],
  ['BM', 'image/bmp'],
  ['\x1f\x8b\x08', 'application/x-gzip'],
  ['PK\x03\x04', 'application/zip'],
  ['Rar!\x1a\x07\x00', 'application/x-rar-compressed'],
  ['\x00asm', 'application/wasm'],
];

export function sniffedType(value: Uint8Array): string {
  const head = Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, SNIFF_BYTES_MAX));
  const text = head.toString('latin1');
  const trimmed = text.replace(/^[\t\n\f\r ]+/, '');
  if (HTML_TAGS.some((tag) => startsWithTag(trimmed, tag))) return 'text/html; charset=utf-8';
  if (trimmed.startsWith('<?xml')) return 'text/xml; charset=utf-8';
  const known = SIGNATURES.find(([bytes]) => text.startsWith(bytes));
  if (known !== undefined) return known[1];
  return isBinary(head) ? 'application/octet-stream' : 'text/plain; charset=utf-8';
}

/** The tag in any case, followed by a blank or `>`; comments need neither. */
function startsWithTag(text: string, tag: string): boolean {
  if (text.slice(0, tag.length).toUpperCase() !== tag) return false;
  return tag === '<!--' || [' ', '>'].includes(text[tag.length] ?? '');
}

function isBinary(head: Buffer): boolean {
  return head.some(
    (byte) =>
      byte <= 0x08 ||
      byte === 0x0b ||
      (byte >= 0x0e && byte <= 0x1a) ||
      (byte >= 0x1c && byte <= 0x1f),
  );
}
