/** Reads extensions of a certificate that node:crypto does not show. */

import { childrenOf, contentOf, type Der, decodeDer, dottedOf } from './der.ts';

/** TBSCertificate `[3] extensions`. */
const EXTENSIONS_TAG = 3;
const CONTEXT_SPECIFIC = 0x80;

/** The content of the extension `oid` of a certificate (DER); throws on what is not a certificate. */
export function readExtension(certificate: Uint8Array, oid: string): Der | undefined {
  const tbs = childrenOf(decodeDer(certificate))[0];
  if (tbs === undefined) return undefined;
  const wrapped = childrenOf(tbs).find((item) => isTagged(item, EXTENSIONS_TAG));
  const extensions = wrapped === undefined ? undefined : childrenOf(wrapped)[0];
  for (const extension of extensions === undefined ? [] : childrenOf(extensions)) {
    const parts = childrenOf(extension);
    const [id, content] = [parts[0], parts[parts.length - 1]];
    if (id === undefined || content === undefined) continue;
    if (dottedOf(id) === oid) return decodeDer(contentOf(content));
  }
  return undefined;
}

/** Whether an item stands under the context-specific tag number `tag`. */
export function isTagged(item: Der, tag: number): boolean {
  return (item.tagClass as number) === CONTEXT_SPECIFIC && (item.type as number) === tag;
}
