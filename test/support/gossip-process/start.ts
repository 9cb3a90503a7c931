/** Starts members of a gossip pool as processes of their own, and talks to them. */

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type {
  Heard,
  MemberPlan,
  MemberReport,
  Notice,
  Order,
  PoolAnswer,
  PoolQuestion,
} from './messages.ts';

const PROGRAM = fileURLToPath(new URL('./member.ts', import.meta.url));

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The program of a member in one file, as fast to start as the product. */
export interface MemberProgram {
  readonly path: string;
  remove(): void;
}

export async function bundleMember(): Promise<MemberProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'mobius-member-'));
  const path = join(folder, 'member.mjs');
  await build({
    entryPoints: [PROGRAM],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    define: { 'process.env.NODE_ENV': '"production"' },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface MemberProcess {
  readonly name: string;
  readonly pid: number;
  /** Rejects with the pool's refusal. */
  ask(question: PoolQuestion): Promise<PoolAnswer>;
  report(): Promise<MemberReport>;
  /** Ends it without a word to anybody. */
  kill(): void;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
}

/**
 * Resolves when the member is in its own pool; rejects with the reason why it cannot be. `hear` gets
 * what a member tells whose plan says so.
 */
export async function startMemberProcess(
  program: MemberProgram,
  plan: MemberPlan,
  nodeFlags: readonly string[] = [],
  hear: (heard: Heard) => void = () => {},
): Promise<MemberProcess> {
  const child = fork(program.path, [JSON.stringify(plan)], {
    serialization: 'advanced',
    execArgv: [...nodeFlags],
  });
  running.add(child);
  const member = new Member(plan.name, child, hear);
  await member.started;
  return member;
}

interface Waiting {
  resolve(answer: PoolAnswer | MemberReport): void;
  reject(error: Error): void;
}

class Member implements MemberProcess {
  readonly name: string;
  readonly started: Promise<void>;
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(name: string, child: ChildProcess, hear: (heard: Heard) => void) {
    this.name = name;
    this.#child = child;
    this.ended = new Promise((resolve) => child.on('exit', () => resolve()));
    this.started = new Promise((resolve, reject) => {
      child.on('message', (notice: Notice) => {
        if ('ready' in notice) resolve();
        else if ('failed' in notice) reject(new Error(`${name} cannot start: ${notice.failed}`));
        else if ('heard' in notice) hear(notice.heard);
        else this.#answered(notice);
      });
      child.on('exit', () => {
        running.delete(child);
        const gone = new Error(`${name} has ended`);
        reject(gone);
        for (const { reject: refuse } of this.#waiting.values()) refuse(gone);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(question: PoolQuestion): Promise<PoolAnswer> {
    return this.#send((id) => ({ id, ask: question })) as Promise<PoolAnswer>;
  }

  report(): Promise<MemberReport> {
    return this.#send((id) => ({ id, report: true })) as Promise<MemberReport>;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #send(order: (id: number) => Order): Promise<PoolAnswer | MemberReport> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send(order(id), (error) => error && reject(error));
    });
  }

  #answered(notice: Extract<Notice, { readonly id: number }>): void {
    const waiting = this.#waiting.get(notice.id);
    this.#waiting.delete(notice.id);
    if ('refusal' in notice) waiting?.reject(new Error(notice.refusal));
    else waiting?.resolve(notice.answer);
  }
}
