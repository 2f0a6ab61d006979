import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../access/index.ts';
import type { ServedCertificate } from '../../network/index.ts';
import { decisionTodos, type ToDecide } from './to-decide.ts';

const person = (name: string, grants: Principal['grants']): Principal =>
  ({ kind: 'user', id: name, name, actor: `user:${name}`, grants, language: 'en' }) as unknown as Principal;
const ADMINISTRATOR = person('ana', [{ role: 'admin', project: '*' }]);

const certificate = (name: string, state: ServedCertificate['state'], days: number): ServedCertificate => ({
  ...{ id: name, project: null, names: [name], issuer: 'CN=CA', fingerprint: 'aa', notBefore: '', notAfter: '' },
  ...{ source: 'upload', addedAt: '', addedBy: 'user:ana', state, days },
});

const ASK: ToDecide = {
  policies: async () => [
    { name: 'prod', author: 'user:luis' },
    { name: 'team', author: 'user:ana' },
  ],
  exceptions: async (project) => (project === 'tienda' ? [{ author: 'user:luis' }, { author: 'user:ana' }] : []),
  hostExceptions: async () => [{ host: 'vm', author: 'user:luis' }],
  answers: async () => [
    { incident: 7, project: 'tienda' },
    { incident: 7, project: 'tienda' },
    { incident: 8, project: 'nomina' },
  ],
  certificates: async () => [certificate('a.example', 'valid', 80), certificate('b.example', 'expiring', 5)],
};

test('an administrator is told of everything that waits for a second person, and of what they asked for themselves nothing', async () => {
  const todos = await decisionTodos(ASK, ADMINISTRATOR, ['tienda', 'nomina']);
  assert.deepEqual(
    todos.map(({ id, text }) => [id, text.en]),
    [
      ['answer-7', 'Incident 7: 2 actions wait for an answer'],
      ['answer-8', 'Incident 8: an action waits for an answer'],
      ['exceptions-tienda', 'tienda: an exception waits for a second person'],
      ['policy-prod', 'Policy prod: a new text waits for a second person'],
      ['host-exception-vm', 'Host vm: an exception waits for a second person'],
      ['certificate-b.example', 'The certificate of b.example ends in 5 days'],
    ],
  );
});

test('an analyst of one project is told of its incidents alone', async () => {
  const todos = await decisionTodos(ASK, person('eva', [{ role: 'analyst', project: 'nomina' }]), ['nomina']);
  assert.deepEqual(
    todos.map(({ id }) => id),
    ['answer-8'],
  );
});

test('a certificate that has ended stands before everything but open incidents', async () => {
  const certificates = async () => [certificate('b.example', 'expired', -1)];
  const todos = await decisionTodos({ ...ASK, certificates }, ADMINISTRATOR, []);
  const [ended] = todos.filter(({ kind }) => kind === 'certificate');
  assert.equal(ended?.text.es, 'El certificado de b.example ha terminado: los navegadores rechazan lo que sirve');
  assert.ok((ended?.weight ?? 0) > 90);
});
