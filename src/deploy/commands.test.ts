import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import type { CliProgram, Json, Text } from '../system/index.ts';
import { deployCommands } from './commands.ts';

/** Runs a command line against given answers; the frame of the CLI is a stand-in that collects what is said and asked. */
async function run(
  answers: Readonly<Record<string, Json>>,
  ...words: string[]
): Promise<{ said: string; asked: string[] }> {
  const said: string[] = [];
  const asked: string[] = [];
  const ask = async (method: string, path: string): Promise<Json> => {
    asked.push(`${method} ${path}`);
    const answer = answers[path];
    assert.ok(answer !== undefined, `nobody answers ${path}`);
    return answer;
  };
  const say = (text: string | Text): void => void said.push(typeof text === 'string' ? text : text.en);
  const cli = {
    program: new Command().exitOverride(),
    language: 'en',
    t: (text: Text) => text.en,
    output: { json: false, quiet: false, wide: false, terminal: false },
    signal: new AbortController().signal,
    api: { get: (path: string) => ask('GET', path), post: (path: string) => ask('POST', path) },
    followOperation: async () => ({ result: null }),
    print: {
      ...{ line: say, result: say, note: say },
      age: () => '1 s',
      colour: (_kind: string, text: string) => text,
      table: (columns: { title: Text; value: (row: unknown) => string }[], rows: unknown[]) => {
        say(columns.map(({ title }) => title.en).join(' | '));
        for (const row of rows) say(columns.map((column) => column.value(row)).join(' | '));
      },
    },
  } as unknown as CliProgram;
  deployCommands(cli);
  await cli.program.parseAsync(words, { from: 'user' });
  return { said: said.join('\n'), asked };
}

const workload = (name: string, labels: Readonly<Record<string, string>>): Json => ({
  ...{
    project: 'tienda',
    environment: 'dev',
    name,
    phase: 'available',
    ready: 1,
    wanted: 1,
    release: 1,
    specHash: 's',
  },
  ...{ conditions: [], endpoints: [], labels, replicas: [] },
});

test('ps narrows by the labels of pods, as docker and podman write it', async () => {
  const answers = {
    '/workloads': {
      items: [
        workload('web', { app: 'web', tier: 'front' }),
        workload('api', { app: 'api', tier: '' }),
        workload('db', {}),
      ],
    },
    '/operations?state=running': { items: [] },
    '/projects': { items: [] },
  };
  const names = async (...filters: string[]): Promise<string[]> =>
    (await run(answers, 'ps', '-q', ...filters.flatMap((one) => ['-f', one]))).said.split('\n').filter(Boolean);
  assert.deepEqual(await names('label=tier'), ['tienda/web', 'tienda/api']);
  assert.deepEqual(await names('label=tier=front'), ['tienda/web']);
  assert.deepEqual(await names('label=tier='), ['tienda/api']);
  assert.deepEqual(await names('label=tier', 'label=app=api'), ['tienda/api']);
  assert.deepEqual(await names('label=constructor'), []);
  await assert.rejects(names('volume=x'), { code: 'deploy.name-invalid', message: /label=/ });
});

const release = (number: number, environment: string, why: Json = []): Json => ({
  ...{ number, environment, state: 'rolled-back', createdBy: 'user:ana', createdAt: '2026-11-23T10:00:00Z' },
  ...{ commit: null, change: null, digests: [], why },
});

test('rollback asks for an environment only where there are several, and takes the project of the folder', async (t) => {
  const project = (...names: string[]): Json => ({ environments: names.map((name) => ({ name })) });
  const back = { '/projects/tienda/environments/dev/rollback': { items: [release(1, 'dev')] } };
  const both = { ...back, '/projects/tienda/environments/prod/rollback': { items: [release(7, 'prod')] } };
  const one = { ...back, '/projects/tienda': project('dev') };
  const two = { ...both, '/projects/tienda': project('dev', 'prod') };
  assert.match((await run(one, 'rollback', 'tienda', '--list')).said, /^1 \| dev/m);
  assert.match((await run(two, 'rollback', 'tienda', '--list')).said, /^1 \| dev.*\n7 \| prod/m);
  assert.doesNotMatch((await run(two, 'rollback', 'tienda', '--list', '--env', 'prod')).said, /dev/);
  assert.deepEqual(
    (await run(one, 'rollback', 'tienda')).asked.at(-1),
    'POST /projects/tienda/environments/dev/rollback',
  );
  await assert.rejects(run(two, 'rollback', 'tienda'), { code: 'deploy.environment-unsaid', message: /tienda/ });
  const folder = await mkdtemp(join(tmpdir(), 'darsena-commands-'));
  const before = process.cwd();
  t.after(async () => {
    process.chdir(before);
    await rm(folder, { recursive: true });
  });
  process.chdir(folder);
  await assert.rejects(run(one, 'rollback', '--list'), { code: 'deploy.project-file-missing' });
  const text = 'project: tienda\nmanifests: [k8s]\nenvironments:\n  dev: { policy: dev }\n';
  await writeFile(join(folder, 'darsena.yaml'), text);
  assert.match((await run(one, 'rollback', '--list')).said, /^1 \| dev/m);
});

test('a release that went back is listed with its reasons', async () => {
  const why = [{ workload: 'web', text: { en: 'answered 503', es: 'respondió 503' } }];
  const answers = { '/projects/tienda/releases': { items: [release(2, 'dev', why), release(1, 'dev')] } };
  const { said } = await run(answers, 'release', 'list', 'tienda');
  assert.match(said, /\| why\n2 \| .*web: answered 503$/m);
});
