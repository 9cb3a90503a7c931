/**
 * Gossip packets on ALPN `consul/wan-gossip/packet`: each a 32-bit length and that many bytes, which
 * are exactly what a datagram would have carried. Nothing flows the other way.
 */

/** Consul 1.9. */
export const PACKET_BYTES_MAX = 4_194_304;
const LENGTH_BYTES = 4;
/** Pieces up to this size together are kept as one. */
const JOINED_BYTES_MAX = 4096;

/** Frames a packet; several frames may be joined into one write. */
export function encodePacketFrame(packet: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + packet.length);
  frame.writeUInt32BE(packet.length, 0);
  frame.set(packet, LENGTH_BYTES);
  return frame;
}

export interface PacketListener {
  /** All packets that a piece of input has completed; they belong to the listener. */
  packets(packets: readonly Buffer[]): void;
  /** The peer broke the rules; nothing follows. */
  failed(text: string): void;
}

/** Cuts a byte stream, however split, into packets. Half a packet at the end is dropped. */
export class PacketFrameParser {
  readonly #listener: PacketListener;
  readonly #length: Buffer = Buffer.alloc(LENGTH_BYTES);
  #lengthBytes = 0;
  #parts: Buffer[] = [];
  #left = 0;
  #failed = false;
  #completed = 0;

  constructor(listener: PacketListener) {
    this.#listener = listener;
  }

  /** What the peer owes: the rest of a length or of a body. */
  get awaits(): 'length' | 'body' {
    return this.#left > 0 ? 'body' : 'length';
  }

  /** Packets so far. */
  get completed(): number {
    return this.#completed;
  }

  feed(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const packets: Buffer[] = [];
    let offset = 0;
    let failure: string | undefined;
    while (offset < bytes.length && failure === undefined && !this.#failed) {
      if (this.#left > 0) {
        offset = this.#readBody(bytes, offset, packets);
      } else {
        const size = Math.min(LENGTH_BYTES - this.#lengthBytes, bytes.length - offset);
        bytes.copy(this.#length, this.#lengthBytes, offset, offset + size);
        this.#lengthBytes += size;
        offset += size;
        if (this.#lengthBytes === LENGTH_BYTES) failure = this.#lengthKnown();
      }
    }
    this.#completed += packets.length;
    if (packets.length > 0) this.#listener.packets(packets);
    if (failure === undefined) return;
    this.#failed = true;
    this.#listener.failed(failure);
  }

  #readBody(bytes: Buffer, offset: number, packets: Buffer[]): number {
    const size = Math.min(this.#left, bytes.length - offset);
    this.#left -= size;
    this.#keep(bytes.subarray(offset, offset + size));
    if (this.#left === 0) {
      const [first] = this.#parts;
      packets.push(this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts));
      this.#parts = [];
    }
    return offset + size;
  }

  /** Small pieces are joined, lest a packet that comes byte by byte costs an object a byte. */
  #keep(piece: Buffer): void {
    const last = this.#parts.at(-1);
    if (last !== undefined && last.length + piece.length <= JOINED_BYTES_MAX) {
      this.#parts[this.#parts.length - 1] = Buffer.concat([last, piece]);
    } else {
      this.#parts.push(piece);
    }
  }

  #lengthKnown(): string | undefined {
    const length = this.#length.readUInt32BE(0);
    this.#lengthBytes = 0;
    if (length > PACKET_BYTES_MAX) {
      return `gossip packet size ${length} exceeds threshold of ${PACKET_BYTES_MAX}`;
    }
    if (length === 0) return 'packet too short (0 bytes)';
    this.#left = length;
    return undefined;
  }
}
