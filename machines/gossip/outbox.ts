/** Puts messages into packets: what to piggyback, which wrappers, for whom. */

import { encodeUser } from '../../src/wire/gossip/messages.ts';
import {
  addCrc,
  COMPOUND_PART_BYTES,
  COMPOUND_PARTS_MAX,
  compressIfShorter,
  packMessages,
} from '../../src/wire/gossip/packet.ts';
import type { GossipPeer } from '../routes/gossip.ts';
import { retransmitLimit, take } from './broadcasts.ts';
import type { Node } from './state.ts';
import type { QueueName, Work } from './work.ts';

/** Below this a packet is not worth the attempt: LZW starts with nine bits a byte. */
const COMPRESS_FROM_BYTES = 256;
/** memberlist protocol that understands CRCs. */
const CRC_SINCE = 5;

const QUEUES: readonly QueueName[] = ['queue', 'intentQueue', 'queryQueue', 'eventQueue'];

/** Broadcasts that fit into `room`: memberlist's first, then serf's. */
export function takeBroadcasts(work: Work, room: number, countMax: number): Uint8Array[] {
  const limit = retransmitLimit(work.config.timing.retransmitMult, work.nodes.size);
  const messages: Uint8Array[] = [];
  let left = room;
  for (const name of QUEUES) {
    if (work.values[name].length === 0) continue;
    const count = countMax - messages.length;
    const taken = take(work.values[name], left, COMPOUND_PART_BYTES, limit, count);
    if (taken.messages.length === 0) continue;
    messages.push(...taken.messages);
    left -= taken.bytes;
    work.changeQueue(name, taken);
  }
  return messages;
}

/** Broadcasts for one packet of a gossip round; empty when there is nothing to tell. */
export function takeRound(work: Work): Uint8Array[] {
  return takeBroadcasts(work, work.packetRoom, COMPOUND_PARTS_MAX);
}

/** Sends one message by address, with as many broadcasts as fit beside it. */
export function sendMessage(work: Work, to: GossipPeer, message: Uint8Array): void {
  const room = work.packetRoom - message.length - COMPOUND_PART_BYTES;
  const extra = takeBroadcasts(work, room, COMPOUND_PARTS_MAX - 1);
  sendPacket(work, to, packBody(work, [message, ...extra]), 'no crc');
}

/** Sends messages to a node whose abilities are known. */
export function sendToNode(work: Work, node: Node, messages: readonly Uint8Array[]): void {
  sendBody(work, node, packBody(work, messages));
}

/** Sends what `packBody` made to a node whose abilities are known. */
export function sendBody(work: Work, node: Node, body: Uint8Array): void {
  const crc = (node.versions[1] ?? 0) >= CRC_SINCE ? 'crc' : 'no crc';
  sendPacket(work, peerOf(node), body, crc);
}

/** Sends a serf message straight to somebody, with nothing beside it. */
export function sendSerf(work: Work, to: GossipPeer, serf: Uint8Array): void {
  sendPacket(work, to, packBody(work, [encodeUser(serf)]), 'no crc');
}

export function peerOf(node: Node): GossipPeer {
  return { name: node.name, address: node.address, port: node.port };
}

/** Messages in one packet, compressed when that pays. */
export function packBody(work: Work, messages: readonly Uint8Array[]): Uint8Array {
  const packed = packMessages(messages);
  const worthwhile = work.config.compression === 'on' && packed.length >= COMPRESS_FROM_BYTES;
  return worthwhile ? compressIfShorter(packed) : packed;
}

function sendPacket(work: Work, to: GossipPeer, body: Uint8Array, crc: 'crc' | 'no crc'): void {
  if (to.name === '' && work.config.names === 'required') {
    work.count('messagesDropped');
    work.log('warn', 'node names are required by configuration but one was not provided', {
      address: to.address,
      port: to.port,
    });
    return;
  }
  work.effects.packets.push({ to, bytes: crc === 'crc' ? addCrc(body) : body });
}
