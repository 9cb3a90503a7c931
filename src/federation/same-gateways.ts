/** Whether a stored record says what the catalog says. */

import type { CheckServiceNode } from '../model/catalog.ts';
import type { HealthCheck } from '../model/health-check.ts';

/**
 * Same number, same order, and at each place the same node, service and checks; raft indexes play
 * no part. The output of a check is not compared: it changes with every run, and as long as the
 * status stays nobody in another datacenter decides anything by it. Nothing and empty are the same,
 * since peers turn one into the other.
 */
export function sameGateways(
  a: readonly CheckServiceNode[] | null,
  b: readonly CheckServiceNode[] | null,
): boolean {
  const left = a ?? [];
  const right = b ?? [];
  if (left.length !== right.length) return false;
  return left.every((entry, i) => sameEntry(entry, right[i]));
}

function sameEntry(a: CheckServiceNode, b: CheckServiceNode | undefined): boolean {
  if (b === undefined) return false;
  if (!same(unindexed(a.Node), unindexed(b.Node))) return false;
  if (!same(unindexed(a.Service), unindexed(b.Service))) return false;
  const left = a.Checks ?? [];
  const right = b.Checks ?? [];
  if (left.length !== right.length) return false;
  return left.every((check, i) => {
    const other = right[i];
    return other !== undefined && same(essence(check), essence(other));
  });
}

interface Indexed {
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

function unindexed<T extends Indexed>(row: T | null): unknown {
  if (row === null) return null;
  const { CreateIndex, ModifyIndex, ...rest } = row;
  return rest;
}

function essence(check: HealthCheck): unknown {
  const { CreateIndex, ModifyIndex, Output, Type, ...rest } = check;
  return rest;
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (isEmpty(a) && isEmpty(b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => same(item, b[i]));
  }
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => same(left[key], right[key]));
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (typeof value !== 'object' || value instanceof Uint8Array) return false;
  return Object.keys(value).length === 0;
}
