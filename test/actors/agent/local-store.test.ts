import { expect, it } from 'vitest';
import { createLocalStore } from '../../../actors/agent/local-store.ts';
import { checkDefinition } from '../../../src/local/check-rules.ts';
import {
  emptyLocalState,
  localView,
  withCheck,
  withResults,
  withService,
} from '../../../src/local/state.ts';
import { createMemoryLog, type Log, silentLog } from '../../../src/log.ts';
import { NodeService } from '../../../src/model/catalog.ts';
import { createSimulation } from '../../../src/world/simulated/simulation.ts';

const DESCRIBED = {
  ...{ Name: 'c', Notes: '', Status: '', ScriptArgs: null, HTTP: '', Header: null, Method: '' },
  ...{ Body: '', TCP: '10.0.0.1:80', Interval: 10e9, Timeout: 0, TTL: 0, DockerContainerID: '' },
  ...{ GRPC: '', TLSSkipVerify: false, AliasNode: '', AliasService: '', SuccessBeforePassing: 0 },
  ...{ FailuresBeforeCritical: 0, DeregisterCriticalServiceAfter: 0, OutputMaxSize: 0 },
};

function world() {
  const simulation = createSimulation({ seed: 'store' });
  return { simulation, host: simulation.host({ name: 'n1', addresses: ['10.0.0.1'] }) };
}
type Host = ReturnType<typeof world>['host'];

function storeOf({ world }: Host, log: Log = silentLog) {
  return createLocalStore({ disk: world.disk, clock: world.clock, folder: '/data', log });
}

const check = checkDefinition(DESCRIBED, { id: 'a/b', name: 'c', serviceId: 'web', token: 't' });
const web = { service: NodeService.of({ ID: 'web', Service: 'web', Port: 80 }), token: 't' };
const full = withCheck(withService(emptyLocalState('n1'), web, [], 'keep'), check);

it('gives back what was registered, after a loss of power', async () => {
  const { simulation, host } = world();
  const store = storeOf(host);
  await simulation.settle(store.load());
  await simulation.settle(store.save(localView(full)));
  host.crash();
  const again = storeOf(host);
  const loaded = await simulation.settle(again.load());
  expect(loaded.services.get('web')).toEqual(web);
  expect(loaded.checks.get('a/b')?.definition).toEqual(check);
  await simulation.settle(again.save(localView(emptyLocalState('n1'))));
  const empty = await simulation.settle(storeOf(host).load());
  expect([empty.services.size, empty.checks.size]).toEqual([0, 0]);
});

it('goes on without a damaged registration, and says so', async () => {
  const { simulation, host } = world();
  const log = createMemoryLog();
  const store = storeOf(host, log);
  await simulation.settle(store.save(localView(full)));
  const [name] = await simulation.settle(host.world.disk.list('/data/services'));
  const path = `/data/services/${name}`;
  await simulation.settle(host.world.disk.writeFileAtomic(path, Buffer.from('{')));
  const loaded = await simulation.settle(storeOf(host, log).load());
  expect([loaded.services.size, loaded.checks.size]).toEqual([0, 1]);
  expect(log.lines.map((line) => line.text)).toEqual(['ignoring a damaged registration']);
});

it('keeps what a TTL check was fed with, for as long as it holds', async () => {
  const { simulation, host } = world();
  const described = { ...DESCRIBED, TCP: '', Interval: 0, TTL: 60e9 };
  const own = { id: 'beat', name: 'beat', serviceId: '', token: '' };
  const state = withCheck(emptyLocalState('n1'), checkDefinition(described, own));
  const fed = withResults(state, [{ id: 'beat', status: 'passing', output: 'fine' }]);
  const store = storeOf(host);
  await simulation.settle(store.save(localView(state)));
  const beat = localView(fed).checks.get('beat');
  if (beat === undefined) throw new Error('the check is gone');
  await simulation.settle(store.saveFed(beat));
  const loaded = async () => (await simulation.settle(storeOf(host).load())).checks.get('beat');
  expect((await loaded())?.check).toMatchObject({ Status: 'passing', Output: 'fine' });
  await simulation.run(60_000);
  expect((await loaded())?.check).toMatchObject({ Status: 'critical', Output: '' });
  await simulation.settle(store.saveFed(beat));
  await simulation.settle(store.save(localView(emptyLocalState('n1'))));
  await simulation.settle(store.save(localView(state)));
  expect((await loaded())?.check.Status).toBe('critical');
});
