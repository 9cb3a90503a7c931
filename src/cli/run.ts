/**
 * Finds the command that the arguments name, parses its flags and runs it. Exit codes as Consul's:
 * 0 fine, 1 error, 127 no or unknown command.
 */

import { textOf } from '../error-text.ts';
import { describeFlags, Flags, parseFlags } from '../flags.ts';
import { type Command, CommandError, type Terminal, UsageError } from './command.ts';

const UNKNOWN_COMMAND = 127;

/** Runs `args` (without node and script) against `commands`. Never rejects. */
export async function runCommandLine(
  program: string,
  commands: readonly Command[],
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const found = findCommand(commands, normalised(args));
  if (found === undefined) return answerWithoutCommand(program, commands, args, terminal);
  const { command, rest } = found;
  const outcome = parseFlags(command.flags, rest);
  if (!outcome.ok) {
    if (!outcome.help) terminal.err(`${outcome.text}\n`);
    (outcome.help ? terminal.out : terminal.err)(`${usage(program, command)}\n`);
    return outcome.help ? 0 : 1;
  }
  try {
    return await command.run(new Flags(outcome.flags), terminal);
  } catch (error) {
    terminal.err(`${textOf(error)}\n`);
    if (error instanceof UsageError) terminal.err(`\n${usage(program, command)}\n`);
    else if (!(error instanceof CommandError) && terminal.environment['MOBIUS_TRACE'])
      terminal.err(`${error instanceof Error ? error.stack : ''}\n`);
    return 1;
  }
}

/** `mobius -version` and `mobius --version` mean `mobius version`. */
function normalised(args: readonly string[]): readonly string[] {
  const first = args[0];
  return first === '-version' || first === '--version' || first === '-v' ? ['version'] : args;
}

interface FoundCommand {
  readonly command: Command;
  readonly rest: readonly string[];
}

function findCommand(
  commands: readonly Command[],
  args: readonly string[],
): FoundCommand | undefined {
  let best: Command | undefined;
  for (const command of commands) {
    const matches = command.path.every((word, position) => args[position] === word);
    if (matches && (best === undefined || command.path.length > best.path.length)) best = command;
  }
  return best === undefined ? undefined : { command: best, rest: args.slice(best.path.length) };
}

function answerWithoutCommand(
  program: string,
  commands: readonly Command[],
  args: readonly string[],
  terminal: Terminal,
): number {
  const first = args[0];
  const asked = first === '-h' || first === '-help' || first === '--help' || first === 'help';
  const group = commands.filter((command) => first !== undefined && command.path[0] === first);
  if (group.length > 0) {
    terminal.err(`${listing(program, [first as string], group)}\n`);
    return 1;
  }
  const text = listing(program, [], commands);
  if (asked) {
    terminal.out(`${text}\n`);
    return 0;
  }
  if (first !== undefined) terminal.err(`Unknown command: ${first}\n\n`);
  terminal.err(`${text}\n`);
  return UNKNOWN_COMMAND;
}

function listing(program: string, prefix: readonly string[], commands: readonly Command[]): string {
  const names = commands.map((command) => command.path.join(' '));
  const width = Math.max(...names.map((name) => name.length));
  const lines = commands
    .map((command, position) => ({ name: names[position] as string, text: command.synopsis }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, text }) => `    ${name.padEnd(width)}    ${text}`);
  const line = [program, ...prefix].join(' ');
  return `Usage: ${line} <command> [flags] [arguments]\n\nCommands:\n${lines.join('\n')}`;
}

function usage(program: string, command: Command): string {
  const line = [program, ...command.path, '[flags]', command.parameters].filter(Boolean).join(' ');
  const flags = command.flags.length === 0 ? '' : `\n\nFlags:\n\n${describeFlags(command.flags)}`;
  return `Usage: ${line}\n\n  ${command.synopsis}${flags}`;
}
