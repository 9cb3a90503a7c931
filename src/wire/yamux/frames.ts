/**
 * The frames of yamux: a 12-byte header, after which data frames carry `length` bytes. Parsing is
 * incremental and holds back no payload: whatever part of a data frame has arrived is passed on, so
 * a frame that claims four gigabytes costs nothing.
 */

export const YAMUX_VERSION = 0;
export const HEADER_BYTES = 12;

export const FRAME = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export const FLAG = { none: 0, syn: 1, ack: 2, fin: 4, rst: 8 } as const;
export const GO_AWAY = { normal: 0, protocolError: 1, internalError: 2 } as const;

export interface YamuxHeader {
  readonly version: number;
  /** 0 data, 1 window update, 2 ping, 3 go-away; anything else is foreign. */
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  /** Payload size, window delta, ping value or go-away code. */
  readonly length: number;
}

/** Writes a header; the payload of a data frame follows it. */
export function encodeHeader(
  type: number,
  flags: number,
  streamId: number,
  length: number,
): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = YAMUX_VERSION;
  header[1] = type;
  header.writeUInt16BE(flags, 2);
  header.writeUInt32BE(streamId, 4);
  header.writeUInt32BE(length, 8);
  return header;
}

/** Reads a header from exactly 12 bytes at `offset`. */
export function decodeHeader(bytes: Buffer, offset = 0): YamuxHeader {
  return {
    version: bytes[offset] as number,
    type: bytes[offset + 1] as number,
    flags: bytes.readUInt16BE(offset + 2),
    streamId: bytes.readUInt32BE(offset + 4),
    length: bytes.readUInt32BE(offset + 8),
  };
}

export interface FrameListener {
  /** A header is complete. Returning false ends the parsing for good. */
  frame(header: YamuxHeader): boolean;
  /** A part of the payload of the last data frame; `last` when it completes the frame. */
  payload(part: Buffer, last: boolean): void;
}

/** Cuts a byte stream, however split, into frames. */
export class FrameParser {
  readonly #listener: FrameListener;
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #payloadLeft = 0;
  #stopped = false;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  feed(chunk: Uint8Array): void {
    const bytes = asBuffer(chunk);
    let offset = 0;
    while (offset < bytes.length && !this.#stopped) {
      offset =
        this.#payloadLeft > 0 ? this.#readPayload(bytes, offset) : this.#readHeader(bytes, offset);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #readPayload(bytes: Buffer, offset: number): number {
    const size = Math.min(this.#payloadLeft, bytes.length - offset);
    this.#payloadLeft -= size;
    this.#listener.payload(bytes.subarray(offset, offset + size), this.#payloadLeft === 0);
    return offset + size;
  }

  #readHeader(bytes: Buffer, offset: number): number {
    let header: YamuxHeader;
    let next: number;
    if (this.#headerBytes === 0 && bytes.length - offset >= HEADER_BYTES) {
      header = decodeHeader(bytes, offset);
      next = offset + HEADER_BYTES;
    } else {
      const size = Math.min(HEADER_BYTES - this.#headerBytes, bytes.length - offset);
      bytes.copy(this.#header, this.#headerBytes, offset, offset + size);
      this.#headerBytes += size;
      if (this.#headerBytes < HEADER_BYTES) return offset + size;
      header = decodeHeader(this.#header);
      this.#headerBytes = 0;
      next = offset + size;
    }
    if (header.type === FRAME.data) this.#payloadLeft = header.length;
    if (!this.#listener.frame(header)) this.#stopped = true;
    return next;
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk)
    ? chunk
    : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
