// What the catalog says of an agent, as the tests read it.

import { expect } from 'vitest';
import type { Agent } from '../mixed-datacenter.ts';
import { until } from '../program.ts';

const CHANGE_LIMIT_MS = 30_000;

export interface Check {
  readonly Node: string;
  readonly CheckID: string;
  readonly Name: string;
  readonly Status: string;
  readonly Notes: string;
  readonly Output: string;
  readonly ServiceID: string;
  readonly ServiceName: string;
}

export interface CatalogService {
  readonly ID: string;
  readonly Service: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
}

/** The checks of a node, by id, as `asked` finds them in the catalog. */
export async function checksOf(asked: Agent, node: string): Promise<ReadonlyMap<string, Check>> {
  const checks = await asked.json<readonly Check[]>(`/v1/health/node/${node}`);
  return new Map(checks.map((check) => [check.CheckID, check]));
}

/** The services of a node, by id. */
export async function servicesOf(
  asked: Agent,
  node: string,
): Promise<ReadonlyMap<string, CatalogService>> {
  const found = await asked.json<{
    readonly Services: Readonly<Record<string, CatalogService>>;
  } | null>(`/v1/catalog/node/${node}`);
  return new Map(Object.entries(found?.Services ?? {}));
}

/** Waits until the catalog gives the check this status, and answers with its output. */
export async function untilStatus(
  asked: Agent,
  node: string,
  id: string,
  status: string,
): Promise<string> {
  let last: Check | undefined;
  await until(`${id} of ${node} being ${status}`, CHANGE_LIMIT_MS, async () => {
    last = (await checksOf(asked, node)).get(id);
    return last?.Status === status;
  }).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(last)}`, { cause: error });
  });
  return last?.Output ?? '';
}

/** Waits until what is read equals what is wanted. */
export async function untilEqual<T>(
  what: string,
  read: () => Promise<T>,
  wanted: T,
  limitMs = CHANGE_LIMIT_MS,
): Promise<void> {
  let last: unknown;
  await until(what, limitMs, async () => {
    last = await read().catch((error: unknown) => error);
    return JSON.stringify(last) === JSON.stringify(wanted);
  }).catch(() => expect(last, what).toEqual(wanted));
}
