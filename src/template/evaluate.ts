/** Evaluates a parsed template. Both sides of a choice are evaluated, as the language has it. */

import type { Operator, Tree } from './parse.ts';
import type { Position } from './tokens.ts';
import { bool, converted, int, TemplateError, text, type Value, type ValueType } from './values.ts';

export interface TemplateFunction {
  readonly takes: readonly ValueType[];
  readonly run: (values: readonly Value[]) => Value;
}

/** What a template may name. */
export interface Scope {
  readonly variables: ReadonlyMap<string, string>;
  readonly functions: ReadonlyMap<string, TemplateFunction>;
}

/** The text that a template gives. Throws a TemplateError. */
export function evaluateTemplate(tree: Tree, scope: Scope): string {
  const value = evaluate(tree, scope);
  // What is parsed at the top is a text.
  return value.type === 'string' ? value.value : '';
}

function evaluate(tree: Tree, scope: Scope): Value {
  switch (tree.kind) {
    case 'literal':
      return tree.value;
    case 'variable':
      return text(variable(tree.position, tree.name, scope));
    case 'index':
      variable(tree.position, tree.name, scope);
      evaluate(tree.key, scope);
      throw mistyped(tree.position, 'invalid index operation into non-indexable type: TypeString');
    case 'call':
      return called(tree, scope);
    case 'choice':
      return chosen(
        tree.position,
        tree.parts.map((part) => evaluate(part, scope)),
      );
    case 'operation': {
      const [left, right] = tree.parts.map((part) => evaluate(part, scope)) as [Value, Value];
      return operated(tree.position, tree.operator, left, right);
    }
    case 'text':
      return text(tree.parts.map((part) => asText(evaluate(part, scope))).join(''));
  }
}

function asText(value: Value): string {
  return String(converted(value, 'string')?.value);
}

function variable({ line, column }: Position, name: string, scope: Scope): string {
  const value = scope.variables.get(name);
  if (value !== undefined) return value;
  throw new TemplateError(`${line}:${column}: unknown variable accessed: ${name}`);
}

function called(tree: Tree & { readonly kind: 'call' }, scope: Scope): Value {
  const { name, position } = tree;
  const at = `${position.line}:${position.column}`;
  const known = scope.functions.get(name);
  if (known === undefined) throw new TemplateError(`${at}: unknown function called: ${name}`);
  const values = tree.parts.map((part) => evaluate(part, scope));
  if (values.length !== known.takes.length) {
    const counts = `expected ${known.takes.length} arguments, got ${values.length}`;
    throw new TemplateError(`${at}: ${name}: ${counts}`);
  }
  const wanted = known.takes.map((type, index) => {
    const given = values[index] as Value;
    const value = converted(given, type);
    if (value !== null) return value;
    const what = `argument ${index + 1} should be type ${type}, got type ${given.type}`;
    throw mistyped(position, `${name}: ${what}`);
  });
  return known.run(wanted);
}

/** Where the types of the two sides differ, a text follows the other side. */
function chosen(position: Position, parts: readonly Value[]): Value {
  const [condition, yes, no] = parts as [Value, Value, Value];
  const test = converted(condition, 'bool');
  if (test === null) {
    throw mistyped(position, `condition must be type bool, not type ${condition.type}`);
  }
  const type = yes.type === 'string' ? no.type : yes.type;
  const [first, second] = [converted(yes, type), converted(no, type)];
  if (first === null || second === null) {
    const have = `have type ${yes.type} and type ${no.type}`;
    throw mistyped(position, `true and false expression types must match; ${have}`);
  }
  return test.value === true ? first : second;
}

function operated(position: Position, operator: Operator, left: Value, right: Value): Value {
  switch (operator) {
    case '&&':
    case '||':
      return logical(position, operator, left, right);
    case '==':
    case '!=': {
      const other = operand(position, right, 2, left.type);
      return bool((left.value === other.value) === (operator === '=='));
    }
    default:
      return numeric(position, operator, left, right);
  }
}

function logical(position: Position, operator: '&&' | '||', left: Value, right: Value): Value {
  const [a, b] = [left, right].map((value) => {
    const test = converted(value, 'bool');
    if (test !== null) return test.value === true;
    const type = goType(value.type);
    throw mistyped(position, `logical operators require boolean operands, not ${type}`);
  });
  return bool(operator === '&&' ? a === true && b === true : a === true || b === true);
}

/** Ints, unless one of the two is a float. */
function numeric(position: Position, operator: Operator, left: Value, right: Value): Value {
  const type = left.type === 'float' || right.type === 'float' ? 'float' : 'int';
  const a = operand(position, left, 1, type);
  const b = operand(position, right, 2, type);
  if (COMPARISONS.has(operator)) return bool(compared(operator, a.value, b.value));
  if (a.type === 'int' && b.type === 'int') return int(computed(operator, a.value, b.value));
  if (operator === '%') throw mistyped(position, 'modulo cannot be used with floats');
  return { type: 'float', value: floatComputed(operator, Number(a.value), Number(b.value)) };
}

function operand(position: Position, value: Value, place: number, type: ValueType): Value {
  const wanted = converted(value, type);
  if (wanted !== null) return wanted;
  const what = `operand ${place} should be ${goType(type)}, got ${goType(value.type)}`;
  throw mistyped(position, what);
}

const COMPARISONS: ReadonlySet<string> = new Set(['<', '<=', '>', '>=']);

function compared(operator: Operator, a: Value['value'], b: Value['value']): boolean {
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}

function computed(operator: Operator, a: bigint, b: bigint): bigint {
  if (operator === '+') return a + b;
  if (operator === '-') return a - b;
  if (operator === '*') return a * b;
  if (b === 0n) throw new TemplateError('__builtin_IntMath: divide by zero');
  return operator === '/' ? a / b : a % b;
}

function floatComputed(operator: Operator, a: number, b: number): number {
  if (operator === '+') return a + b;
  if (operator === '-') return a - b;
  return operator === '*' ? a * b : a / b;
}

function goType(type: ValueType): string {
  return `Type${type.charAt(0).toUpperCase()}${type.slice(1)}`;
}

function mistyped({ column, line }: Position, what: string): TemplateError {
  return new TemplateError(`At column ${column}, line ${line}: ${what}`);
}
