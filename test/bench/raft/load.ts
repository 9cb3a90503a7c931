/** Runs the client against one server. */

import { fork } from 'node:child_process';
import type { Load, LoadResult } from './client.ts';

/** Rejects when any write is refused. */
export function runLoad(load: Load): Promise<LoadResult> {
  const client = fork(new URL('client.ts', import.meta.url), { execArgv: process.execArgv });
  return new Promise((resolve, reject) => {
    client.once('message', (result) => resolve(result as LoadResult));
    client.once('error', reject);
    client.once('exit', (code) => reject(new Error(`the client has ended with ${code}`)));
    client.send(load);
  });
}
