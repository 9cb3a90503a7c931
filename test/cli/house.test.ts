import { expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { ALL_MACHINES } from '../../machines/all.ts';
import { ROUTES } from '../../machines/routes.ts';
import { houseCommands } from '../../src/cli/commands/house.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { createFolderDisk } from '../support/folder-disk.ts';
import { createMemoryTerminal } from '../support/terminal.ts';

async function run(...args: readonly string[]) {
  const disk = await createFolderDisk();
  const terminal = createMemoryTerminal();
  const commands = houseCommands({ routes: ROUTES, machines: ALL_MACHINES }, disk);
  const exit = await runCommandLine('mobius', commands, args, terminal);
  return { exit, disk, out: terminal.stdout(), err: terminal.stderr() };
}

it('prints the route table for people, for programs and for Mermaid', async () => {
  expect((await run('routes')).out.split('\n').length).toBeGreaterThan(ROUTES.length);
  expect(JSON.parse((await run('routes', '-format=json')).out)).toEqual(ROUTES);
  const { out } = await run('routes', '-format=mermaid', 'gateway-locator');
  const [head, ...arrows] = out.trimEnd().split('\n');
  expect(head).toBe('flowchart LR');
  for (const arrow of arrows) {
    expect(arrow).toMatch(
      /^ {2}[a-z_]+\["[a-z.-]+"\] -- "[a-z.<> \d-]+" --> [a-z_]+\["[a-z.-]+"\]$/,
    );
  }
});

it('refuses formats and actors that it does not know', async () => {
  expect(await run('routes', '-format=svg')).toMatchObject({
    exit: 1,
    err: '-format must be pretty, json or mermaid, got "svg"\n',
  });
  expect(await run('routes', 'nobody')).toMatchObject({
    exit: 1,
    err: 'no actor "nobody" on the route table\n',
  });
});

it('writes every machine as JSON that a visualizer reads', async () => {
  const { exit, disk } = await run('machines', 'charts');
  expect(exit).toBe(0);
  const names = await disk.list('charts');
  expect(names).toEqual(ALL_MACHINES.map(({ id }) => `${id}.json`).sort());
  for (const name of names) {
    const text = Buffer.from(await disk.readFile(`charts/${name}`)).toString('utf8');
    expect(`${createMachine(JSON.parse(text)).id}.json`).toBe(name);
  }
  await disk.destroy();
});
