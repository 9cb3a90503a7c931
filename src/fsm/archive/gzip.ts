/** gzip at the pace of whoever reads: no more is held than the engine's own buffers. */

import { createGunzip, createGzip, type Gunzip, type Gzip } from 'node:zlib';
import { textOf } from '../../error-text.ts';
import { DecodeError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';

const HEADER_BYTES = 10;
const DEFLATE = 8;

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export function gzipped(chunks: Chunks): AsyncGenerator<Buffer> {
  return through(createGzip(), chunks);
}

/**
 * Unpacks `header` and all that follows it. Throws what is wrong with it as a `DecodeError` in the
 * words of Go's readers, and what the source throws.
 */
export async function* gunzipped(header: Buffer, packed: ByteSource): AsyncGenerator<Buffer> {
  const engine = createGunzip();
  let fed = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    fed += header.length;
    yield header;
    for await (const chunk of packed.rest()) {
      fed += chunk.length;
      yield chunk;
    }
  }
  try {
    yield* through(engine, counted());
  } catch (error) {
    throw isZlibError(error) ? new DecodeError(goText(error, fed), { cause: error }) : error;
  }
  // zlib passes over zeros behind the end; Go's reader takes them for another header.
  const behind = fed - engine.bytesWritten;
  if (behind >= HEADER_BYTES) throw new DecodeError('gzip: invalid header');
  if (behind > 0) throw new DecodeError('unexpected EOF');
}

/** Takes the header off, which `gunzipped` wants back. Throws a `DecodeError` for another one. */
export async function gzipHeader(source: ByteSource): Promise<Buffer> {
  // Go's reader wants a whole header first, whatever it says.
  const header = await source.exactly(HEADER_BYTES);
  if (header.length === 0) throw new DecodeError('EOF');
  if (header.length < HEADER_BYTES) throw new DecodeError('unexpected EOF');
  if (header[0] !== 0x1f || header[1] !== 0x8b || header[2] !== DEFLATE) {
    throw new DecodeError('gzip: invalid header');
  }
  return header;
}

async function* through(engine: Gzip | Gunzip, chunks: Chunks): AsyncGenerator<Buffer> {
  let failure: Error | undefined;
  let wake = (): void => {};
  engine.on('error', (error) => {
    failure = error;
    wake();
  });
  engine.on('readable', () => wake());
  engine.on('end', () => wake());
  /** What comes out until `over`, or until the engine fails. */
  async function* output(over: () => boolean): AsyncGenerator<Buffer> {
    for (;;) {
      const piece = engine.read() as Buffer | null;
      if (piece !== null) yield piece;
      else if (failure !== undefined) throw failure;
      else if (over()) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  try {
    for await (const chunk of chunks) {
      let taken = false;
      engine.write(chunk, () => {
        taken = true;
        wake();
      });
      yield* output(() => taken);
    }
    engine.end();
    yield* output(() => engine.readableEnded);
  } finally {
    engine.destroy();
  }
}

function isZlibError(error: unknown): boolean {
  return String((error as { readonly code?: unknown } | null)?.code).startsWith('Z_');
}

/** zlib's failures as `compress/gzip` and `compress/flate` tell them. */
function goText(error: unknown, fed: number): string {
  switch (textOf(error)) {
    case 'unexpected end of file':
      return 'unexpected EOF';
    case 'incorrect data check':
    case 'incorrect length check':
      return 'gzip: invalid checksum';
    case 'incorrect header check':
    case 'unknown compression method':
    case 'unknown header flags set':
    case 'header crc mismatch':
      return 'gzip: invalid header';
    default:
      return `flate: corrupt input before offset ${fed}`;
  }
}
