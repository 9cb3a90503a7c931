/** The receiving end of a connection that carries gossip packets of another datacenter. */

import { PacketFrameParser } from '../wire/wanfed/packets.ts';
import type { ByteStream, Clock, TimerId } from '../world/world.ts';

/** A length, and then its body, must each arrive within this (Consul: the length alone). */
export const PACKET_DEADLINE_MS = 120_000;

export interface PacketLinkOptions {
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly received: (packets: readonly Uint8Array[]) => void;
  /** The peer broke the rules or was silent for too long; the connection is closed. */
  readonly failed: (text: string) => void;
}

/** Reads packets until the connection ends. */
export function receivePackets(options: PacketLinkOptions): void {
  const { stream, clock } = options;
  let since = clock.monotonic();
  let timer: TimerId | undefined;
  let over = false;

  const finish = (text?: string): void => {
    if (over) return;
    over = true;
    if (timer !== undefined) clock.clearTimeout(timer);
    stream.destroy();
    if (text !== undefined) options.failed(text);
  };
  const parser = new PacketFrameParser({ packets: options.received, failed: finish });
  // One timer that looks again, rather than one armed for each packet.
  const watch = (): void => {
    const left = since + PACKET_DEADLINE_MS - clock.monotonic();
    if (left <= 0) finish(`no ${parser.awaits} of a gossip packet within ${PACKET_DEADLINE_MS} ms`);
    else timer = clock.setTimeout(watch, left);
  };
  watch();
  stream.listen({
    data(chunk) {
      if (over) return;
      const awaited = parser.awaits;
      const counted = parser.completed;
      parser.feed(chunk);
      if (parser.awaits !== awaited || parser.completed !== counted) since = clock.monotonic();
    },
    end: () => finish(),
    closed: () => finish(),
  });
}
