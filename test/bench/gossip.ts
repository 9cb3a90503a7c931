/**
 * Gossip next to serf's: time to agree, bytes and CPU of a node, for pools of 10 and 50 processes of
 * each program side by side, and of 10, 50 and 200 simulated members.
 *
 *     npm run bench -- gossip
 */

import { debianPeer, pathOr } from '../interop/peers/find.ts';
import { NETWORK } from '../interop/program.ts';
import { type Figures, ratios, table } from './gossip/figures.ts';
import { EVENT_BYTES, EVENTS_PER_SECOND } from './gossip/load.ts';
import { mobiusProgram, serfProgram } from './gossip/pools.ts';
import { IDLE_MS, LOAD_MS, measureProcesses, WARM_UP_MS } from './gossip/processes.ts';
import { measureSimulated } from './gossip/simulated.ts';

/** What two cores hold of both programs side by side. */
const PROCESSES = [10, 50];
const SIMULATED = [10, 50, 200];

/** A /16 for each program, so that their packets can be told apart. */
const [first = '127', second = '101'] = NETWORK.split('.');
const NETWORKS = [`${first}.${second}`, `${first}.${(Number(second) % 250) + 1}`];

const serfPath = pathOr("serf's figures", debianPeer('serf', 'serf'));
const ours = await mobiusProgram();
const programs = serfPath === null ? [ours] : [serfProgram(serfPath), ours];
const rows: Figures[] = [];
for (const count of PROCESSES) rows.push(...(await measureProcesses(programs, NETWORKS, count)));
ours.remove();
rows.push(...SIMULATED.map(measureSimulated));
process.stdout.write(`
after ${WARM_UP_MS / 1_000} s of the same load: loaded for ${LOAD_MS / 1_000} s with ${EVENTS_PER_SECOND} user events of ${EVENT_BYTES} bytes a second, then idle for ${IDLE_MS / 1_000} s

${table(rows)}

CPU of simulated members is that of the pool's state alone, without sockets and streams.

${ratios(rows)}
`);
process.exit();
