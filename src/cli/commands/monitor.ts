/** `monitor`: reads along the log of a running agent, until one of the two ends. */

import type { Disk } from '../../world/world.ts';
import { AGENT_FLAGS, openHttpClient } from '../agent-api.ts';
import { type Command, CommandError } from '../command.ts';

/** `onInterrupt`: calls when the user wants no more. */
export function monitorCommand(disk: Disk, onInterrupt: (stop: () => void) => void): Command {
  return {
    path: ['monitor'],
    synopsis: 'Shows what a running agent logs, as it happens',
    parameters: '',
    flags: [
      ...AGENT_FLAGS,
      {
        name: 'log-level',
        kind: 'string',
        help: 'Least level: trace, debug, info, warn, err.',
        fallback: 'INFO',
      },
      { name: 'log-json', kind: 'bool', help: 'Lines in JSON.' },
    ],
    async run(flags, terminal) {
      const level = encodeURIComponent(flags.string('log-level') ?? 'INFO');
      const json = flags.bool('log-json') ? '&logjson' : '';
      const client = await openHttpClient(flags, terminal, disk);
      const stop = new AbortController();
      onInterrupt(() => stop.abort(new Error('interrupted')));
      const path = `/v1/agent/monitor?loglevel=${level}${json}`;
      try {
        await client.stream({ method: 'GET', path, signal: stop.signal }, (chunk) =>
          terminal.out(chunk.toString('utf8')),
        );
        terminal.err('Monitor ended by the agent\n');
        return 1;
      } catch (error) {
        if (stop.signal.aborted) return 0;
        const text = error instanceof Error ? error.message : String(error);
        throw new CommandError(`Error starting monitor: ${text}`, { cause: error });
      } finally {
        client.close();
      }
    },
  };
}
