/**
 * The snapshot archive (`consul snapshot save`): gzip of a tar file with `meta.json`, `state.bin` and
 * `SHA256SUMS`, in this order. It is written (pack.ts) and read (read.ts) as a stream: the state may
 * be larger than what one wants to hold.
 */

export const META = 'meta.json';
export const STATE = 'state.bin';
export const SUMS = 'SHA256SUMS';

/** Bytes of an unpacked archive at most; more is refused. */
export const ARCHIVE_BYTES_MAX = 4_294_967_296;
