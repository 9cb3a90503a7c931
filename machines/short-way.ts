/**
 * A short way past a chart. Nearly all events of a busy node leave it where its chart has it: the
 * chart would answer them with one transition, from a state to itself, and finding that transition
 * costs several times what the step costs. Such a machine says itself what these events do; whatever
 * moves in the chart goes the whole way. Both ways end at the same, with the same actions.
 */

import type {
  AnyActorScope,
  AnyMachineSnapshot,
  AnyStateMachine,
  EventFromLogic,
  SnapshotFrom,
} from 'xstate';

/** An action of the chart with its parameters. */
export interface Order {
  readonly type: string;
  readonly params: unknown;
}

/** What an event makes of a machine that stays where it stands. */
export interface ShortStep<Context> {
  readonly context: Context;
  readonly orders: readonly Order[];
}

/** Pure; `undefined` when the chart has a say. */
export type Shortly<M extends AnyStateMachine> = (
  snapshot: SnapshotFrom<M>,
  event: EventFromLogic<M>,
) => ShortStep<SnapshotFrom<M>['context']> | undefined;

/** The same machine to whoever looks on, by the short way where there is one. */
export function withShortWay<M extends AnyStateMachine>(machine: M, shortly: Shortly<M>): M {
  const transition: M['transition'] = (snapshot, event, scope) => {
    const step = shortly(snapshot as SnapshotFrom<M>, event as EventFromLogic<M>);
    if (step === undefined) return machine.transition(snapshot, event, scope);
    const { context, orders } = step;
    for (const order of orders) carryOut(machine, order, context, event, scope);
    return withContext(snapshot, context);
  };
  const provide: M['provide'] = (implementations) =>
    withShortWay(machine.provide(implementations), shortly as Shortly<AnyStateMachine>);
  const logic = Object.create(machine) as M;
  Object.defineProperties(logic, {
    transition: { value: transition },
    provide: { value: provide },
  });
  return logic;
}

/** The same place in the chart. Field by field: spreading a snapshot takes fifteen times as long. */
function withContext<S>(snapshot: S, context: unknown): S {
  const { status, output, error, machine, _nodes, value, tags, children, historyValue } =
    snapshot as AnyMachineSnapshot;
  const { matches, hasTag, can, getMeta, toJSON } = snapshot as AnyMachineSnapshot;
  return {
    status,
    output,
    error,
    machine,
    context,
    _nodes,
    value,
    tags,
    children,
    historyValue,
    matches,
    hasTag,
    can,
    getMeta,
    toJSON,
  } as S;
}

/** Runs an action as the chart would have it run. */
function carryOut(
  machine: AnyStateMachine,
  { type, params }: Order,
  context: unknown,
  event: Parameters<AnyStateMachine['transition']>[1],
  scope: AnyActorScope,
): void {
  const info = { context, event, self: scope.self, system: scope.system };
  const exec = machine.implementations.actions[type];
  scope.actionExecutor({ type, info, params, exec } as Parameters<typeof scope.actionExecutor>[0]);
}
