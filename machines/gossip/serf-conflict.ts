/** Two members of one name: what each knows of the name, and who has to yield it. */

import { bytesToIp, ipToBytes } from '../../src/wire/gossip/address.ts';
import { type ConflictMember, readSerf } from '../../src/wire/gossip/serf.ts';
import type { RunningQuery } from './state.ts';
import type { Work } from './work.ts';

/** Whom we know by a name, as a conflict query is answered; null: nobody. */
export function conflictMember(work: Work, name: string): ConflictMember | null {
  const member = work.members.get(name);
  if (member === undefined) return null;
  const status = { alive: 1, leaving: 2, left: 3, failed: 4 }[member.status];
  const { versions } = member;
  return {
    Name: member.name,
    Addr: ipToBytes(member.address),
    Port: member.port,
    Tags: member.tags,
    Status: status,
    ProtocolMin: versions.protocolMin,
    ProtocolMax: versions.protocolMax,
    ProtocolCur: versions.protocolCur,
    DelegateMin: versions.delegateMin,
    DelegateMax: versions.delegateMax,
    DelegateCur: versions.delegateCur,
  };
}

/** Yields the name unless most of those who answered mean us by it. */
export function judgeConflict(work: Work, query: RunningQuery): void {
  const { address, port, name } = work.config;
  let answers = 0;
  let matches = 0;
  for (const { payload } of query.responses) {
    const read = readSerf(payload);
    if (!read.ok || read.value.kind !== 'conflictResponse') continue;
    // Who does not know the name does not mean us by it either.
    answers += 1;
    const { Addr = null, Port = 0 } = read.value.body ?? {};
    if (Port === port && bytesToIp(Addr ?? new Uint8Array(0)) === address) matches += 1;
  }
  const majority = Math.floor(answers / 2) + 1;
  if (matches >= majority) {
    work.log('info', `majority in name conflict resolution [${matches} / ${answers}]`);
    return;
  }
  work.log('warn', `minority in name conflict resolution, quiting [${matches} / ${answers}]`, {
    name,
  });
  work.values.ousted = true;
}
