/** `validate`: would an agent start with these files? */

import { loadPlan, requestOfPaths } from '../../config/load.ts';
import type { World } from '../../world/world.ts';
import { type Command, CommandError } from '../command.ts';

export function validateCommand(
  world: Pick<World, 'disk' | 'network' | 'clock'>,
  hostname: string,
): Command {
  return {
    path: ['validate'],
    synopsis: 'Checks configuration files and folders',
    parameters: 'FILE_OR_DIRECTORY...',
    flags: [
      { name: 'quiet', kind: 'bool', help: 'Say nothing when all is well.' },
      { name: 'config-format', kind: 'string', help: '`hcl` or `json`: read every file as this.' },
    ],
    run: async (flags, terminal) => {
      const format = flags.string('config-format');
      if (format !== undefined && format !== 'hcl' && format !== 'json') {
        throw new CommandError("-config-format must be either 'hcl' or 'json'");
      }
      if (flags.rest.length === 0) {
        throw new CommandError('Must specify at least one config file or directory');
      }
      const loaded = await loadPlan(requestOfPaths(flags.rest, format), world, hostname);
      if (!loaded.ok) throw new CommandError(`Config validation failed: ${loaded.text}`);
      for (const text of loaded.warnings) terminal.err(`${text}\n`);
      if (!flags.bool('quiet')) terminal.out('Configuration is valid!\n');
      return 0;
    },
  };
}
