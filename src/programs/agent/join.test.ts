import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createAuthority,
  issueServerCertificate,
  parseAuthority,
  serialiseAuthority,
  signRequest,
} from '../../network/index.ts';
import { silentLog, systemClock } from '../../system/index.ts';
import { hostIdentity } from './join.ts';

const DAY_MS = 86_400_000;

test('a host joins once, renews its certificate when that nears its end, and goes on with it while control is away', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-join-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [caPath, tokenPath] = [join(folder, 'ca.pem'), join(folder, 'token')];
  const authority = createAuthority({ name: 'Darsena CA (test)', clock: systemClock });
  await writeFile(caPath, authority.certificatePem);
  let days = 0;
  const clock = { ...systemClock, now: () => new Date(Date.now() + days * DAY_MS) };
  // Each token is good once, and control lays out the next before it answers.
  let joined = 0;
  await writeFile(tokenPath, 'token 0');
  const { certificatePem: cert, privateKeyPem: key } = issueServerCertificate(authority, { names: ['localhost'] });
  const server = createServer({ cert, key }, async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.headers.authorization !== `Bearer token ${joined}`) return void response.writeHead(401).end();
    joined += 1;
    await writeFile(tokenPath, `token ${joined}`);
    const signer = parseAuthority(serialiseAuthority(authority), clock);
    const { certificatePem } = signRequest(signer, JSON.parse(body).request, { subject: 'host:h1', days: 365 });
    response.end(JSON.stringify({ certificate: certificatePem, verdictKey: 'key' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const asked = { folder, host: 'h1', caPath, tokenPath, port, address: '127.0.0.1', clock, log: silentLog };
  const certificate = async (): Promise<string> => (await hostIdentity(asked)).certificatePem;
  const first = await certificate();
  assert.equal(await certificate(), first);
  const seen = [first];
  for (days of [300, 600]) {
    seen.push(await certificate());
    assert.equal(await certificate(), seen.at(-1));
  }
  assert.deepEqual([new Set(seen).size, joined], [3, 3]);
  assert.match(await readFile(join(folder, 'identity.json'), 'utf8'), /h1/);

  await new Promise((resolve) => server.close(resolve));
  days = 900;
  assert.equal(await certificate(), seen[2], 'good still');
  days = 1_000;
  await assert.rejects(certificate(), { code: 'ECONNREFUSED' });
});
