/** How the health of an agent's own services looks in answers. */

import type { HealthCheck } from '../../model/health-check.ts';
import { agentServiceJson, type ShownService } from './agent-objects.ts';
import { int, type JsonOutput, list, nullable, object, str } from './output.ts';

export interface LocalHealth {
  readonly AggregatedStatus: string;
  readonly Service: ShownService | null;
  readonly Checks: readonly HealthCheck[] | null;
}

/** The client library's form of a definition; the agent tells nothing of it. */
const EMPTY_DEFINITION =
  '{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"",' +
  '"Header":null,"Method":"","Body":"","TLSSkipVerify":false,"TCP":""}';
const emptyDefinition: JsonOutput<unknown> = {
  text: () => EMPTY_DEFINITION,
  isEmpty: () => false,
};
const noType: JsonOutput<string> = { text: () => '""', isEmpty: () => false };

const checkJson = object<HealthCheck>({
  Node: str,
  CheckID: str,
  Name: str,
  Status: str,
  Notes: str,
  Output: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: list(str, 'null'),
  Type: noType,
  Definition: emptyDefinition,
  CreateIndex: int,
  ModifyIndex: int,
});

export const localHealthJson = object<LocalHealth>({
  AggregatedStatus: str,
  Service: nullable(agentServiceJson),
  Checks: list(checkJson, 'null'),
});
