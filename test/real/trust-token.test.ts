/** Keys that never leave a token: SoftHSM 2 through OpenSC's pkcs11-tool, and a program that stands for a key service. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOf } from '../../src/oci/index.ts';
import { Fault, runCommand, systemClock } from '../../src/system/index.ts';
import {
  defineSigner,
  generateKeyFile,
  isMet,
  type KeySigner,
  makeBundle,
  programSigner,
  readPublicKey,
  readTokenKey,
  tokenSigner,
  verifyImage,
} from '../../src/trust/index.ts';
import { has } from './trust-ground.ts';

const PIN = '648219';
const MODULE = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find(existsSync);
const missing =
  MODULE === undefined ? 'softhsm2 is not installed' : has('pkcs11-tool') ? false : 'opensc is not installed';

describe('signing keys elsewhere', { skip: missing }, () => {
  let work: string;
  const image = { digest: digestOf(Buffer.from('image')), repository: 'tienda/web' };

  const tool = async (...args: string[]): Promise<void> => {
    const result = await runCommand('pkcs11-tool', ['--module', MODULE ?? '', ...args], { timeoutMs: 30_000 });
    assert.equal(result.code, 0, result.stderr);
  };

  const counts = async (signer: KeySigner): Promise<boolean> => {
    const identity = { kind: 'key', publicKey: readPublicKey(signer.publicPem), trustedRoot: null } as const;
    const trust = {
      signers: [defineSigner({ name: 'hsm', uses: ['image'], identity })],
      repositoryBinding: 'required',
    } as const;
    return isMet(
      verifyImage({ ...image, bundles: [await makeBundle(signer, 'image', image, {})], trust, clock: systemClock }),
      'image',
    );
  };

  before(async () => {
    work = await mkdtemp(join(tmpdir(), 'trust-token-'));
    await mkdir(join(work, 'tokens'));
    await writeFile(join(work, 'softhsm2.conf'), `directories.tokendir = ${join(work, 'tokens')}\n`);
    process.env['SOFTHSM2_CONF'] = join(work, 'softhsm2.conf');
    await tool('--init-token', '--slot-index', '0', '--label', 'darsena', '--so-pin', '12345678');
    await tool(
      '--token-label',
      'darsena',
      '--init-pin',
      '--so-pin',
      '12345678',
      '--login',
      '--login-type',
      'so',
      '--pin',
      PIN,
    );
    const make = ['--token-label', 'darsena', '--login', '--pin', PIN, '--keypairgen', '--key-type', 'EC:prime256v1'];
    await tool(...make, '--label', 'release', '--id', '01');
  });

  after(async () => {
    delete process.env['SOFTHSM2_CONF'];
    await rm(work, { recursive: true, force: true });
  });

  it('a key in a token signs an image, and its signature counts', async () => {
    const key = readTokenKey(`pkcs11:token=darsena;object=release?module-path=${MODULE}`);
    assert.equal(await counts(await tokenSigner(key, PIN)), true);
  });

  it('a wrong PIN signs nothing and is not told', async () => {
    const key = readTokenKey(`pkcs11:token=darsena;object=release?module-path=${MODULE}`);
    const signer = await tokenSigner(key, '999999');
    await assert.rejects(
      signer.sign(Buffer.from('x')),
      (error: unknown) =>
        error instanceof Fault && error.code === 'trust.token-failed' && !JSON.stringify(error).includes('999999'),
    );
  });

  it('a PIN in the address itself is refused', () => {
    assert.throws(() => readTokenKey(`pkcs11:token=a;object=b?module-path=/m.so&pin-value=1234`), Fault);
    assert.throws(() => readTokenKey('pkcs11:token=a'), Fault);
  });

  it('a program that reaches a key service signs as well, and one that answers wrongly is found out', async () => {
    const { privatePem, publicPem } = generateKeyFile('ed25519', 'correct horse');
    await writeFile(join(work, 'kms.key'), privatePem, { mode: 0o600 });
    await writeFile(join(work, 'kms.pub'), publicPem);
    const index = new URL('../../src/trust/index.ts', import.meta.url).pathname;
    const script = (secret: string) => `#!${process.execPath}
      const { localSigner, openKeyFile } = await import(${JSON.stringify(index)});
      const { readFileSync } = await import('node:fs');
      if (process.argv[2] === 'public-key') process.stdout.write(readFileSync(${JSON.stringify(join(work, 'kms.pub'))}));
      else {
        const signer = localSigner(openKeyFile(readFileSync(${JSON.stringify(join(work, 'kms.key'))}, 'utf8'), 'correct horse'));
        process.stdout.write(Buffer.from(await signer.sign(Buffer.concat([readFileSync(0), Buffer.from(${JSON.stringify(secret)})]))).toString('base64'));
      }`;
    for (const [name, noise] of [
      ['good', ''],
      ['bad', 'x'],
    ] as const) {
      await writeFile(join(work, `${name}.mjs`), script(noise));
      await chmod(join(work, `${name}.mjs`), 0o700);
    }
    assert.equal(await counts(await programSigner(join(work, 'good.mjs'))), true);
    await assert.rejects((await programSigner(join(work, 'bad.mjs'))).sign(Buffer.from('data')), Fault);
  });
});
