/** `routes` and `machines`: the house as data, for reading and for the visualizer. */

import type { AnyStateMachine } from 'xstate';
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
    flags: [{ name: 'format', kind: 'string', help: '`pretty` or `json`.', fallback: 'pretty' }],
    run: async (flags, terminal) => {
      const actor = flags.rest[0];
      const shown = plan.routes.filter(
        (route) => actor === undefined || route.from === actor || route.to === actor,
      );
      if (shown.length === 0) throw new CommandError(`no actor "${actor}" on the route table`);
      if (flags.string('format') === 'json') {
        terminal.out(`${JSON.stringify(shown, undefined, 2)}\n`);
        return 0;
      }
      const rows = shown.map(({ from, type, to, why }) => [from, type, to, why]);
      terminal.out(`${columns([['From', 'Message', 'To', 'Why'], ...rows])}\n`);
      return 0;
    },
  };
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
        const text = `${JSON.stringify(machine.definition, undefined, 2)}\n`;
        await disk.writeFileAtomic(path, Buffer.from(text), 0o644);
        terminal.out(`${path}\n`);
      }
      return 0;
    },
  };
}
