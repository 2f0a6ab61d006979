/**
 * The files of `darsena trust policy containers` in the hands of real Podman and Skopeo: an image signed in cosign's older
 * layout is accepted by its name, an unsigned one and one signed by another key are refused.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import type { Digest } from '../../src/oci/index.ts';
import { SECRET, startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';
import { type CommandResult, runCommand, systemClock } from '../../src/system/index.ts';
import {
  containersPolicy,
  generateKeyFile,
  type KeySigner,
  localSigner,
  openKeyFile,
  readTrustDocument,
  type Trust,
  writeSimpleSigning,
} from '../../src/trust/index.ts';
import { findNewPodman, findNewSkopeo, has, openTrust, putImage } from './trust-ground.ts';

const NAME = 'registry.darsena.internal';
const PASSPHRASE = 'correct horse';
const isRoot = process.getuid?.() === 0;

const work = await mkdtemp(join(tmpdir(), 'trust-podman-'));
const found = isRoot ? await findNewSkopeo(work) : { missing: 'needs root' };
const skopeo = 'command' in found ? found.command : [];

describe('Podman and Skopeo follow the generated policy', { skip: 'command' in found ? false : found.missing }, () => {
  let server: TestRegistry;
  let trust: Trust;
  let close: () => Promise<void>;
  let settings: string;
  let release: KeySigner;
  let security: KeySigner;
  let env: Record<string, string>;

  const signer = (): KeySigner =>
    localSigner(openKeyFile(generateKeyFile('ecdsa-p256', PASSPHRASE).privatePem, PASSPHRASE));

  const sign = async (by: KeySigner, repository: string, digest: Digest): Promise<void> => {
    const payload = writeSimpleSigning({ repository, digest });
    const signature = Buffer.from(await by.sign(payload)).toString('base64');
    await trust.attachSimple({ payload, signature }, { repository, digest }, 'user:ana');
  };

  /** Writes the policy for this trust document, where both programs look. */
  const usePolicy = async (text: string): Promise<readonly { en: string }[]> => {
    const keys = (await trust.keys()).map((key) => ({ ...key }));
    const options = { address: server.host, others: 'reject', now: new Date() } as const;
    const made = containersPolicy(readTrustDocument(text), keys, options);
    await writeFile(join(settings, 'policy.json'), JSON.stringify(made.policy));
    await writeFile(join(settings, 'registries.d/darsena.yaml'), made.registriesD);
    await writeFile(join(settings, 'registries.conf'), made.registriesConf);
    return made.notes;
  };

  const copy = (reference: string): Promise<CommandResult> =>
    runCommand(
      skopeo[0] ?? '',
      [
        ...skopeo.slice(1),
        'copy',
        '--remove-signatures',
        ...['--src-cert-dir', join(work, 'certs'), '--src-authfile', join(work, 'auth.json')],
        ...[`docker://${reference}`, `dir:${join(work, `out-${Math.random()}`)}`],
      ],
      { timeoutMs: 60_000, env },
    );

  before(async () => {
    const authority = createAuthority({ name: 'test CA', clock: systemClock });
    const issued = issueServerCertificate(authority, { names: [], addresses: ['127.0.0.1'] });
    await mkdir(join(work, 'certs'));
    settings = join(work, '.config/containers');
    await mkdir(join(settings, 'registries.d'), { recursive: true });
    await writeFile(join(work, 'certs/ca.crt'), authority.certificatePem);
    server = await startTestRegistry({ tls: { key: issued.privateKeyPem, cert: issued.certificatePem } });
    ({ trust, close } = await openTrust(server));
    [release, security] = [signer(), signer()];
    for (const [name, key] of [
      ['release', release],
      ['security', security],
    ] as const) {
      const repositories = ['tienda/**'];
      await trust.addPublicKey({ name, uses: ['image'], repositories, publicKeyPem: key.publicPem }, 'user:ana');
    }
    const auth = Buffer.from(`ana:${SECRET}`).toString('base64');
    await writeFile(join(work, 'auth.json'), JSON.stringify({ auths: { [server.host]: { auth }, [NAME]: { auth } } }));
    env = { PATH: process.env['PATH'] ?? '', HOME: work };
  });

  after(async () => {
    await close?.();
    await server?.close();
    await rm(work, { recursive: true, force: true });
  });

  it('an image that release signed is accepted by the registry’s name, an unsigned one is refused, and the address is no way around', async () => {
    await usePolicy('version: 1\nrules: [{ repositories: ["tienda/**"], image: { count: 1, of: [release] } }]');
    const signed = await putImage(server, 'tienda/web', 'signed');
    await sign(release, 'tienda/web', signed);
    const unsigned = await putImage(server, 'tienda/web', 'unsigned');
    const byName = await copy(`${NAME}/tienda/web:signed`);
    assert.equal(byName.code, 0, byName.stderr);
    for (const reference of [`${NAME}/tienda/web:unsigned`, `${server.host}/tienda/web@${unsigned}`]) {
      const refused = await copy(reference);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /signature was required|no signature exists|Source image rejected/);
    }
  });

  it('another key, and a signature that was copied from another repository, are refused', async () => {
    await usePolicy('version: 1\nrules: [{ repositories: ["tienda/**"], image: { count: 1, of: [release] } }]');
    const other = await putImage(server, 'tienda/web', 'other');
    await sign(security, 'tienda/web', other);
    assert.notEqual((await copy(`${NAME}/tienda/web:other`)).code, 0);
    const moved = await putImage(server, 'tienda/web', 'moved');
    await sign(release, 'tienda/web', moved);
    await putImage(server, 'tienda/copy', 'moved');
    const tag = `${moved.replace(':', '-')}.sig`;
    const signature = await server.registry.resolve('tienda/web', tag);
    assert.notEqual(signature, null);
    for (const layer of JSON.parse(Buffer.from(signature?.bytes ?? []).toString()).layers as { digest: Digest }[]) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of server.registry.openBlob(layer.digest)) chunks.push(chunk);
      await server.registry.putBlob('tienda/copy', Buffer.concat(chunks), layer.digest);
    }
    const config = (JSON.parse(Buffer.from(signature?.bytes ?? []).toString()) as { config: { digest: Digest } }).config
      .digest;
    const chunks: Uint8Array[] = [];
    for await (const chunk of server.registry.openBlob(config)) chunks.push(chunk);
    await server.registry.putBlob('tienda/copy', Buffer.concat(chunks), config);
    await server.registry.putManifest('tienda/copy', signature?.bytes ?? new Uint8Array(), signature?.mediaType ?? '', {
      tag,
    });
    const refused = await copy(`${NAME}/tienda/copy:moved`);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /identity|not accepted/i);
  });

  it('two of two are asked as two', async () => {
    await usePolicy(
      'version: 1\nrules: [{ repositories: ["tienda/**"], image: { count: 2, of: [release, security] } }]',
    );
    const digest = await putImage(server, 'tienda/web', 'two');
    await sign(release, 'tienda/web', digest);
    assert.notEqual((await copy(`${NAME}/tienda/web:two`)).code, 0);
    await sign(security, 'tienda/web', digest);
    const both = await copy(`${NAME}/tienda/web:two`);
    assert.equal(both.code, 0, both.stderr);
  });

  it('Podman 5 pulls what release signed, by name, and nothing unsigned, copied or of another key', async (t) => {
    if (process.env['DARSENA_SOAK'] === undefined) return t.skip('fetches fifty megabytes: DARSENA_SOAK=1');
    const podman = await findNewPodman(join(work, 'podman'));
    if ('missing' in podman) return t.skip(podman.missing);
    await usePolicy('version: 1\nrules: [{ repositories: ["tienda/**"], image: { count: 1, of: [release] } }]');
    for (const name of ['policy.json', 'registries.conf', 'registries.d/darsena.yaml'])
      await cp(join(settings, name), join(podman.root, 'etc/containers', name));
    await cp(join(work, 'certs'), join(podman.root, 'certs'), { recursive: true });
    await cp(join(work, 'auth.json'), join(podman.root, 'auth.json'));
    const pull = (reference: string): Promise<CommandResult> => {
      const from = ['pull', '--cert-dir', '/certs', '--authfile', '/auth.json', reference];
      const inside = { PATH: process.env['PATH'] ?? '', HOME: '/root', TMPDIR: '/tmp' };
      return runCommand(podman.command[0] ?? '', [...podman.command.slice(1), ...from], {
        timeoutMs: 60_000,
        env: inside,
      });
    };
    const signed = await putImage(server, 'tienda/web', 'five');
    await sign(release, 'tienda/web', signed);
    const pulled = await pull(`${NAME}/tienda/web:five`);
    assert.equal(pulled.code, 0, pulled.stderr);
    const strange = await putImage(server, 'tienda/web', 'five-strange');
    await sign(security, 'tienda/web', strange);
    await putImage(server, 'tienda/web', 'five-unsigned');
    for (const reference of [
      `${NAME}/tienda/web:five-strange`,
      `${NAME}/tienda/web:five-unsigned`,
      `${server.host}/tienda/web@${signed}`,
    ]) {
      const refused = await pull(reference);
      assert.notEqual(refused.code, 0, reference);
      assert.match(refused.stderr, /Source image rejected|signature was required/);
    }
  });

  it('podman refuses an unsigned image; where it was built without Sigstore, as in Debian 12, a signed one too', async (t) => {
    if (!has('podman')) return t.skip('podman is not installed');
    await usePolicy('version: 1\nrules: [{ repositories: ["tienda/**"], image: { count: 1, of: [release] } }]');
    const digest = await putImage(server, 'tienda/web', 'pulled');
    const store = ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'vfs'];
    const from = [
      '--cert-dir',
      join(work, 'certs'),
      '--authfile',
      join(work, 'auth.json'),
      `${NAME}/tienda/web:pulled`,
    ];
    const pull = () => runCommand('podman', [...store, 'pull', ...from], { timeoutMs: 60_000, env });
    const refused = await pull();
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /Source image rejected/);
    await sign(release, 'tienda/web', digest);
    const signed = await pull();
    if (/sigstore disabled/.test(signed.stderr)) t.diagnostic('this Podman was built without Sigstore: it refuses');
    else assert.equal(signed.code, 0, signed.stderr);
  });
});
