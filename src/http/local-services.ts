/** What the HTTP API needs of the agent's own services and checks. */

import type { CheckDefinition, LocalService, LocalView } from '../local/definitions.ts';

export interface LocalServices {
  /** The latest view. */
  view(): LocalView;
  /** Calls once when the view has changed. Returns the way to give up. */
  onChange(changed: () => void): () => void;
  /**
   * Adds or replaces a service with its checks; with `replace` the checks of the service that are
   * not among them go.
   */
  registerService(
    service: LocalService,
    checks: readonly CheckDefinition[],
    others: 'keep' | 'replace',
  ): Promise<void>;
  /** Removes a service with its checks; what is not there is fine. */
  deregisterService(id: string): Promise<void>;
  /** Rejects when the check's service does not exist. */
  registerCheck(definition: CheckDefinition): Promise<void>;
  deregisterCheck(id: string): Promise<void>;
  /** Feeds a TTL check. Rejects when there is none of this id. */
  updateTtl(id: string, status: string, output: string): Promise<void>;
}
