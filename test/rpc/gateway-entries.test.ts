/** Goal: config entries of gateways are kept as Consul 1.9 keeps them, or refused in its words. */

import { expect, it } from 'vitest';
import { configEntryFields, configEntryRow } from '../../src/model/config-entry.ts';
import { preparedEntry } from '../../src/rpc/endpoints/config-entry-write.ts';
import type { MsgpackAny } from '../../src/wire/msgpack/reader.ts';
import { any, encode } from '../../src/wire/msgpack/schema.ts';

type Fields = Readonly<Record<string, MsgpackAny>>;

function prepared(Kind: string, fields: Fields): Fields {
  const row = configEntryRow(encode(any, { Kind, Name: 'gw', ...fields }));
  return configEntryFields(preparedEntry(row)) as Fields;
}

const ingress = (...Listeners: Fields[]): Fields =>
  prepared('ingress-gateway', { TLS: { Enabled: true }, Listeners });
const listener = (Protocol: string, ...Services: Fields[]): Fields => ({
  Port: 1,
  Protocol,
  Services,
});

it('takes protocols in any case of letters, and TCP where none is said', () => {
  const kept = ingress(listener('HTTP', { Name: '*' }), {
    ...listener('', { Name: 'web' }),
    Port: 2,
  });
  expect(kept['Listeners']).toMatchObject([{ Protocol: 'http' }, { Protocol: 'tcp' }]);
});

it.each([
  [[listener('tcp', { Name: 'a' }), listener('tcp', { Name: 'b' })], 'port 1 declared on two'],
  [[listener('udp', { Name: 'a' })], "protocol must be 'tcp', 'http', 'http2', or 'grpc'. 'udp'"],
  [[listener('tcp')], 'No service declared for listener with port 1'],
  [[listener('grpc', { Name: 'a' }, { Name: 'b' })], 'Multiple services per listener'],
  [[listener('tcp', { Name: '*' })], 'Wildcard service name is only valid'],
  [[listener('tcp', { Name: 'a', Hosts: ['h'] })], 'Associating hosts to a service is not'],
  [[listener('http', { Name: '' })], 'Service name cannot be blank (listener on port 1)'],
  [[listener('http', { Name: '*', Hosts: ['h'] })], 'Associating hosts to a wildcard service'],
  [[listener('http', { Name: 'a', Hosts: ['h', 'h'] })], 'Hosts must be unique'],
  [[listener('http', { Name: 'a', Hosts: ['*'] })], "Host '*' is not allowed when TLS is enabled"],
  [[listener('http', { Name: 'a', Hosts: ['a..b'] })], 'Host "a..b" must be a valid DNS hostname'],
  [[listener('http', { Name: 'a', Hosts: ['a.*.b'] })], 'Host "a.*.b" is not valid'],
])('refuses listeners %j', (listeners, text) => {
  expect(() => ingress(...listeners)).toThrow(text);
});

it.each([
  [[{ Name: '' }], 'Service name cannot be blank.'],
  [[{ Name: 'a' }, { Name: 'a' }], 'Service "a" was specified more than once within a namespace'],
  [[{ Name: 'a', KeyFile: '/k' }], 'Service "a" must have a CertFile, CAFile, and KeyFile'],
])('refuses services of a terminating gateway %j', (Services, text) => {
  expect(() => prepared('terminating-gateway', { Services })).toThrow(text);
});

it('keeps entries of other kinds as they came', () => {
  expect(prepared('service-router', { Later: [1] })).toMatchObject({ Later: [1] });
});
