/** The file by which an operator says who goes on: `raft/peers.json`, in both of Consul's formats. */

import { configurationFault, type RaftConfiguration } from '../../src/consensus/configuration.ts';
import { textOf } from '../../src/error-text.ts';

/** Explains the file to whoever looks for it; written once, beside it. */
export const PEERS_INFO = `About peers.json

The members of the raft group are kept in the raft log and its snapshots, not in a file. peers.json
is read for one purpose: to recover by hand when so many servers are lost for ever that no leader
can be elected. In normal operation there is no such file.

To recover:

1. Stop all servers that are left.
2. Put the same peers.json beside this file on each of them. It names the servers that go on:

   [
     { "id": "adf4238a-882b-9ddc-4a9d-5b6758e4159e", "address": "10.1.0.1:8300", "non_voter": false },
     { "id": "8b6dda82-3103-11e7-93ae-92361f002671", "address": "10.1.0.2:8300" }
   ]

   "id" is the server's node ID (the file node-id in its data folder), "address" its address and
   server port, and "non_voter" says whether it has no vote; left out, it has one. The older form, a
   list of addresses, is read too when the log knows the servers at these addresses:

   [ "10.1.0.1:8300", "10.1.0.2:8300" ]

3. Start them. Each takes everything in its log for committed, also what never was, makes the
   servers named the only members, and deletes the file.

This peers.info is written at the first start. A peers.json that is older than it is deleted unread.
`;

interface KnownServer {
  readonly id: string;
  readonly address: string;
}

/**
 * The members that the file names. `known` are the servers whose IDs a list of addresses may leave
 * out. Throws what is wrong, and what to write instead.
 */
export function parsePeersFile(text: string, known: readonly KnownServer[]): RaftConfiguration {
  const entries = parseList(text);
  const servers = entries.map((entry, at) => {
    const place = `server ${at + 1} of ${entries.length}`;
    return typeof entry === 'string' ? serverAt(entry, place, known) : namedServer(entry, place);
  });
  const fault = configurationFault({ servers });
  if (fault !== undefined) throw new Error(fault);
  return { servers };
}

type Server = RaftConfiguration['servers'][number];

function parseList(text: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`it is not JSON: ${textOf(error)}`, { cause: error });
  }
  if (!Array.isArray(value)) throw new Error('it must hold a list of servers (see peers.info)');
  return value;
}

function serverAt(address: string, place: string, known: readonly KnownServer[]): Server {
  const found = known.find((server) => server.address === address);
  if (found !== undefined) return { suffrage: 'voter', id: found.id, address };
  throw new Error(
    `${place}: the log knows no server at ${JSON.stringify(address)}; name it by ` +
      '{"id": "<node id>", "address": "<host:port>"}',
  );
}

function namedServer(entry: unknown, place: string): Server {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    throw new Error(`${place} must be an object with "id" and "address" (see peers.info)`);
  }
  const { id, address, non_voter: nonVoter } = entry as Readonly<Record<string, unknown>>;
  const suffrage = nonVoter === true ? 'nonvoter' : 'voter';
  if (nonVoter !== undefined && typeof nonVoter !== 'boolean') {
    throw new Error(`${place}: "non_voter" must be true or false`);
  }
  return {
    suffrage,
    id: textField(id, 'id', place),
    address: textField(address, 'address', place),
  };
}

function textField(value: unknown, name: string, place: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`${place}: "${name}" must be a text that is not empty`);
}
