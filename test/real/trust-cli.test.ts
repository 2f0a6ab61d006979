/**
 * The commands of trust, admit and respond against their real routes and stores, as a person types and reads them; only
 * the network between is left out. Needs nothing of the machine.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Command } from 'commander';
import { type ApiApp, createApi, PLATFORM } from '../../src/access/index.ts';
import { admitCommands } from '../../src/admit/commands.ts';
import {
  Admit,
  type AdmitTables,
  admitMigrations,
  NO_SCAN,
  NO_WORKLOAD,
  PRESETS_FOLDER,
  readPolicies,
  registerAdmitRoutes,
} from '../../src/admit/index.ts';
import { Journal, journalMigrations } from '../../src/journal/index.ts';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { createPrint } from '../../src/programs/cli/print.ts';
import { respondCommands } from '../../src/respond/commands.ts';
import {
  Casework,
  Respond,
  type RespondTables,
  readAlert,
  registerCaseworkRoutes,
  registerRespondRoutes,
  respondMigrations,
} from '../../src/respond/index.ts';
import {
  type CliProgram,
  Fault,
  type Language,
  newId,
  type OpenedDatabase,
  openDatabase,
  type Problem,
  ProblemReply,
  silentLog,
  systemClock,
} from '../../src/system/index.ts';
import { trustCommands } from '../../src/trust/commands.ts';
import { NO_SIGNATURES, registerTrustRoutes, Trust, type TrustTables, trustMigrations } from '../../src/trust/index.ts';
import { signCommands } from '../../src/trust/sign-commands.ts';

type Tables = TrustTables & AdmitTables & RespondTables;
const digest = digestOf(Buffer.from('image'));

describe('the commands of trust, policy and incident', () => {
  let opened: OpenedDatabase<Tables>;
  let app: ApiApp;
  let journal: Journal;
  let respond: Respond;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'trust-cli-'));
    const migrations = [...journalMigrations, ...trustMigrations, ...admitMigrations, ...respondMigrations];
    opened = await openDatabase<Tables>('sqlite::memory:', migrations);
    const checkpointKeyPem = generateKeyPairSync('ed25519').privateKey.export({
      format: 'pem',
      type: 'pkcs8',
    }) as string;
    const clock = systemClock;
    journal = new Journal({ db: opened.db as never, clock, log: silentLog, checkpointKeyPem, keyId: 'test' });
    const bundles: Uint8Array[] = [];
    const trust = new Trust({
      ...{ db: opened.db as never, journal, clock, masterKey: randomBytes(32) },
      signatures: {
        repositoriesOf: async () => ['tienda/web'],
        describe: async () => ({ mediaType: MEDIA_TYPE.manifest, digest, size: 5 }),
        signaturesOf: async (_repository, wanted) =>
          wanted === digest ? { ...NO_SIGNATURES, bundles } : NO_SIGNATURES,
        bundlesStating: async () => [],
        removeReferrer: async () => undefined,
        putSimpleSigning: async () => digest,
        putReferrer: async (_repository, referrer) => {
          bundles.push(referrer.blobs[1]?.bytes ?? new Uint8Array());
        },
      },
    });
    await trust.ensureKey('builder', ['provenance']);
    await trust.ensureKey('release', ['image']);
    const image = { digest, repository: 'tienda/web', predicate: {}, actor: 'user:ana' };
    await trust.sign({ ...image, use: 'image', key: 'release' });
    await trust.sign({ ...image, use: 'image', key: 'builder' });
    const key = await trust.ensureKey('control', ['scan', 'verdict']);
    const policies = await readPolicies(PRESETS_FOLDER);
    const admit = new Admit({ db: opened.db as never, journal, clock, policies, key });
    await admit.judge([
      {
        ...{ door: 'start', specHash: null, actor: 'user:ana', subject: 'tienda/dev/web' },
        admission: {
          image: { digest, repository: 'tienda/web', project: 'tienda', tags: [], ageDays: 0, sizeBytes: 1 },
          scan: NO_SCAN,
          signatures: {
            imageVerified: true,
            imageSigners: [],
            provenanceVerified: true,
            provenanceSigners: [],
            unmetDemands: [],
          },
          workload: NO_WORKLOAD,
          environment: { name: 'dev', class: 'development', runs: false },
          statements: [],
          documents: [],
        },
      },
    ]);
    await journal.settled();
    respond = new Respond({
      ...{ db: opened.db as never, journal, clock, log: silentLog },
      responder: { kill: async () => 'killed' },
    });
    app = createApi({ instance: 'test', log: silentLog, authenticate: async () => PLATFORM });
    registerTrustRoutes(app, trust);
    registerAdmitRoutes(app, admit, clock);
    registerRespondRoutes(app, respond);
    registerCaseworkRoutes(app, {
      ...{ respond, casework: new Casework({ db: opened.db as never, journal, clock }) },
      people: async () => ['ana'],
    });
    await respond.ingest(
      readAlert({
        ...{ id: newId(), at: new Date().toISOString(), kernelTimeNs: 1, rule: 'Terminal shell in container' },
        ...{ priority: 'notice', tags: ['shell'], output: 'A shell', outputFields: {} },
        container: {
          ...{ id: 'c'.repeat(64), name: 'web', project: 'tienda', environment: 'dev', workload: 'web', pod: 'web-1' },
          ...{ container: 'web', image: 'tienda/web', digest },
        },
        process: {
          ...{
            pid: 300,
            ppid: 200,
            name: 'sh',
            exe: '/bin/sh',
            cmdline: 'sh -c id\u001b[2J',
            cwd: '/',
            uid: 0,
            tty: 1,
          },
          startedAt: null,
        },
        ancestors: [{ pid: 200, name: 'conmon', exe: '/usr/bin/conmon', cmdline: 'conmon --api' }],
        source: { kind: 'rule', file: 'r.yaml', line: 1 },
      }),
      'host1',
    );
  });

  after(async () => {
    await app.close();
    await journal.close();
    await opened.close();
    await rm(folder, { recursive: true });
  });

  /** Runs one command line and answers what was printed and the exit code. */
  async function run(line: string, language: Language = 'en', json = false): Promise<{ text: string; code: number }> {
    let text = '';
    let code = 0;
    const target = {
      ...{ terminal: false, columns: 100, colour: false },
      write: (part: string) => {
        text += part;
      },
      writeError: (part: string) => {
        text += part;
      },
    };
    const call = async (method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown) => {
      const response = await app.inject({
        ...{ method, url: `/api/v1${path}` },
        headers: { authorization: 'Bearer x', 'accept-language': language },
        ...(body === undefined ? {} : { payload: body as object }),
      });
      if (response.statusCode >= 400) throw new ProblemReply(response.json<Problem>());
      return response.json();
    };
    const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
    const cli = {
      ...{ program, language, instance: 'test', signal: new AbortController().signal },
      t: (words: { en: string; es: string }) => words[language],
      output: { json, quiet: false, wide: true, terminal: false },
      api: {
        get: (path: string) => call('GET', path),
        post: (path: string, body: unknown) => call('POST', path, body),
        put: (path: string, body: unknown) => call('PUT', path, body),
      },
      print: createPrint(target, language, systemClock, () => ({ json, quiet: false, wide: true })),
      exit: (wanted: number) => {
        code = wanted;
      },
    } as unknown as CliProgram;
    for (const add of [trustCommands, signCommands, admitCommands, respondCommands]) add(cli);
    await program.parseAsync(line.split(' '), { from: 'user' });
    return { text, code };
  }

  it('shows whose signatures count and why another does not', async () => {
    assert.match((await run('trust keys')).text, /release +image +signs here +ecdsa-p256/);
    assert.match((await run('trust keys --pem')).text, /BEGIN PUBLIC KEY/);
    const { text, code } = await run(`trust verify tienda/web@${digest}`, 'es');
    assert.match(text, /cuenta +imagen: firma release/);
    assert.match(text, /no cuenta +builder es de confianza, pero no para image/);
    assert.equal(code, 0);
    const other = await run(`trust verify tienda/web@${digestOf(Buffer.from('x'))}`);
    assert.equal(other.code, 4);
  });

  it('makes a key, lets it be believed, signs with it and explains; the passphrase is nowhere to be seen', async () => {
    const secret = join(folder, 'passphrase');
    await writeFile(secret, 'correct horse battery\n', { mode: 0o600 });
    const name = join(folder, 'person');
    const made = await run(`key generate ${name} --passphrase-file ${secret}`);
    assert.match(made.text, /person\.key \(keep it secret\)/);
    assert.equal((await stat(`${name}.key`)).mode & 0o777, 0o600);
    await assert.rejects(run(`key generate ${name} --passphrase-file ${secret}`), Fault);
    assert.match((await run(`key public --key ${name}.key --passphrase-file ${secret}`)).text, /BEGIN PUBLIC KEY/);
    const image = `tienda/web@${digest}`;
    await assert.rejects(run(`sign ${image} --key ${name}.key --passphrase-file ${secret}`), ProblemReply);
    await run(`trust add person ${name}.pub --use image approval --repository tienda/**`);
    const signed = await run(`sign ${image} --key ${name}.key --passphrase-file ${secret}`);
    assert.match(signed.text, /is signed/);
    assert.match(
      (await run(`attest ${image} --type approval --comment ok --key ${name}.key --passphrase-file ${secret}`)).text,
      /is signed/,
    );
    const { text, code } = await run(`trust explain ${image}`, 'es');
    assert.match(text, /firma person: clave [0-9a-f]{16}/);
    assert.match(text, /aprobación, paquete Sigstore/);
    assert.match(text, /imagen: se pide 1 de cualquier firmante de confianza; firmaron person, release/);
    assert.equal(code, 0);
    for (const printed of [made.text, signed.text, text]) assert.equal(printed.includes('correct horse'), false);
  });

  it('checks, sets and shows a trust policy, and asks for two where it says two', async () => {
    const file = join(folder, 'policy.yaml');
    const rule = (count: number) =>
      `rules: [{ repositories: ["tienda/**"], image: { count: ${count}, of: [release, person, absent] } }]`;
    await writeFile(file, `version: 1\n${rule(4)}\n`);
    await assert.rejects(
      run(`trust policy check ${file}`),
      (error: unknown) => error instanceof Fault && /never be met/.test(error.message),
    );
    await writeFile(
      file,
      `version: 1\nsigners: [{ name: security, uses: [image], key: { file: person.pub } }]\n${rule(3)}\n`,
    );
    assert.match((await run(`trust policy check ${file}`)).text, /is right: 1 signers, 1 rules/);
    assert.match((await run('trust policy show')).text, /no policy was set/);
    assert.match((await run(`trust policy set ${file} --expected 0`, 'es')).text, /rige la política de confianza 1/);
    await assert.rejects(run(`trust policy set ${file} --expected 0`), ProblemReply);
    assert.match(
      (await run('trust policy show')).text,
      /security +image[\s\S]*tienda\/\*\*: image: 3 of release, person, absent/,
    );
    const verified = await run(`trust verify tienda/web@${digest}`);
    assert.deepEqual([verified.code, /do not stand/.test(verified.text)], [4, true]);
    const containers = join(folder, 'containers');
    await assert.rejects(
      run(`trust policy containers --to ${containers} --address no"address`),
      (error: unknown) => error instanceof Fault && error.code === 'trust.option',
    );
    const written = await run(
      `trust policy containers --to ${containers} --address registry.example:7443 --reject-others`,
    );
    assert.match(written.text, /policy\.json/);
    const policy = JSON.parse(await readFile(join(containers, 'policy.json'), 'utf8')) as {
      default: { type: string }[];
    };
    assert.deepEqual(policy.default, [{ type: 'reject' }]);
    await writeFile(file, 'version: 1\n');
    await run(`trust policy set ${file}`);
    await run('trust revoke person');
    assert.match(
      (await run(`trust explain tienda/web@${digest}`)).text,
      /does not count: person \([0-9a-f]{12}\) was revoked/,
    );
  });

  it('puts another key in the place of a revoked one, which stays revoked', async () => {
    await assert.rejects(run('trust rotate person'), ProblemReply);
    await assert.rejects(run('trust revoke release~0'), ProblemReply);
    const next = join(folder, 'next');
    await run(`key generate ${next} --passphrase-file ${join(folder, 'passphrase')}`);
    const { text } = await run(`trust rotate person ${next}.pub`, 'es');
    assert.match(text, /person es ahora otra clave[\s\S]*la anterior es person~[0-9a-f]{12}/);
    assert.match(
      (await run('trust keys')).text,
      /person +image[\s\S]*believed[\s\S]*person~[0-9a-f]{12}[^\n]* revoked/,
    );
  });

  it('lists, shows and checks policies', async () => {
    assert.match((await run('policy list', 'es')).text, /prod +1/);
    assert.match((await run('policy show prod')).text, /image-unsigned +refuses +no trusted signature/);
    assert.match((await run('policy show prod --source')).text, /^# A policy/);
    assert.match((await run(`policy check ${PRESETS_FOLDER}/dev.yaml`)).text, /dev\.yaml: policy dev 1 is right/);
    const broken = join(folder, 'broken.yaml');
    await writeFile(broken, 'name: x\n');
    await assert.rejects(run(`policy check ${broken}`), (error: unknown) => {
      return error instanceof Fault && error.code === 'admit.policy-invalid' && /broken\.yaml/.test(error.message);
    });
  });

  it('says what a policy holds against a manifest, and exits with 4', async () => {
    const manifest = join(folder, 'web.yaml');
    const spec = '{ hostNetwork: true, containers: [{ name: web, image: x }] }';
    await writeFile(manifest, `kind: Pod\nmetadata: { name: web }\nspec: ${spec}\n`);
    const refused = await run(`policy test ${manifest}`, 'es');
    assert.equal(refused.code, 4);
    assert.match(refused.text, /Pod web: rechazada\n {2}rechaza: el contenedor web se ejecuta como root/);
    assert.equal((await run(`policy test ${manifest} --policy dev`)).code, 0);
    assert.match(
      (await run(`policy test ${manifest} --policy ${PRESETS_FOLDER}/dev.yaml`, 'en', true)).text,
      /"decision": "warn"/,
    );
    await assert.rejects(run(`policy test ${manifest} --policy none`), (error: unknown) => error instanceof Fault);
  });

  it('tells an incident to a stranger, acts on it once, and closes it', async () => {
    assert.match((await run('incident list')).text, /1 +open +notice +Terminal shell in container: tienda\/dev\/web/);
    const { text } = await run('incident show 1', 'es');
    for (const part of [
      /Incidente 1/,
      /abierto/,
      /veredicto/,
      /ALERTA/,
      /└─!300 uid 0 {2}sh -c id/,
      /respond 1 --kill/,
    ]) {
      assert.match(text, part);
    }
    assert.equal(text.includes('\u001b'), false);
    await assert.rejects(run('incident respond 1'), (error: unknown) => error instanceof Fault);
    assert.match((await run('incident ack 1')).text, /with platform/);
    const killed = await run('incident respond 1 --kill');
    assert.match(killed.text, /300 and all below them killed on host1/);
    assert.match((await run('incident close 1 --reason drill --decision test', 'es')).text, /incidente 1 cerrado/);
    assert.match((await run('incident list')).text, /no open incidents/);
    assert.match((await run('incident list --all', 'en', true)).text, /"state": "closed"/);
    await assert.rejects(run('incident close 1 --reason again'), (error: unknown) => error instanceof ProblemReply);
    if (process.env['SHOW'] !== undefined) process.stdout.write((await run('incident show 1', 'es')).text);
  });
});
