/** How hosts are connected: delays, losses, partitions, and who can reach which address. */

import type { SeededRandom } from './random.ts';

/** Properties of one direction between two hosts. */
export interface LinkSettings {
  /** One-way delay, uniform between the two. Datagrams overtake each other when they differ. */
  readonly latencyMs: readonly [number, number];
  /** Probability that a packet is lost. A datagram is gone, TCP repeats it later. */
  readonly loss: number;
  /** Probability that a datagram arrives twice. */
  readonly duplicate: number;
  /** Probability that TCP delivers what was written at once in two pieces. */
  readonly split: number;
}

export const DEFAULT_LINK: LinkSettings = {
  latencyMs: [0.1, 0.5],
  loss: 0,
  duplicate: 0,
  split: 0.05,
};

/** Within one host: the loopback interface. */
const LOOPBACK: LinkSettings = { latencyMs: [0.01, 0.02], loss: 0, duplicate: 0, split: 0.05 };

/** Host names, or `*` for all. */
export type HostSelection = string | readonly string[];

interface Rule {
  readonly from: HostSelection;
  readonly to: HostSelection;
  readonly settings: Partial<LinkSettings>;
}

interface Cut {
  readonly from: HostSelection;
  readonly to: HostSelection;
}

export class Links {
  readonly #random: SeededRandom;
  readonly #default: LinkSettings;
  #rules: Rule[] = [];
  #cuts: Cut[] = [];
  /** By sender, then by receiver: asked for each packet. */
  #settings = new Map<string, Map<string, LinkSettings>>();
  #cutPairs = new Map<string, boolean>();

  constructor(random: SeededRandom, settings: Partial<LinkSettings>) {
    this.#random = random;
    this.#default = { ...DEFAULT_LINK, ...settings };
  }

  set(from: HostSelection, to: HostSelection, settings: Partial<LinkSettings>): void {
    this.#rules.push({ from, to, settings });
    this.#settings.clear();
  }

  cut(from: HostSelection, to: HostSelection): void {
    this.#cuts.push({ from, to });
    this.#cutPairs.clear();
  }

  heal(): void {
    this.#cuts = [];
    this.#cutPairs.clear();
  }

  isCut(from: string, to: string): boolean {
    if (this.#cuts.length === 0 || from === to) return false;
    const key = `${from}>${to}`;
    const known = this.#cutPairs.get(key);
    if (known !== undefined) return known;
    const cut = this.#cuts.some((c) => selects(c.from, from) && selects(c.to, to));
    this.#cutPairs.set(key, cut);
    return cut;
  }

  between(from: string, to: string): LinkSettings {
    if (from === to) return LOOPBACK;
    const known = this.#settings.get(from)?.get(to);
    if (known) return known;
    const settings = { ...this.#default };
    for (const rule of this.#rules) {
      if (selects(rule.from, from) && selects(rule.to, to)) Object.assign(settings, rule.settings);
    }
    const ofSender = this.#settings.get(from) ?? new Map<string, LinkSettings>();
    this.#settings.set(from, ofSender.set(to, settings));
    return settings;
  }

  delayMs(from: string, to: string): number {
    const [least, most] = this.between(from, to).latencyMs;
    return this.#random.between(least, most);
  }
}

export function selects(selection: HostSelection, name: string): boolean {
  if (typeof selection === 'string') return selection === '*' || selection === name;
  return selection.includes(name);
}
