import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Command } from 'commander';
import { accessFault, createApi } from '../access/index.ts';
import { digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { type CliProgram, type Problem, ProblemReply, silentLog } from '../system/index.ts';
import { registryCommands } from './commands.ts';
import { registerRegistryRoutes } from './routes.ts';
import { HELD, PEOPLE, startTestRegistry, type TestRegistry } from './test-registry.ts';

let server: TestRegistry;
let app: ReturnType<typeof createApi>;
let digest: string;

before(async () => {
  server = await startTestRegistry();
  app = createApi({
    instance: 'test',
    log: silentLog,
    authenticate: async (secret) => PEOPLE.get(secret) ?? Promise.reject(accessFault('access.token-invalid')),
  });
  registerRegistryRoutes(app, server.registry, {
    describe: async (images) => images.map(() => ({ scan: null, digest: 'never over the registry’s own' })),
  });
  const config = Buffer.from('{"os":"linux","architecture":"amd64","config":{"Cmd":["/web"]}}');
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
    layers: [],
  };
  await server.registry.putBlob('tienda/web', config, digestOf(config));
  const bytes = Buffer.from(JSON.stringify(manifest));
  digest = await server.registry.putManifest('tienda/web', bytes, MEDIA_TYPE.manifest, { tag: '1' });
});
after(async () => {
  await app.close();
  await server.close();
});
beforeEach(() => {
  server.fallback = { allow: true };
});

/** Runs a command line against the real routes; the frame of the CLI is a stand-in that collects what is said. */
async function run(...words: string[]): Promise<string> {
  const said: string[] = [];
  const ask = async <T>(method: 'GET' | 'DELETE', path: string): Promise<T> => {
    const headers = { authorization: 'Bearer ana' };
    const response = await app.inject({ method, url: `/api/v1${path}`, headers });
    if (response.statusCode >= 400) throw new ProblemReply(response.json() as Problem);
    return (response.body === '' ? undefined : response.json()) as T;
  };
  const say = (text: string | { en: string }): void => void said.push(typeof text === 'string' ? text : text.en);
  const cli = {
    program: new Command().exitOverride(),
    language: 'en',
    t: (text: { en: string }) => text.en,
    output: { json: false, quiet: false, wide: false, terminal: false },
    signal: new AbortController().signal,
    api: { get: (path: string) => ask('GET', path), delete: (path: string) => ask('DELETE', path) },
    print: {
      line: say,
      result: say,
      json: (value: unknown) => say(JSON.stringify(value)),
      age: () => '1 s',
      bytes: (size: number) => `${size} B`,
      colour: (_kind: string, text: string) => text,
      table: (columns: { value: (row: unknown) => string }[], rows: unknown[]) => {
        for (const row of rows) say(columns.map((column) => column.value(row)).join(' '));
      },
    },
  } as unknown as CliProgram;
  registryCommands(cli);
  await cli.program.parseAsync(words, { from: 'user' });
  return said.join('\n');
}

describe('darsena image', () => {
  it('list shows image, digest and state', async () => {
    const short = digest.slice(0, 'sha256:'.length + 12);
    assert.match(await run('image', 'list', 'tienda'), new RegExp(`^tienda/web:1 ${short} released`));
  });

  it('show takes a tag, a digest and the registry’s name before it', async () => {
    for (const name of ['tienda/web:1', `tienda/web@${digest}`, 'registry.darsena.internal/tienda/web:1']) {
      assert.match(await run('image', 'show', name), new RegExp(`tienda/web@${digest}\ntags: 1\nstate: released`));
    }
    await assert.rejects(run('image', 'show', 'web'), { code: 'registry.reference-incomplete' });
    await assert.rejects(run('image', 'show', 'docker.io/library/web'), { code: 'registry.reference-incomplete' });
    await assert.rejects(run('image', 'show', 'tienda/web:2'), ProblemReply);
  });

  it('wait ends when the image is released', async () => {
    server.fallback = HELD;
    setTimeout(() => {
      server.fallback = { allow: true };
    }, 200);
    const said = await run('image', 'wait', 'tienda/web:1');
    assert.match(said, /^tienda\/web:1 is in quarantine: not scanned yet\ntienda\/web:1 is released/);
  });

  it('wait fails as "refused by policy" (exit 4) with the reasons when the verdict is no', async () => {
    server.fallback = { ...HELD, settled: true };
    await assert.rejects(run('image', 'wait', 'tienda/web:1'), { kind: 'refused', message: /not scanned yet/ });
    server.fallback = HELD;
    await assert.rejects(run('image', 'wait', 'tienda/web:1', '--timeout', '0'), { code: 'registry.wait-too-long' });
  });

  it('delete removes the tag only, or with a digest the image', async () => {
    assert.equal(await run('image', 'delete', 'tienda/web:1', '--yes'), 'deleted tienda/web:1');
    assert.notEqual(await server.registry.resolve('tienda/web', digest), null);
    await run('image', 'delete', `tienda/web@${digest}`, '--yes');
    assert.equal(await server.registry.resolve('tienda/web', digest), null);
  });
});
