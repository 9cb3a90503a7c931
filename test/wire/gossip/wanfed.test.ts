// Gossip of real Consul servers through mesh gateways: every recorded packet and stream is read in
// full, and its messages are written again as they were.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { encodePacketMessage, type PacketMessage } from '../../../src/wire/gossip/messages.ts';
import { addCrc, compress, openPacket, packMessages } from '../../../src/wire/gossip/packet.ts';
import { open } from '../../../src/wire/gossip/seal.ts';
import { encodeSerf, readSerf } from '../../../src/wire/gossip/serf.ts';
import { encodeStreamMessage, readStream, wrapStream } from '../../../src/wire/gossip/stream.ts';

interface Vector {
  readonly name: string;
  readonly alpn: string;
  readonly dir: string;
  readonly gossip_key_base64: string | null;
  readonly hex: string;
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../../vectors/wanfed-gossip.json', import.meta.url), 'utf8'),
);

function keysOf(vector: Vector): Buffer[] {
  const key = vector.gossip_key_base64;
  return key === null ? [] : [Buffer.from(key, 'base64')];
}

/** Whole packets of a connection, a length in front of each; the recordings end anywhere. */
function frames(data: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at + 4 <= data.length; ) {
    const size = data.readUInt32BE(at);
    if (at + 4 + size > data.length) break;
    packets.push(data.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return packets;
}

function namesOf(message: PacketMessage): string[] {
  if (message.kind === 'ping') return [message.body.Node, message.body.SourceNode];
  return message.kind === 'alive' ? [message.body.Node] : [];
}

const packets = vectors.filter((vector) => vector.alpn.endsWith('packet'));
const streams = vectors.filter((vector) => vector.alpn.endsWith('stream'));

test.each(packets.map((v) => [v.name, v] as const))('%s', (_name, vector) => {
  const keys = keysOf(vector);
  for (const packet of frames(Buffer.from(vector.hex, 'hex'))) {
    const opened = openPacket(packet, { label: '', keys, plaintext: 'refuse' });
    expect(opened.problems).toEqual([]);
    expect(opened.messages.length).toBeGreaterThan(0);
    for (const name of opened.messages.flatMap(namesOf)) expect(name).toMatch(/^[^.]+\.dc[12]$/);
    for (const message of opened.messages) {
      if (message.kind !== 'user') continue;
      const serf = readSerf(message.data);
      expect(serf.ok && encodeSerf(serf.value).equals(message.data)).toBe(true);
    }
    const plain = keys.length === 0 ? { ok: true as const, value: packet } : open(keys, packet);
    if (!plain.ok) throw new Error(plain.error);
    // One of the wrappings that senders use gives the very bytes.
    const packed = packMessages(opened.messages.map(encodePacketMessage));
    const candidates = [packed, compress(packed)].flatMap((body) => [body, addCrc(body)]);
    const hexes = candidates.map((candidate) => candidate.toString('hex'));
    expect(hexes).toContain(Buffer.from(plain.value).toString('hex'));
  }
});

test.each(streams.map((v) => [v.name, v] as const))('%s', (_name, vector) => {
  const keys = keysOf(vector);
  const data = Buffer.from(vector.hex, 'hex');
  const peer = vector.dir.startsWith('dialer') ? 'dialer' : 'acceptor';
  const read = readStream(data, { label: '', peer, keys, plaintext: 'refuse' });
  if (!read.ok) throw new Error(read.error);
  if (read.value.kind !== 'pushPull') throw new Error(read.value.kind);
  for (const node of read.value.nodes) expect(node.Name).toMatch(/^[^.]+\.dc[12]$/);
  const state = readSerf(read.value.userState);
  expect(state.ok && encodeSerf(state.value).equals(read.value.userState)).toBe(true);
  const [key] = keys;
  const again = wrapStream(encodeStreamMessage(read.value), {
    compression: 'always',
    seal: key === undefined ? null : { key, nonce: data.subarray(6, 18) },
    label: '',
    side: 'dialer',
  });
  expect(again.toString('hex')).toBe(vector.hex);
});
