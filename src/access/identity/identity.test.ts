import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { exportJWK, SignJWT } from 'jose';
import { Journal, type JournalTables, journalMigrations } from '../../journal/index.ts';
import { createAuthority, issueServerCertificate } from '../../network/index.ts';
import { type Clock, type OpenedDatabase, openDatabase, silentLog, systemClock } from '../../system/index.ts';
import {
  Access,
  type AccessTables,
  accessMigrations,
  may,
  PLATFORM,
  type Principal,
  signInClient,
  WorkloadIdentity,
} from '../index.ts';
import { matchClaims, requireClaims } from './claims.ts';
import { githubClaims, gitlabClaims, kubernetesClaims, startTestIssuer, type TestIssuer } from './test-issuer.ts';

let offsetMs = 0;
const clock: Clock = {
  ...systemClock,
  now: () => new Date(Date.now() + offsetMs),
  monotonicMs: () => performance.now() + offsetMs,
};
let issuer: TestIssuer;
let other: TestIssuer;
let caPem: string;
let opened: OpenedDatabase<AccessTables & JournalTables>;
let journal: Journal;
let access: Access;
let identity: WorkloadIdentity;

const LOOPBACK = ['127.0.0.0/8'];
const admin: Principal = { ...PLATFORM, actor: 'user:root', kind: 'user', name: 'root' };
const rights = { rights: ['pusher'], repositories: ['web'] };

async function trust(of: TestIssuer, name: string, more: object = {}): Promise<void> {
  const base = { name, url: of.url, audience: 'darsena', jwksUrl: null, jwks: null, caPem, networks: LOOPBACK };
  await identity.addIssuer({ ...base, reuse: false, ...more }, 'user:root');
}

/** A fresh platform that trusts the issuer, with a rule for the shop of GitHub's claims. */
async function platform(options: { issuer?: object; rule?: object } = {}): Promise<void> {
  offsetMs = 0;
  await opened?.close();
  opened = await openDatabase<AccessTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...accessMigrations,
  ]);
  const { privateKey } = generateKeyPairSync('ed25519');
  const checkpointKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  journal = new Journal({ db: opened.db as never, clock, log: silentLog, checkpointKeyPem, keyId: 'k' });
  access = new Access({ db: opened.db as never, journal, clock });
  identity = new WorkloadIdentity({
    db: opened.db as never,
    journal,
    clock,
    changed: () => access.rightsChanged(),
    issuerMs: 500,
  });
  issuer.spoil.clear();
  issuer.redirect.clear();
  issuer.asked.length = 0;
  other.asked.length = 0;
  await trust(issuer, 'github', options.issuer);
  await identity.addRule(
    {
      project: 'tienda',
      name: 'ci',
      issuer: 'github',
      claims: [{ claim: 'sub', value: 'repo:acme/shop:ref:refs/heads/main' }],
      ...rights,
      minutes: 15,
      ...options.rule,
    },
    admin,
  );
}

const exchange = (token: string) => identity.exchange(token, { project: null });
const refusal = (why: RegExp) => (error: unknown) => {
  const { code, params } = error as { code: string; params: { why: string } };
  assert.equal(code, 'access.workload-refused');
  assert.match(params.why, why);
  return true;
};
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

before(async () => {
  const authority = createAuthority({ name: 'issuer CA', clock: systemClock });
  const issued = issueServerCertificate(authority, { names: [], addresses: ['127.0.0.1'] });
  caPem = authority.certificatePem;
  const tls = { key: issued.privateKeyPem, cert: issued.certificatePem };
  issuer = await startTestIssuer(tls);
  issuer.addKey('RS256', 'rsa-1');
  issuer.addKey('ES256', 'ec-1');
  issuer.addKey('EdDSA', 'ed-1');
  other = await startTestIssuer(tls);
  other.addKey('RS256', 'rsa-1');
});
after(async () => {
  await issuer.close();
  await other.close();
  await opened.close();
});

describe('who is believed', () => {
  it('a job of GitHub gets a token for its rule’s rights, for at most fifteen minutes, and the audit says who', async () => {
    await platform();
    const issued = await exchange(await issuer.sign(githubClaims));
    assert.ok(Date.parse(issued.expiresAt) - Date.now() <= 15 * 60_000);
    const principal = await access.authenticate(issued.secret);
    assert.equal(principal.actor, 'workload:tienda/ci');
    assert.equal(may(principal, 'image.push', 'tienda', 'tienda/web'), true);
    assert.equal(may(principal, 'image.push', 'tienda', 'tienda/other'), false);
    assert.equal(may(principal, 'image.move-tag', 'tienda', 'tienda/web'), false);
    await journal.settled();
    const [fact] = await journal.query({ projects: '*', kinds: ['identity.signed-in'], limit: 1 });
    assert.equal((fact?.body as { sub: string } | undefined)?.sub, githubClaims.sub);
    offsetMs = 15 * 60_000 + 1;
    await assert.rejects(access.authenticate(issued.secret), { code: 'access.token-invalid' });
  });

  it('RSA, elliptic-curve and Edwards keys; claims of GitLab and Kubernetes, nested ones too', async () => {
    await platform();
    for (const kid of ['rsa-1', 'ec-1', 'ed-1']) await exchange(await issuer.sign(githubClaims, { kid }));
    const rule = { project: 'banco', issuer: 'github', ...rights, minutes: 5 };
    await identity.addRule(
      {
        ...rule,
        name: 'gitlab',
        claims: [
          { claim: 'project_path', value: 'acme/shop' },
          { claim: 'ref_protected', value: 'true' },
        ],
      },
      admin,
    );
    await identity.addRule(
      {
        ...rule,
        name: 'kubernetes',
        claims: [
          { claim: 'sub', value: 'system:serviceaccount:ci:builder' },
          { claim: '/kubernetes.io/namespace', value: 'ci' },
        ],
      },
      admin,
    );
    assert.equal((await exchange(await issuer.sign(gitlabClaims))).name, 'banco/gitlab');
    assert.equal((await exchange(await issuer.sign(kubernetesClaims))).name, 'banco/kubernetes');
  });

  it('keys change: a new key id is found at once, then looked for at most every thirty seconds', async () => {
    await platform();
    await exchange(await issuer.sign(githubClaims));
    assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/keys']);
    await exchange(await issuer.sign(githubClaims));
    assert.equal(issuer.asked.length, 2);
    issuer.addKey('ES256', 'ec-2');
    offsetMs += 31_000;
    await exchange(await issuer.sign(githubClaims, { kid: 'ec-2' }));
    assert.equal(issuer.asked.length, 4);
    for (let n = 0; n < 20; n += 1) {
      const unknown = await issuer.sign(githubClaims, { header: { kid: `guess-${n}` } });
      await assert.rejects(exchange(unknown), refusal(/no such key/));
    }
    assert.equal(issuer.asked.length, 4);
    issuer.keys.splice(3, 1);
    offsetMs += 3_600_000;
    await assert.rejects(exchange(await issuer.sign(githubClaims, { header: { kid: 'ec-2' } })), (error) => {
      return ['access.workload-refused'].includes((error as { code: string }).code);
    });
  });

  it('a project may be named, and then only its rules count', async () => {
    await platform();
    const token = await issuer.sign(githubClaims);
    await assert.rejects(identity.exchange(token, { project: 'banco' }), refusal(/no trust rule/));
    assert.equal((await identity.exchange(token, { project: 'tienda' })).name, 'tienda/ci');
  });

  it('given keys are used without asking anybody', async () => {
    const jwks = JSON.stringify({
      keys: [{ ...(await exportJWK(issuer.keys[0]?.publicKey as never)), kid: 'rsa-1', alg: 'RS256' }],
    });
    await platform({ issuer: { jwks } });
    await exchange(await issuer.sign(githubClaims));
    assert.deepEqual(issuer.asked, []);
  });
});

describe('who is not', () => {
  it('W2: no signature, HMAC with the public key, an algorithm that is not the key’s', async () => {
    await platform();
    const good = await issuer.sign(githubClaims);
    const [, payload = ''] = good.split('.');
    const pem = issuer.keys[0]?.publicKey.export({ type: 'spki', format: 'pem' }).toString() ?? '';
    const jwk = JSON.stringify(await exportJWK(issuer.keys[0]?.publicKey as never));
    for (const alg of ['none', 'None', 'NONE', '']) {
      await assert.rejects(exchange(`${part({ alg, typ: 'JWT' })}.${payload}.`), refusal(/./));
      await assert.rejects(exchange(`${part({ alg, kid: 'rsa-1' })}.${payload}.AAAA`), refusal(/./));
    }
    for (const secret of [pem, jwk, '', 'rsa-1']) {
      for (const alg of ['HS256', 'HS384', 'HS512']) {
        const signed = `${part({ alg, kid: 'rsa-1', typ: 'JWT' })}.${payload}`;
        const mac = createHmac(`sha${alg.slice(2)}`, secret)
          .update(signed)
          .digest('base64url');
        await assert.rejects(exchange(`${signed}.${mac}`), refusal(/algorithm is not on the list/));
      }
    }
    const [, , signature] = good.split('.');
    for (const alg of ['ES256', 'PS256', 'RS512', 'EdDSA']) {
      await assert.rejects(exchange(`${part({ alg, kid: 'rsa-1' })}.${payload}.${signature}`), refusal(/./));
    }
    assert.equal((await exchange(good)).name, 'tienda/ci');
  });

  it('W2: a key that the token brings or points at (jwk, jku, x5c, x5u, kid as a path; distribution CVE-2025-24976)', async () => {
    await platform();
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = await exportJWK(publicKey);
    const now = Math.floor(Date.now() / 1000);
    const claims = { ...githubClaims, iss: issuer.url, aud: 'darsena', iat: now, exp: now + 300 };
    const before = issuer.asked.length;
    for (const header of [
      { jwk },
      { jwk, kid: 'rsa-1' },
      { jku: `${other.url}/keys`, kid: 'rsa-1' },
      { x5u: `${other.url}/cert`, kid: 'rsa-1' },
      { x5c: ['MIIB'], kid: 'rsa-1' },
      { kid: '../../../../dev/null' },
      { kid: "rsa-1' or '1'='1" },
      { kid: `${other.url}/keys` },
    ]) {
      const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', ...header }).sign(privateKey);
      await assert.rejects(exchange(forged), refusal(/./), JSON.stringify(header).slice(0, 60));
    }
    assert.deepEqual(other.asked, []);
    assert.ok(issuer.asked.length - before <= 2);
  });

  it('W2: another issuer with the same key id, and one that says it is the trusted one', async () => {
    await platform();
    await assert.rejects(exchange(await other.sign(githubClaims)), refusal(/no issuer of this address/));
    await assert.rejects(
      exchange(await other.sign({ ...githubClaims, iss: issuer.url })),
      refusal(/signature is wrong/),
    );
    await trust(other, 'other');
    await assert.rejects(exchange(await other.sign(githubClaims)), refusal(/no trust rule/));
    await assert.rejects(
      exchange(await issuer.sign({ ...githubClaims, iss: other.url })),
      refusal(/signature is wrong/),
    );
    for (const iss of [`${issuer.url}/`, issuer.url.toUpperCase(), `${issuer.url}.evil.example`, '']) {
      await assert.rejects(exchange(await issuer.sign({ ...githubClaims, iss })), refusal(/./), iss);
    }
  });

  it('W2: for another service, for several at once, for nobody', async () => {
    await platform();
    for (const aud of ['sts.amazonaws.com', 'Darsena', 'darsena ', ['darsena', 'other'], [], undefined, '']) {
      await assert.rejects(exchange(await issuer.sign({ ...githubClaims, aud } as never)), refusal(/./), String(aud));
    }
  });

  it('expired, from the future, not yet valid, without an end, for longer than a day; a minute of leeway and no more', async () => {
    await platform();
    const now = Math.floor(Date.now() / 1000);
    for (const times of [
      { exp: now - 61 },
      { nbf: now + 70 },
      { iat: now + 70 },
      { exp: undefined },
      { iat: undefined },
      { iat: now - 25 * 3600 },
      { exp: now + 25 * 3600 },
      { exp: 'tomorrow' },
      { sub: undefined },
      { sub: '' },
    ]) {
      await assert.rejects(
        exchange(await issuer.sign({ ...githubClaims, ...times } as never)),
        refusal(/./),
        JSON.stringify(times),
      );
    }
    await exchange(await issuer.sign({ ...githubClaims, exp: now - 30, iat: now - 300 }));
    await exchange(await issuer.sign({ ...githubClaims, nbf: now + 30, iat: now + 30 }));
  });

  it('a token counts once: shown again it is refused, also with the other form of its signature', async () => {
    await platform();
    const token = await issuer.sign(githubClaims, { kid: 'ec-1' });
    await exchange(token);
    await assert.rejects(exchange(token), refusal(/shown before/));
    const [head, payload, signature = ''] = token.split('.');
    // ECDSA: (r, n - s) verifies as well as (r, s).
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const bytes = Buffer.from(signature, 'base64url');
    const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')]);
    const text = `${head}.${payload}.${twin.toString('base64url')}`;
    await assert.rejects(exchange(text), refusal(/shown before/));
    const bare = await issuer.sign({ ...githubClaims, jti: undefined } as never);
    await exchange(bare);
    await assert.rejects(exchange(bare), refusal(/shown before/));
    const both = await issuer.sign(githubClaims);
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => exchange(both)));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  });

  it('an issuer may be one whose tokens are shown again (Kubernetes), when an administrator says so', async () => {
    await platform({ issuer: { reuse: true } });
    const token = await issuer.sign(githubClaims);
    await exchange(token);
    await exchange(token);
  });

  it('no text is a token: empty parts, no JSON, too long, seven parts', async () => {
    await platform();
    for (const text of ['', '.', '..', 'a.b.c', `${part({})}.${part({})}.x`, 'x'.repeat(20_000), 'a.b.c.d.e.f.g']) {
      await assert.rejects(exchange(text), refusal(/./), text.slice(0, 20));
    }
    const [head, payload, signature] = (await issuer.sign(githubClaims)).split('.');
    await assert.rejects(exchange(`${head}.${payload}.${signature}.x`), refusal(/./));
    await assert.rejects(
      exchange(await issuer.sign(githubClaims, { header: { typ: 'logout+jwt' } })),
      refusal(/not a JWT/),
    );
    // RFC 7515 section 4.1.11: what a header says must be understood, and is not, is refused, however well it is signed.
    const signed = `${part({ alg: 'RS256', kid: 'rsa-1', crit: ['exp'], exp: 1 })}.${payload}`;
    const own = sign('sha256', Buffer.from(signed), issuer.keys[0]?.privateKey as never).toString('base64url');
    await assert.rejects(exchange(`${signed}.${own}`), refusal(/./));
  });
});

describe('an issuer that is away, slow or hostile: nobody is believed', () => {
  const unavailable = (why: RegExp) => (error: unknown) => {
    const { code, params } = error as { code: string; params: { why: string } };
    assert.equal(code, 'access.issuer-unavailable');
    assert.match(params.why, why);
    return true;
  };

  it('answers that are no keys, of another issuer, at another host, too large, too many, redirected', async () => {
    const discovery = '/.well-known/openid-configuration';
    const spoiled: [string, string, RegExp][] = [
      [discovery, '{"issuer":"https://evil.example"}', /another issuer/],
      [discovery, JSON.stringify({ issuer: issuer.url }), /no address of keys/],
      [discovery, JSON.stringify({ issuer: issuer.url, jwks_uri: `${other.url}/keys` }), /another host/],
      [discovery, JSON.stringify({ issuer: issuer.url, jwks_uri: issuer.url.replace('https', 'http') }), /not https/],
      [discovery, `{"issuer":"${'x'.repeat(70_000)}"}`, /more than 65536 bytes/],
      [discovery, 'null', /another issuer/],
      ['/keys', `{"keys":[],"pad":"${'x'.repeat(300_000)}"}`, /more than 262144 bytes/],
      ['/keys', JSON.stringify({ keys: Array.from({ length: 101 }, () => ({ kty: 'RSA' })) }), /more than 100 keys/],
      ['/keys', '<html>', /no JSON/],
      ['/keys', '[]', /no set of keys/],
    ];
    for (const [path, text, why] of spoiled) {
      await platform();
      issuer.spoil.set(path, text);
      await assert.rejects(exchange(await issuer.sign(githubClaims)), unavailable(why), text.slice(0, 60));
    }
    for (const to of [`${other.url}/keys`, `${issuer.url}/keys`, 'http://169.254.169.254/latest/meta-data/']) {
      await platform();
      issuer.redirect.set('/keys', to);
      await assert.rejects(exchange(await issuer.sign(githubClaims)), unavailable(/redirects are not followed/));
    }
    assert.deepEqual(other.asked, []);
  });

  it('a secret key in its set never verifies anything', async () => {
    await platform();
    const k = Buffer.alloc(32, 7).toString('base64url');
    issuer.spoil.set('/keys', JSON.stringify({ keys: [{ kty: 'oct', k, kid: 'rsa-1', alg: 'HS256' }] }));
    const [, payload] = (await issuer.sign(githubClaims)).split('.');
    const signed = `${part({ alg: 'HS256', kid: 'rsa-1' })}.${payload}`;
    const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(signed).digest('base64url');
    await assert.rejects(exchange(`${signed}.${mac}`), refusal(/./));
  });

  it('SSRF: loopback, private and link-local addresses only where an administrator allowed the network', async () => {
    for (const address of [
      '127.0.0.1',
      '[::1]',
      '10.0.0.1',
      '169.254.169.254',
      '192.168.1.1',
      '[fe80::1]',
      '0.0.0.0',
    ]) {
      await platform({ issuer: { networks: [], url: `https://${address}:9` } });
      const now = Math.floor(Date.now() / 1000);
      const token = await issuer.sign({ ...githubClaims, iss: `https://${address}:9`, iat: now });
      await assert.rejects(exchange(token), unavailable(/not of the public Internet/), address);
    }
    await platform({ issuer: { networks: [] } });
    await assert.rejects(exchange(await issuer.sign(githubClaims)), unavailable(/not of the public Internet/));
    assert.deepEqual(issuer.asked, []);
    await platform({ issuer: { networks: [], url: 'https://localhost:9' } });
    const named = await issuer.sign({ ...githubClaims, iss: 'https://localhost:9' });
    await assert.rejects(exchange(named), unavailable(/not of the public Internet/));
  });

  it('a certificate of an authority that is not the issuer’s', async () => {
    await platform({ issuer: { caPem: null } });
    await assert.rejects(exchange(await issuer.sign(githubClaims)), unavailable(/certificate/i));
  });

  it('slow: given up in time, one question for many tokens, and none again for a while', async (t) => {
    await platform();
    // The wait itself is real; the issuer never answers.
    issuer.spoil.set('/keys', () => new Promise<string>(() => undefined));
    const tokens = await Promise.all(Array.from({ length: 5 }, () => issuer.sign(githubClaims)));
    const started = performance.now();
    const results = await Promise.allSettled(tokens.map(exchange));
    const tookMs = performance.now() - started;
    t.diagnostic(`${Math.round(tookMs)} ms`);
    assert.ok(tookMs >= 490 && tookMs < 1_500, `${tookMs} ms`);
    for (const result of results) {
      assert.ok(result.status === 'rejected' && unavailable(/within 500 ms|a moment ago/)(result.reason));
    }
    assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/keys']);
    issuer.spoil.clear();
    await assert.rejects(exchange(tokens[0] ?? ''), unavailable(/a moment ago/));
    offsetMs += 31_000;
    await exchange(tokens[0] ?? '');
  });
});

describe('trust rules', () => {
  it('V7: exactly the documented match', () => {
    const table: [string, string, boolean][] = [
      ['repo:acme/shop:ref:refs/heads/main', 'repo:acme/shop:ref:refs/heads/main', true],
      ['repo:acme/shop:ref:refs/heads/main', 'repo:acme/shop:ref:refs/heads/main2', false],
      ['repo:acme/shop:ref:refs/heads/main', 'xrepo:acme/shop:ref:refs/heads/main', false],
      ['repo:acme/shop:ref:refs/heads/main', 'repo:Acme/shop:ref:refs/heads/main', false],
      ['repo:acme/shop:ref:refs/heads/main', 'repo:acme/shop:ref:refs/heads/main\n', false],
      ['repo:acme/*:ref:refs/heads/main', 'repo:acme/shop:ref:refs/heads/main', true],
      ['repo:acme/*:ref:refs/heads/main', 'repo:acme/:ref:refs/heads/main', false],
      ['repo:acme/*:ref:refs/heads/main', 'repo:acme-evil/shop:ref:refs/heads/main', false],
      ['repo:acme/*:ref:refs/heads/main', 'repo:acme/shop:pull_request:ref:refs/heads/main', false],
      ['repo:acme/*', 'repo:acme/shop:pull_request', false],
      ['repo:acme/shop:ref:refs/tags/v*', 'repo:acme/shop:ref:refs/tags/v1.2', true],
      ['repo:acme/shop:ref:refs/tags/v*', 'repo:acme/shop:ref:refs/tags/v', false],
      ['repo:acme/shop:ref:refs/tags/v*', 'repo:acme/shop:ref:refs/tags/v1/x', false],
      ['system:serviceaccount:ci:*', 'system:serviceaccount:ci:builder', true],
      ['system:serviceaccount:ci:*', 'system:serviceaccount:ci2:builder', false],
      ['a.b/c.d/*', 'axb/c.d/e', false],
    ];
    for (const [value, sub, expected] of table) {
      assert.equal(matchClaims([{ claim: 'sub', value }], { sub }), expected, `${value} ${sub}`);
    }
    assert.equal(matchClaims([], { sub: 'x' }), false);
    assert.equal(matchClaims([{ claim: 'sub', value: 'a' }], { sub: ['a'] }), false);
    assert.equal(matchClaims([{ claim: 'toString', value: 'a' }], {}), false);
    assert.equal(matchClaims([{ claim: '/a/b', value: 'x' }], { a: { b: 'x' } }), true);
    const all = [
      { claim: 'sub', value: 'a' },
      { claim: 'ref', value: 'b' },
    ];
    assert.equal(matchClaims(all, { sub: 'a' }), false);
    assert.equal(matchClaims(all, { sub: 'a', ref: 'b' }), true);
  });

  it('a rule that would believe everybody, or a stranger, is refused when it is written', () => {
    for (const claims of [
      [],
      [{ claim: 'iss', value: 'https://issuer' }],
      [{ claim: 'aud', value: 'darsena' }],
      [{ claim: 'ref', value: 'refs/heads/main' }],
      [{ claim: 'environment', value: 'prod' }],
      [{ claim: 'sub', value: '*' }],
      [{ claim: 'sub', value: '**' }],
      [{ claim: 'sub', value: 'repo:*' }],
      [{ claim: 'sub', value: 'repo:*/shop:ref:refs/heads/main' }],
      [{ claim: 'sub', value: 'repo:acme*' }],
      [{ claim: 'sub', value: 'repo:acme*/shop:ref:refs/heads/main' }],
      [{ claim: 'sub', value: 'repo:acme/sh*:ref:refs/heads/main' }],
      [{ claim: 'sub', value: '*:ref:refs/heads/main' }],
      [{ claim: 'sub', value: 'system:serviceaccount:*:deployer' }],
      [{ claim: 'repository_owner', value: 'acme*' }],
      [{ claim: 'sub', value: '' }],
      [
        { claim: 'sub', value: 'a' },
        { claim: 'sub', value: 'b' },
      ],
    ]) {
      assert.throws(() => requireClaims(claims), { code: 'access.trust-invalid' }, JSON.stringify(claims));
    }
    requireClaims([{ claim: 'sub', value: 'repo:acme/*:ref:refs/heads/main' }]);
    requireClaims([
      { claim: 'repository_id', value: '101' },
      { claim: 'ref', value: 'refs/heads/release-*' },
    ]);
  });

  it('nobody gives a workload more than they hold, and nothing outside the project', async () => {
    await platform();
    const ana: Principal = {
      id: 'ana',
      actor: 'user:ana',
      kind: 'user',
      name: 'ana',
      grants: [{ role: 'developer', project: 'tienda' }],
      tokenId: null,
    };
    const rule = { name: 'x', issuer: 'github', claims: [{ claim: 'sub', value: 'a' }], minutes: 5, repositories: [] };
    await assert.rejects(identity.addRule({ ...rule, project: 'tienda', rights: ['deleter'] }, ana), {
      code: 'access.grant-too-wide',
    });
    await assert.rejects(identity.addRule({ ...rule, project: 'banco', rights: ['puller'] }, ana), {
      code: 'access.grant-too-wide',
    });
    await assert.rejects(identity.addRule({ ...rule, project: 'tienda', rights: ['admin'] }, admin), {
      code: 'access.rights-invalid',
    });
    for (const repository of ['../banco/web', '/banco', 'web\0', 'WEB', '']) {
      const asked = { ...rule, project: 'tienda', rights: ['puller'], repositories: [repository] };
      await assert.rejects(identity.addRule(asked, admin), { code: 'access.rights-invalid' }, repository);
    }
    await assert.rejects(identity.addRule({ ...rule, project: 'tienda', rights: ['puller'], minutes: 16 }, admin), {
      code: 'access.trust-invalid',
    });
  });

  it('W3: with the rule, or its issuer, its tokens end at once', async () => {
    for (const end of [
      () => identity.removeRule('tienda', 'ci', 'user:root'),
      () => identity.removeIssuer('github', 'user:root'),
    ]) {
      await platform();
      const issued = await exchange(await issuer.sign(githubClaims));
      const principal = await access.authenticate(issued.secret);
      let told = 0;
      const started = performance.now();
      const gone = new Promise<void>((resolve) => {
        access.watch(principal, (now) => {
          if (now !== null) return;
          told = performance.now() - started;
          resolve();
        });
      });
      await end();
      assert.equal(await access.current(principal), null);
      await assert.rejects(access.authenticate(issued.secret), { code: 'access.token-invalid' });
      await gone;
      assert.ok(told < 1_000, `${told} ms`);
      await assert.rejects(exchange(await issuer.sign(githubClaims)), refusal(/no trust rule|no issuer/));
    }
  });
});

describe('the token as a password (user oidc)', () => {
  const signIn = (secret: string, source: string, name = 'oidc') =>
    signInClient({ access, identity }, { name, secret, source });

  it('stands for itself from the address of its first use, and nowhere else', async () => {
    await platform();
    const token = await issuer.sign(githubClaims);
    const first = await signIn(token, '192.0.2.1');
    assert.equal(first.actor, 'workload:tienda/ci');
    assert.equal((await signIn(token, '192.0.2.1')).tokenId, first.tokenId);
    await assert.rejects(signIn(token, '192.0.2.2'), refusal(/shown before/));
    await assert.rejects(exchange(token), refusal(/shown before/));
    await identity.removeRule('tienda', 'ci', 'user:root');
    await assert.rejects(signIn(token, '192.0.2.1'), { kind: 'unauthenticated' });
  });

  it('a refusal is in the audit with what was claimed and from where, without the token; a flood does not fill it', async () => {
    await platform();
    const token = await issuer.sign({ ...githubClaims, sub: 'repo:evil/shop:ref:refs/heads/main' });
    await assert.rejects(identity.exchange(token, { project: null, source: '192.0.2.9' }), refusal(/no trust rule/));
    for (let n = 0; n < 100; n++) await assert.rejects(signIn('eyJh.eyJh.eyJh', '192.0.2.9'), refusal(/JWT/));
    await journal.settled();
    const facts = await journal.query({ projects: '*', kinds: ['identity.refused'], limit: 200 });
    const first = facts.find(({ body }) => (body as { claimedSub: string | null }).claimedSub !== null);
    assert.ok(first);
    assert.equal(first.actor, 'anonymous');
    const { why, claimedSub, source } = first.body as { why: string; claimedSub: string; source: string };
    assert.match(why, /no trust rule/);
    assert.deepEqual([claimedSub, source], ['repo:evil/shop:ref:refs/heads/main', '192.0.2.9']);
    assert.ok(!JSON.stringify(facts).includes(token.slice(-40)));
    assert.ok(facts.length <= 70, String(facts.length));
  });

  it('ends after its minutes, and a token that was exchanged is no password', async () => {
    await platform({ rule: { minutes: 1 } });
    const token = await issuer.sign(githubClaims);
    await signIn(token, '192.0.2.1');
    offsetMs = 61_000;
    await assert.rejects(signIn(token, '192.0.2.1'), { kind: 'unauthenticated' });
    const exchanged = await issuer.sign({ ...githubClaims, iat: Math.floor(Date.now() / 1000) });
    await exchange(exchanged);
    await assert.rejects(signIn(exchanged, '192.0.2.1'), refusal(/shown before/));
    await assert.rejects(signIn(await issuer.sign(githubClaims), '192.0.2.1', 'ana'), {
      code: 'access.credentials-wrong',
    });
  });
});
