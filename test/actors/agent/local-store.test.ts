import { expect, it } from 'vitest';
import { createLocalStore } from '../../../actors/agent/local-store.ts';
import { checkDefinition } from '../../../src/local/check-rules.ts';
import { emptyLocalState, localView, withCheck, withService } from '../../../src/local/state.ts';
import { createMemoryLog, silentLog } from '../../../src/log.ts';
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

const check = checkDefinition(DESCRIBED, { id: 'a/b', name: 'c', serviceId: 'web', token: 't' });
const web = { service: NodeService.of({ ID: 'web', Service: 'web', Port: 80 }), token: 't' };
const full = withCheck(withService(emptyLocalState('n1'), web, [], 'keep'), check);

it('gives back what was registered, after a loss of power', async () => {
  const { simulation, host } = world();
  const store = createLocalStore(host.world.disk, '/data', silentLog);
  await simulation.settle(store.load());
  await simulation.settle(store.save(localView(full)));
  host.crash();
  const again = createLocalStore(host.world.disk, '/data', silentLog);
  const loaded = await simulation.settle(again.load());
  expect(loaded.services.get('web')).toEqual(web);
  expect(loaded.checks.get('a/b')?.definition).toEqual(check);
  await simulation.settle(again.save(localView(emptyLocalState('n1'))));
  const empty = await simulation.settle(
    createLocalStore(host.world.disk, '/data', silentLog).load(),
  );
  expect([empty.services.size, empty.checks.size]).toEqual([0, 0]);
});

it('goes on without a damaged registration, and says so', async () => {
  const { simulation, host } = world();
  const log = createMemoryLog();
  const store = createLocalStore(host.world.disk, '/data', log);
  await simulation.settle(store.save(localView(full)));
  const [name] = await simulation.settle(host.world.disk.list('/data/services'));
  const path = `/data/services/${name}`;
  await simulation.settle(host.world.disk.writeFileAtomic(path, Buffer.from('{')));
  const loaded = await simulation.settle(createLocalStore(host.world.disk, '/data', log).load());
  expect([loaded.services.size, loaded.checks.size]).toEqual([0, 1]);
  expect(log.lines.map((line) => line.text)).toEqual(['ignoring a damaged registration']);
});
