/**
 * Walks a machine breadth first over given events and checks that every state and every transition
 * of its chart was taken. A chart that cannot be walked completely has dead parts, or a test that
 * does not know what the machine is for.
 */

import type { AnyMachineSnapshot, AnyStateMachine, EventObject, StateNode } from 'xstate';
import { createStepper, type Step, type TransitionTaken } from './step.ts';

/** One step of the walk, for invariants. */
export interface WalkedStep extends Step {
  readonly before: AnyMachineSnapshot;
  readonly event: EventObject;
  /** Events from the start to `before`. */
  readonly path: readonly string[];
}

export interface ModelTestOptions {
  /** The walk starts once from each input. Default: one start without input. */
  readonly inputs?: readonly unknown[];
  /**
   * Events to try in every state. Events of `after` are added by the walk itself; events of children
   * (`xstate.done.actor.x`) are given like any other.
   */
  readonly events:
    | readonly EventObject[]
    | ((snapshot: AnyMachineSnapshot) => readonly EventObject[]);
  /**
   * The part of the context that tells situations apart, as a value for JSON. Two snapshots with the
   * same state and the same key count as one. Default: the state alone.
   */
  // biome-ignore lint/suspicious/noExplicitAny: each machine has its own context
  readonly key?: (context: any) => unknown;
  /** Checked after every step; throws to fail. */
  readonly invariant?: (step: WalkedStep) => void;
  /** Situations to explore at most. Default 20,000. */
  readonly situationsMax?: number;
}

export interface Coverage {
  readonly machine: string;
  readonly situations: number;
  readonly states: { readonly reached: number; readonly all: number };
  readonly transitions: { readonly taken: number; readonly all: number };
  /** What was not reached, readable: `state gossip.leaving`, `gossip.idle --probe.due--> 2`. */
  readonly missing: readonly string[];
}

interface Situation {
  readonly snapshot: AnyMachineSnapshot;
  readonly path: readonly string[];
}

interface Chart {
  readonly nodes: readonly StateNode[];
  readonly transitions: ReadonlyMap<TransitionTaken, string>;
}

/** Walks, prints `<machine id>: states a/a, transitions b/b`, throws when something is missing. */
export function modelTest(machine: AnyStateMachine, options: ModelTestOptions): Coverage {
  const coverage = walk(machine, options);
  const { states, transitions } = coverage;
  process.stdout.write(
    `${coverage.machine}: states ${states.reached}/${states.all}, ` +
      `transitions ${transitions.taken}/${transitions.all}\n`,
  );
  if (coverage.missing.length > 0) {
    throw new Error(
      `${coverage.machine}: not reached in ${coverage.situations} situations:\n  ` +
        coverage.missing.join('\n  '),
    );
  }
  return coverage;
}

/** The walk alone. */
export function walk(machine: AnyStateMachine, options: ModelTestOptions): Coverage {
  const chart = readChart(machine);
  const reached = new Set<StateNode>();
  const taken = new Set<TransitionTaken>();
  const seen = new Set<string>();
  const situationsMax = options.situationsMax ?? 20_000;
  const queue: Situation[] = [];
  const stepper = createStepper(machine);

  const arrive = (step: Step, path: readonly string[]): void => {
    for (const transition of step.taken) taken.add(transition);
    for (const node of step.snapshot._nodes) reached.add(node);
    for (const transition of step.taken) markPassed(transition, reached);
    const key = JSON.stringify([
      step.snapshot.value,
      step.snapshot.status,
      options.key?.(step.snapshot.context) ?? null,
    ]);
    if (seen.has(key) || seen.size >= situationsMax) return;
    seen.add(key);
    if (step.snapshot.status === 'active') queue.push({ snapshot: step.snapshot, path });
  };

  for (const input of options.inputs ?? [undefined]) arrive(stepper.start(input), []);
  for (let head = 0; head < queue.length; head++) {
    const situation = queue[head] as Situation;
    for (const event of eventsOf(situation.snapshot, options)) {
      const step = stepOrExplain(stepper, situation, event);
      options.invariant?.({ ...step, before: situation.snapshot, event, path: situation.path });
      arrive(step, [...situation.path, event.type]);
    }
  }
  return {
    machine: machine.id,
    situations: seen.size,
    states: { reached: chart.nodes.filter((n) => reached.has(n)).length, all: chart.nodes.length },
    transitions: {
      taken: [...chart.transitions.keys()].filter((t) => taken.has(t)).length,
      all: chart.transitions.size,
    },
    missing: [
      ...chart.nodes.filter((n) => !reached.has(n)).map((n) => `state ${n.id}`),
      ...[...chart.transitions].filter(([t]) => !taken.has(t)).map(([, text]) => text),
    ],
  };
}

function stepOrExplain(
  stepper: ReturnType<typeof createStepper>,
  situation: Situation,
  event: EventObject,
): Step {
  try {
    return stepper.next(situation.snapshot, event);
  } catch (cause) {
    const path = [...situation.path, event.type].join(' → ');
    throw new Error(`the machine threw on the path ${path}: ${String(cause)}`, { cause });
  }
}

/** States entered and left again within one step (by `always`) count as reached. */
function markPassed(transition: TransitionTaken, reached: Set<StateNode>): void {
  for (let node: StateNode | undefined = transition.source as StateNode; node; node = node.parent) {
    reached.add(node);
  }
}

function eventsOf(snapshot: AnyMachineSnapshot, options: ModelTestOptions): readonly EventObject[] {
  const given = typeof options.events === 'function' ? options.events(snapshot) : options.events;
  const delayed = new Set<string>();
  for (const node of snapshot._nodes as readonly StateNode[]) {
    for (const type of node.transitions.keys()) {
      if (type.startsWith('xstate.after.')) delayed.add(type);
    }
  }
  return [...given, ...[...delayed].map((type) => ({ type }))];
}

function readChart(machine: AnyStateMachine): Chart {
  const nodes: StateNode[] = [];
  const transitions = new Map<TransitionTaken, string>();
  const visit = (node: StateNode): void => {
    if (node.type !== 'history') nodes.push(node);
    const own = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
    own.forEach((transition, place) => {
      const targets = transition.target?.map((target) => target.id).join(', ') ?? '(stays)';
      const label = transition.eventType === '' ? 'always' : transition.eventType;
      transitions.set(transition, `${node.id} --${label}--> ${targets} (#${place})`);
    });
    for (const child of Object.values(node.states)) visit(child);
  };
  visit(machine.root as StateNode);
  return { nodes, transitions };
}
