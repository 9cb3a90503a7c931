/** `routes` and `machines`: the house as data, for reading and for the visualizer. */

import type { AnyStateMachine } from 'xstate';
import { configJson } from '../../console/chart.ts';
import { mermaidOf } from '../../console/mermaid.ts';
import type { Disk } from '../../world/world.ts';
import { columns } from '../columns.ts';
import { type Command, CommandError } from '../command.ts';

/** What the commands show; handed in so that the command line does not import the machines. */
export interface HousePlan {
  readonly routes: readonly {
    readonly from: string;
    readonly type: string;
    readonly to: string;
    readonly why: string;
  }[];
  readonly machines: readonly AnyStateMachine[];
}

export function houseCommands(plan: HousePlan, disk: Disk): readonly Command[] {
  return [routesCommand(plan), machinesCommand(plan, disk)];
}

function routesCommand(plan: HousePlan): Command {
  return {
    path: ['routes'],
    synopsis: 'Prints which actor may send what to whom, and why',
    parameters: '[ACTOR]',
    flags: [
      {
        name: 'format',
        kind: 'string',
        help: '`pretty`, `json` or `mermaid`.',
        fallback: 'pretty',
      },
    ],
    run: async (flags, terminal) => {
      const actor = flags.rest[0];
      const shown = plan.routes.filter(
        (route) => actor === undefined || route.from === actor || route.to === actor,
      );
      if (shown.length === 0) throw new CommandError(`no actor "${actor}" on the route table`);
      terminal.out(`${routesText(shown, flags.string('format') ?? 'pretty')}\n`);
      return 0;
    },
  };
}

function routesText(routes: HousePlan['routes'], format: string): string {
  switch (format) {
    case 'json':
      return JSON.stringify(routes, undefined, 2);
    case 'mermaid':
      return mermaidOf(routes);
    case 'pretty': {
      const rows = routes.map(({ from, type, to, why }) => [from, type, to, why]);
      return columns([['From', 'Message', 'To', 'Why'], ...rows]);
    }
    default:
      throw new CommandError(`-format must be pretty, json or mermaid, got "${format}"`);
  }
}

function machinesCommand(plan: HousePlan, disk: Disk): Command {
  return {
    path: ['machines'],
    synopsis: 'Writes every statechart as JSON, for the visualizer',
    parameters: '[FOLDER]',
    flags: [],
    run: async (flags, terminal) => {
      const folder = flags.rest[0];
      if (folder === undefined) {
        for (const machine of plan.machines) terminal.out(`${machine.id}\n`);
        return 0;
      }
      await disk.makeDirectory(folder);
      for (const machine of plan.machines) {
        const path = `${folder}/${machine.id}.json`;
        const text = `${configJson(machine, 2)}\n`;
        await disk.writeFileAtomic(path, Buffer.from(text), 0o644);
        terminal.out(`${path}\n`);
      }
      return 0;
    },
  };
}
