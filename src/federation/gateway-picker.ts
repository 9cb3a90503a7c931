/**
 * Picks gateways for whoever dials: the locator's latest view, a die, and the memory of dials that
 * failed a moment ago. One picker serves all dialers of a server.
 */

import type { GatewayPicker } from '../rpc/gateway-dial.ts';
import type { Clock, Random } from '../world/world.ts';
import { type GatewayChoices, pickGateway } from './gateway-choices.ts';

/** How long a gateway that could not be dialed comes after the others. */
export const FAILURE_MEMORY_MS = 10_000;
/** Failed addresses remembered; beyond, the oldest is forgotten. */
export const FAILED_ADDRESSES_MAX = 256;

export interface FailoverPicker extends GatewayPicker {
  /** Takes the latest view; called on `gateways.changed`. */
  update(choices: GatewayChoices): void;
  readonly choices: GatewayChoices;
}

export interface PickerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly initial: GatewayChoices;
  /** Told of each failure, for the locator's account of its gateways. */
  readonly failed?: (address: string, error: Error) => void;
}

export function createGatewayPicker(options: PickerOptions): FailoverPicker {
  const { clock, random } = options;
  let choices = options.initial;
  const failedAtMs = new Map<string, number>();
  const recent = (avoid: string | undefined) => ({
    has(address: string): boolean {
      if (address === avoid) return true;
      const atMs = failedAtMs.get(address);
      if (atMs === undefined) return false;
      if (clock.monotonic() - atMs < FAILURE_MEMORY_MS) return true;
      failedAtMs.delete(address);
      return false;
    },
  });
  return {
    get choices() {
      return choices;
    },
    update(latest) {
      choices = latest;
    },
    pickGateway(datacenter, avoid) {
      const address = pickGateway(choices, datacenter, random.float(), recent(avoid));
      return address === '' ? undefined : address;
    },
    reportFailure(address, error) {
      failedAtMs.delete(address);
      failedAtMs.set(address, clock.monotonic());
      const oldest = failedAtMs.keys().next().value;
      if (failedAtMs.size > FAILED_ADDRESSES_MAX && oldest !== undefined) failedAtMs.delete(oldest);
      options.failed?.(address, error);
    },
  };
}
