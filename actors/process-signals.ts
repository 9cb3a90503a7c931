/** Turns signals of the process into messages to the agent. */

import type { Post } from '../machines/routes.ts';

/** The part of Node's `process` that is needed. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', handler: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', handler: () => void): unknown;
}

/**
 * Listens until the returned function is called. The second signal of the same kind that asks for a
 * shutdown calls `impatient`, so that a shutdown that hangs can be cut short.
 */
export function bindProcessSignals(deps: {
  readonly source: SignalSource;
  readonly post: Post<'process'>;
  readonly impatient: (signal: 'SIGINT' | 'SIGTERM') => void;
}): () => void {
  const { source, post, impatient } = deps;
  const asked = new Set<string>();
  const stop = (signal: 'SIGINT' | 'SIGTERM') => (): void => {
    if (asked.has(signal)) {
      impatient(signal);
      return;
    }
    asked.add(signal);
    post.send('agent', { type: 'shutdown.requested', signal });
  };
  const interrupted = stop('SIGINT');
  const terminated = stop('SIGTERM');
  const reload = (): void => {
    post.send('agent', { type: 'reload.requested', signal: 'SIGHUP' });
  };
  source.on('SIGINT', interrupted);
  source.on('SIGTERM', terminated);
  source.on('SIGHUP', reload);
  return () => {
    source.off('SIGINT', interrupted);
    source.off('SIGTERM', terminated);
    source.off('SIGHUP', reload);
  };
}
