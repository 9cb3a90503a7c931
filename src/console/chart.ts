/** A statechart as data: for drawing it, and for the visualizers of others. */

import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';
import type { Chart, ChartState, ChartTransition } from './stream.ts';

const AFTER = /^xstate\.after\.(.+?)\.(?=[^.]*(?:\.|$))/;

/** What our drawings need to know of a machine. */
export function chartOf(machine: AnyStateMachine): Chart {
  const transitions: ChartTransition[] = [];
  const root = stateOf(machine.root, transitions);
  return { id: machine.id, root, transitions };
}

function stateOf(node: AnyStateNode, transitions: ChartTransition[]): ChartState {
  for (const list of node.transitions.values()) {
    for (const transition of list) transitions.push(...transitionsOf(node, transition));
  }
  for (const transition of node.always ?? []) transitions.push(...transitionsOf(node, transition));
  return {
    id: node.id,
    key: node.key,
    kind: node.type,
    initial: node.type === 'compound' ? (node.initial?.target?.[0]?.id ?? null) : null,
    entry: node.entry.map(nameOf).filter((name) => name !== ''),
    exit: node.exit.map(nameOf).filter((name) => name !== ''),
    states: Object.values(node.states as Record<string, AnyStateNode>).map((child) =>
      stateOf(child, transitions),
    ),
  };
}

function transitionsOf(
  node: AnyStateNode,
  transition: AnyTransitionDefinition,
): readonly ChartTransition[] {
  const line = {
    source: node.id,
    event: eventText(transition.eventType, node.id),
    guard: transition.guard === undefined ? null : nameOf(transition.guard),
    actions: transition.actions.map(nameOf).filter((name) => name !== ''),
  };
  const targets = transition.target ?? [];
  if (targets.length === 0) return [{ ...line, target: null }];
  return targets.map((target) => ({ ...line, target: target.id }));
}

function eventText(type: string, nodeId: string): string {
  const suffix = `.${nodeId}`;
  return AFTER.test(type) && type.endsWith(suffix)
    ? `after ${type.slice('xstate.after.'.length, -suffix.length)}`
    : type;
}

/** The name of an action or guard; '' for those that only change the context. */
function nameOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'function') return isBuiltIn(value) ? '' : value.name;
  const type = (value as { readonly type?: unknown }).type;
  return typeof type === 'string' && !type.startsWith('xstate.') ? type : '';
}

function isBuiltIn(value: object): boolean {
  return 'type' in value && String(value.type).startsWith('xstate.');
}

/**
 * The machine's configuration as JSON that `createMachine` takes, which is what visualizers read.
 * Functions are replaced by names.
 */
export function configJson(machine: AnyStateMachine, indent?: number): string {
  return JSON.stringify(machine.config, namedFunctions, indent);
}

function namedFunctions(_key: string, value: unknown): unknown {
  if (typeof value !== 'function') return value;
  const builtIn = 'type' in value ? String(value.type).replace(/^xstate\./, '') : '';
  return { type: builtIn || value.name || 'computed' };
}
