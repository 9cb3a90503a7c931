/** One member of a pool over its pure step function; what it sends can be looked at. */

import {
  CONSUL_LAN_DEFAULTS,
  CONSUL_VERSIONS,
  type PoolConfig,
} from '../../machines/gossip/config.ts';
import type { Effects } from '../../machines/gossip/effects.ts';
import { initialState } from '../../machines/gossip/start.ts';
import type { PoolState } from '../../machines/gossip/state.ts';
import { type PoolEvent, stepPool } from '../../machines/gossip/step.ts';
import type { Reply } from '../../machines/messages.ts';
import type { GossipPeer } from '../../machines/routes/gossip.ts';
import { NO_KEYS } from '../../src/wire/gossip/keyring.ts';
import { encodeAlive, type PacketMessage } from '../../src/wire/gossip/messages.ts';
import { openPacket } from '../../src/wire/gossip/packet.ts';
import { EMPTY_SNAPSHOT } from '../../src/wire/gossip/snapshot.ts';

export interface SentMessage {
  readonly to: GossipPeer;
  readonly message: PacketMessage;
}

export class LoneMember {
  state: PoolState;
  now = 1_000;
  readonly logs: string[] = [];
  /** Effects of all events, in order. */
  readonly effects: Effects[] = [];

  constructor(config: Partial<PoolConfig> = {}) {
    const full: PoolConfig = {
      ...CONSUL_LAN_DEFAULTS,
      name: 'self',
      address: '10.0.0.1',
      port: 8301,
      tags: { role: 'node' },
      ...config,
    };
    const input = {
      config: full,
      seed: 7,
      nowMs: this.now,
      keyRing: NO_KEYS,
      snapshot: EMPTY_SNAPSHOT,
    };
    this.state = initialState(input);
    this.feed({ type: 'pool.start', input });
  }

  feed(event: PoolEvent): Effects {
    const { state, effects } = stepPool(this.state, event, this.now);
    this.state = state;
    this.effects.push(effects);
    for (const { text } of effects.logs) this.logs.push(text);
    for (const { deliver } of effects.replies) deliver();
    return effects;
  }

  /** Another member is told of, with the address 10.0.0.`number`. */
  meet(name: string, number: number, versions = CONSUL_VERSIONS): void {
    const Addr = Buffer.of(10, 0, 0, number);
    const body = { Incarnation: 1, Node: name, Addr, Port: 8_301, Meta: null, Vsn: versions };
    this.hear(encodeAlive(body));
  }

  /** A packet comes from 10.0.0.99. */
  hear(bytes: Uint8Array): Effects {
    const from = { address: '10.0.0.99', port: 8301 };
    return this.feed({ type: 'packets.received', packets: [{ from, bytes }] });
  }

  /** Lets time pass in steps of 50 ms. */
  wait(ms: number): void {
    const end = this.now + ms;
    while (this.now < end) {
      this.now = Math.min(end, this.now + 50);
      this.feed({ type: 'tick' });
    }
  }

  /** All messages that were sent so far. */
  sent(): readonly SentMessage[] {
    const rules = { label: '', keys: [], plaintext: 'accept' } as const;
    return this.effects.flatMap(({ packets }) =>
      packets.flatMap(({ to, bytes }) =>
        openPacket(bytes, rules).messages.map((message) => ({ to, message })),
      ),
    );
  }
}

/** A question, and what has become of it. */
export function asking<T>(): { readonly reply: Reply<T>; answer?: T; error?: string } {
  const asked: { reply: Reply<T>; answer?: T; error?: string } = {
    reply: {
      answer: (answer) => {
        asked.answer = answer;
      },
      refuse: (error) => {
        asked.error = error.message;
      },
    },
  };
  return asked;
}
