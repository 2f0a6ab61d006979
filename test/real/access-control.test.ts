import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { githubClaims, startTestIssuer, type TestIssuer } from '../../src/access/identity/test-issuer.ts';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { runCommand, systemClock } from '../../src/system/index.ts';
import { type Answer, LoneControl } from './access-ground.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PASSWORD = 'canary password 7731';
const hasPodman = has('podman') && process.getuid?.() === 0;

function has(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const config = Buffer.from('{}');
/** An artifact: it cannot run, so quarantine does not keep it from being read back here. */
const artifact = (name: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      artifactType: 'application/vnd.example.note',
      config: { mediaType: MEDIA_TYPE.empty, digest: digestOf(config), size: config.byteLength },
      layers: [{ mediaType: MEDIA_TYPE.empty, digest: digestOf(config), size: config.byteLength }],
      annotations: { name },
    }),
  );

describe('access at the real control', () => {
  let control: LoneControl;
  let issuer: TestIssuer;
  let root: string;
  let caFile: string;
  /** Everything secret that was ever shown; the last test looks for it where it must not be. */
  const secrets = new Map<string, string>();

  const robot = async (name: string, rights: string[], repositories: string[] = []): Promise<string> => {
    const made = await control.does('POST', '/api/v1/projects/tienda/robots', root, {
      name,
      rights,
      repositories,
      days: 1,
    });
    const { secret } = made.json<{ secret: string }>();
    secrets.set(`robot ${name}`, secret);
    return secret;
  };
  const person = async (name: string, role: string): Promise<{ session: string; password: string }> => {
    const grants = [{ role, project: 'tienda' }];
    const { code } = (await control.does('POST', '/api/v1/users', root, { name, grants })).json();
    const session = await control.login(code ?? '');
    const password = `${PASSWORD} ${name}`;
    await control.does('POST', '/api/v1/me/password', session, { password });
    secrets.set(`session ${name}`, session);
    secrets.set(`password ${name}`, password);
    return { session, password };
  };
  const registryToken = async (basic: readonly [string, string], scope: string): Promise<string> => {
    const answer = await control.ask('GET', `/v2/token?scope=${scope}&offline_token=true`, { basic });
    assert.equal(answer.status, 200, answer.text);
    const { token = '', refresh_token: refresh = '' } = answer.json();
    secrets.set(`registry token ${basic[0]} ${scope}`, token);
    secrets.set(`refresh token ${basic[0]} ${scope}`, refresh);
    return token;
  };
  const push = async (repository: string, tag: string, body: Buffer, asked: object): Promise<Answer> => {
    await control.ask('POST', `/v2/${repository}/blobs/uploads/?digest=${digestOf(config)}`, {
      ...asked,
      body: config,
      type: 'application/octet-stream',
    });
    return control.ask('PUT', `/v2/${repository}/manifests/${tag}`, { ...asked, body, type: MEDIA_TYPE.manifest });
  };

  before(async () => {
    control = await LoneControl.start();
    root = await control.administrator();
    secrets.set('session root', root);
    caFile = join(control.folder, 'ca.crt');
    await writeFile(caFile, control.caPem);
    const authority = createAuthority({ name: 'issuer CA', clock: systemClock });
    const issued = issueServerCertificate(authority, { names: [], addresses: ['127.0.0.1'] });
    issuer = await startTestIssuer({ key: issued.privateKeyPem, cert: issued.certificatePem });
    issuer.addKey('RS256', 'k1');
    await control.does('POST', '/api/v1/workload-identity/issuers', root, {
      name: 'forge',
      url: issuer.url,
      audience: 'darsena',
      caPem: authority.certificatePem,
      networks: ['127.0.0.0/8'],
    });
    await control.does('POST', '/api/v1/projects/tienda/trust-rules', root, {
      name: 'shop',
      issuer: 'forge',
      claims: [{ claim: 'sub', value: 'repo:acme/*:ref:refs/heads/main' }],
      rights: ['publisher'],
      repositories: ['shop'],
    });
  });
  after(async () => {
    await issuer?.close();
    await control?.stop();
  });

  it('R5: a robot that makes tags does not move them, one for other repositories has none here', async () => {
    const pusher = { basic: ['tienda+pusher', await robot('pusher', ['pusher'])] as const };
    const narrow = { basic: ['tienda+narrow', await robot('narrow', ['publisher'], ['other/*'])] as const };
    assert.equal((await push('tienda/web', 'latest', artifact('one'), pusher)).status, 201);
    const moved = await push('tienda/web', 'latest', artifact('two'), pusher);
    assert.equal(moved.status, 403);
    assert.equal(moved.json<{ errors: { code: string }[] }>().errors[0]?.code, 'DENIED');
    assert.equal((await push('tienda/web', 'mine', artifact('two'), narrow)).status, 403);
    assert.equal((await push('tienda/other/a', 'mine', artifact('two'), narrow)).status, 201);
    assert.equal((await push('tienda/other/a', 'mine', artifact('three'), narrow)).status, 201);
    // The same right at the REST road: about its own repositories, and about nothing else.
    const token = narrow.basic[1];
    for (const [query, status] of [
      ['?repository=tienda/other/a', 200],
      ['?repository=tienda/web', 403],
      ['?repository=tienda/other/a&repository=tienda/web', 403],
      ['', 403],
    ] as const) {
      const listed = await control.ask('GET', `/api/v1/projects/tienda/images${query}`, { token });
      assert.equal(listed.status, status, query);
    }
  });

  it('W3: every way to lose a right ends sessions, streams, transfers and registry tokens within a second', async (t) => {
    const scope = 'repository:tienda/web:pull,push';
    const measured: string[] = [];
    let slowest = 0;
    const ends = async (
      way: string,
      holder: { stream?: string; registry: readonly [string, string]; session?: string },
      end: () => Promise<unknown>,
    ): Promise<void> => {
      const token = await registryToken(holder.registry, scope);
      const basic = { basic: holder.registry };
      const list = (asked: object) => control.ask('GET', '/v2/tienda/web/tags/list', asked);
      assert.equal((await list({ token })).status, 200, way);
      assert.equal((await list(basic)).status, 200, way);
      const begun = await control.ask('POST', '/v2/tienda/web/blobs/uploads/', { token });
      const upload = control.stall(begun.headers.location ?? '', token);
      const stream =
        holder.stream === undefined ? null : await control.open('/api/v1/events', { token: holder.stream });
      assert.ok(stream === null || stream.status === 200, way);
      await new Promise((resolve) => setTimeout(resolve, 60));
      const started = performance.now();
      await end();
      const refused: Promise<number>[] = [upload];
      if (stream !== null) refused.push(stream.closed);
      const times = (await Promise.all(refused)).map((at) => at - started);
      assert.ok([401, 403].includes((await list({ token })).status), `${way}: registry token`);
      assert.ok([401, 403].includes((await list(basic)).status), `${way}: name and secret`);
      if (holder.session !== undefined) {
        const again = await control.ask('GET', '/api/v1/projects/tienda/images', { token: holder.session });
        assert.ok([401, 403].includes(again.status), `${way}: session ${again.status}`);
      }
      const took = Math.max(...times);
      slowest = Math.max(slowest, took);
      measured.push(`${way} ${took.toFixed(0)} ms`);
    };
    const people = async (name: string) => {
      const { session, password } = await person(name, 'developer');
      return { stream: session, session, registry: [name, password] as const };
    };
    const disabled = await people('uno');
    await ends('user disabled', disabled, () =>
      control.does('PUT', '/api/v1/users/uno/state', root, { state: 'disabled' }),
    );
    const removed = await people('dos');
    await ends('user removed', removed, () => control.does('DELETE', '/api/v1/users/dos', root));
    // Another session changes the password; the one that does keeps its own.
    const changing = await people('tres');
    const { code } = (await control.does('POST', '/api/v1/users/tres/code', root)).json();
    const other = await control.login(code ?? '');
    await ends('password changed', changing, () =>
      control.does('POST', '/api/v1/me/password', other, { password: 'another one 99', current: changing.registry[1] }),
    );
    const member = await people('cuatro');
    await ends('membership removed', { registry: member.registry, session: member.session }, () =>
      control.does('DELETE', '/api/v1/projects/tienda/members/cuatro', root),
    );
    const deleted = ['tienda+cinco', await robot('cinco', ['pusher'])] as const;
    await ends('robot deleted', { registry: deleted }, () =>
      control.does('DELETE', '/api/v1/projects/tienda/robots/cinco', root),
    );
    const rotated = ['tienda+seis', await robot('seis', ['pusher'])] as const;
    await ends('robot rotated', { registry: rotated }, async () => {
      const answer = await control.does('POST', '/api/v1/projects/tienda/robots/seis/rotate', root);
      secrets.set('rotated', answer.json()['secret'] ?? '');
    });
    const maker = await people('siete');
    const own = (
      await control.does('POST', '/api/v1/tokens', maker.session, {
        name: 'own',
        role: 'developer',
        project: 'tienda',
        days: 1,
      })
    ).json();
    secrets.set('own token', own['token'] ?? '');
    const owned = { registry: ['x', own['token'] ?? ''] as const, stream: own['token'] ?? '' };
    await ends('token revoked', owned, () => control.does('DELETE', `/api/v1/tokens/${own['id']}`, maker.session));
    const rule = { claims: [{ claim: 'sub', value: 'repo:acme/web:ref:refs/heads/main' }], rights: ['publisher'] };
    await control.does('POST', '/api/v1/projects/tienda/trust-rules', root, { name: 'web', issuer: 'forge', ...rule });
    const jwt = await issuer.sign({ ...githubClaims, sub: 'repo:acme/web:ref:refs/heads/main' });
    secrets.set('issuer token', jwt);
    const exchanged = await control.ask('POST', '/api/v1/workload-identity/token', {
      body: JSON.stringify({ subject_token: jwt, project: 'tienda' }),
    });
    assert.equal(exchanged.status, 200, exchanged.text);
    const workload = exchanged.json()['access_token'] ?? '';
    secrets.set('workload token', workload);
    await ends('trust rule removed', { registry: ['oidc', workload], stream: workload }, () =>
      control.does('DELETE', '/api/v1/projects/tienda/trust-rules/web', root),
    );
    t.diagnostic(measured.join(', '));
    assert.ok(slowest < 1_000, measured.join(', '));
  });

  it('W3: an open stream says nothing more of a project that its reader is no member of', async () => {
    const grants = [
      { role: 'developer', project: 'tienda' },
      { role: 'auditor', project: 'banco' },
    ];
    const { code } = (await control.does('POST', '/api/v1/users', root, { name: 'ocho', grants })).json();
    const session = await control.login(code ?? '');
    const stream = await control.open('/api/v1/events', { token: session });
    const hears = async (name: string): Promise<boolean> => {
      secrets.set(name, await robot(name, ['puller']));
      await new Promise((resolve) => setTimeout(resolve, 500));
      return stream.heard().includes(`robot:tienda/${name}`);
    };
    assert.equal(await hears('heard'), true);
    await control.does('DELETE', '/api/v1/projects/tienda/members/ocho', root);
    assert.equal(await hears('unheard'), false);
    await control.does('DELETE', '/api/v1/users/ocho', root);
    await stream.closed;
  });

  it('darsena login --oidc-token-file: a job gets a certificate that ends with its token', async () => {
    const file = join(control.folder, 'id-token');
    const token = await issuer.sign({ ...githubClaims, sub: 'repo:acme/shop:ref:refs/heads/main' });
    secrets.set('issuer token of the job', token);
    await writeFile(file, token, { mode: 0o600 });
    const darsena = (...args: string[]) =>
      runCommand(process.execPath, [join(ROOT, 'src/programs/cli.ts'), ...args, '--instance', 'nobody-here'], {
        timeoutMs: 60_000,
        env: { PATH: process.env['PATH'] ?? '', HOME: control.folder, LANG: 'C.UTF-8' },
      });
    const login = () => darsena('login', '--url', control.url, '--ca', caFile, '--oidc-token-file', file);
    const first = await login();
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /logged in as tienda\/shop/);
    const listed = await darsena('robot', 'list', 'tienda');
    assert.equal(listed.code, 5, listed.stderr);
    const again = await login();
    assert.equal(again.code, 5, again.stderr);
    assert.match(again.stderr, /shown before/);
  });

  it('podman: login as a robot and as a workload, push, and be refused where there is no right', {
    skip: hasPodman ? false : 'needs podman and root',
  }, async () => {
    const work = join(control.folder, 'podman');
    await mkdir(join(work, 'certs'), { recursive: true });
    await writeFile(join(work, 'certs', 'ca.crt'), control.caPem);
    await writeFile(join(work, 'policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    await writeFile(
      join(work, 'containers.conf'),
      '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n[network]\nnetwork_backend="netavark"\n',
    );
    const env = { PATH: process.env['PATH'] ?? '', HOME: work, CONTAINERS_CONF: join(work, 'containers.conf') };
    const podman = (input: string, ...args: string[]) =>
      runCommand(
        'podman',
        ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs', ...args],
        { timeoutMs: 60_000, env, input },
      );
    const cert = `--cert-dir=${join(work, 'certs')}`;
    const login = async (user: string, secret: string): Promise<string> => {
      const auth = `--authfile=${join(work, `${user}.json`)}`;
      const done = await podman(secret, 'login', cert, auth, '-u', user, '--password-stdin', control.host);
      assert.equal(done.code, 0, done.stderr);
      return auth;
    };
    await writeFile(join(work, 'file'), 'content of a layer');
    await runCommand('tar', ['-C', work, '-cf', join(work, 'layer.tar'), 'file'], { timeoutMs: 30_000 });
    for (const message of ['one', 'two']) {
      const made = await podman('', 'import', '--message', message, join(work, 'layer.tar'), `localhost/${message}:1`);
      assert.equal(made.code, 0, made.stderr);
    }
    const send = (image: string, auth: string, to: string) =>
      podman('', 'push', cert, auth, `localhost/${image}:1`, `docker://${control.host}/${to}`);
    const asRobot = await login('tienda+podman', await robot('podman', ['pusher'], ['app']));
    const first = await send('one', asRobot, 'tienda/app:latest');
    assert.equal(first.code, 0, first.stderr);
    const moved = await send('two', asRobot, 'tienda/app:latest');
    assert.notEqual(moved.code, 0);
    assert.match(moved.stderr, /denied|may not move/i);
    assert.notEqual((await send('two', asRobot, 'tienda/elsewhere:1')).code, 0);

    const token = await issuer.sign({ ...githubClaims, sub: 'repo:acme/shop:ref:refs/heads/main' });
    secrets.set('issuer token of podman', token);
    const asWorkload = await login('oidc', token);
    for (const image of ['one', 'two']) {
      const sent = await send(image, asWorkload, 'tienda/shop:latest');
      assert.equal(sent.code, 0, sent.stderr);
    }
    assert.notEqual((await send('one', asWorkload, 'tienda/app:2')).code, 0);
    await podman('', 'rmi', '--all', '--force');
  });

  it('W5: no secret that was shown stands in the log, the audit, the database or a process’s arguments', async (t: TestContext) => {
    const facts = await control.does('GET', '/api/v1/audit/facts?limit=500', root);
    const places = new Map<string, string>([
      ['audit', facts.text],
      ['log', await readFile(control.log, 'latin1')],
      ['arguments', execFileSync('ps', ['-eo', 'args', '-ww']).toString()],
    ]);
    const data = join(control.folder, 'data', 'control');
    for (const name of await readdir(data)) {
      if (name.startsWith('darsena.db')) places.set(name, await readFile(join(data, name), 'latin1'));
    }
    for (const [what, secret] of secrets) {
      if (secret === '') continue;
      for (const [place, text] of places) assert.equal(text.includes(secret), false, `${what} in ${place}`);
    }
    t.diagnostic(`${secrets.size} secrets, ${places.size} places`);
    assert.ok(secrets.size >= 20);
  });
});
