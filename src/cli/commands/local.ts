/** `version` and `keygen`: commands that need no agent. */

import { CONSUL_VERSION, MOBIUS_VERSION, PROTOCOL } from '../../version.ts';
import type { Random } from '../../world/world.ts';
import { type Command, CommandError } from '../command.ts';

const GOSSIP_KEY_BYTES = 32;

/** Commands that only use chance and what is compiled in. */
export function localCommands(random: Random): readonly Command[] {
  return [
    {
      path: ['version'],
      synopsis: 'Prints the version',
      parameters: '',
      flags: [{ name: 'format', kind: 'string', help: '`pretty` or `json`.', fallback: 'pretty' }],
      run: async (flags, terminal) => {
        const format = flags.string('format') ?? 'pretty';
        if (format !== 'pretty' && format !== 'json') {
          throw new CommandError(`Unknown format: ${format}`);
        }
        terminal.out(format === 'json' ? versionJson() : versionText());
        return 0;
      },
    },
    {
      path: ['keygen'],
      synopsis: 'Generates a key for gossip encryption',
      parameters: '',
      flags: [],
      run: async (_flags, terminal) => {
        const key = Buffer.from(random.bytes(GOSSIP_KEY_BYTES)).toString('base64');
        terminal.out(`${key}\n`);
        return 0;
      },
    },
  ];
}

function versionText(): string {
  return (
    `mobius v${MOBIUS_VERSION}\n` +
    `Speaks as Consul v${CONSUL_VERSION}\n` +
    `Protocol ${PROTOCOL.spoken} spoken by default, understands ${PROTOCOL.min} to ` +
    `${PROTOCOL.max} (agent will automatically use protocol >2 when speaking to compatible agents)\n`
  );
}

function versionJson(): string {
  return `${JSON.stringify(
    {
      Version: CONSUL_VERSION,
      Revision: '',
      Prerelease: '',
      RPC: { Default: PROTOCOL.spoken, Min: PROTOCOL.min, Max: PROTOCOL.max },
      Mobius: MOBIUS_VERSION,
    },
    undefined,
    3,
  )}\n`;
}
