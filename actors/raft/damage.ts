/** What is on disk is not what was written there. */

const WAY_OUT =
  'Move the whole data folder of this server away (its node-id with it; a node_id from the ' +
  'configuration has to be another one then) and start it again: it joins as a new server and ' +
  'takes the state from the others. When a majority of the servers is damaged, put the folders ' +
  'back from a backup, or start new servers and restore a snapshot archive there ' +
  '(snapshot restore).';

/**
 * Files that raft relies on are damaged. The message says which file, where, what is wrong and what
 * to do. Only `raft` must not go while `node-id` stays: who forgets its vote and keeps its name may
 * elect a second leader.
 */
export class DamageError extends Error {
  override readonly name = 'DamageError';
  constructor(text: string, options?: ErrorOptions) {
    super(`${text} ${WAY_OUT}`, options);
  }
}
