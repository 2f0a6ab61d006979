import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readlink, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { removeCutCopies } from '../../src/programs/setup/code.ts';
import { CODE_ROOT, instanceFiles, instanceFolders, readInstance } from '../../src/programs/setup/instance.ts';
import { runCommand } from '../../src/system/index.ts';
import { missingPart } from './faults-ground.ts';

// Several people at one machine: ups at the same moment, and questions at a terminal (`script` of util-linux gives one).

const ROOT = join(import.meta.dirname, '..', '..');
const PATH = process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin';
const skip = await missingPart();

suite('ups at the same moment, and questions', { skip, timeout: 300_000 }, () => {
  const [one, other, fresh] = ['a', 'b', 'c'].map((letter) => `${letter}${randomBytes(4).toString('hex')}`) as [
    string,
    string,
    string,
  ];
  let home: string;

  const darsena = (name: string, ...args: string[]) =>
    runCommand(join(ROOT, 'darsena'), [...args, '--instance', name], {
      timeoutMs: 240_000,
      cwd: '/',
      env: { PATH, HOME: home, LANG: 'C.UTF-8' },
    });
  const described = (name: string) => readInstance(instanceFiles(instanceFolders(name, 'root')).description);

  /** Runs a command at a terminal, and answers its first question. */
  async function atTerminal(
    args: readonly string[],
    question: RegExp,
    answer: string,
    more: Record<string, string> = {},
  ): Promise<{ code: number; said: string }> {
    const words = Object.fromEntries(args.map((word, index) => [`WORD_${index}`, word]));
    const line = `exec "$DARSENA" ${args.map((_, index) => `"$WORD_${index}"`).join(' ')}`;
    const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      cwd: '/',
      env: { PATH, HOME: home, LANG: 'C.UTF-8', TERM: 'xterm', ...words, DARSENA: join(ROOT, 'darsena'), ...more },
    });
    let said = '';
    let asked = false;
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk: string) => {
      said += chunk;
      if (asked || !question.test(said)) return;
      asked = true;
      child.stdin.write(`${answer}\r`);
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.ok(asked, said);
    return { code, said };
  }

  /** A dpkg-query that misses one package, and an apt-get that writes down what it is asked and does nothing. */
  async function toolsWithout(missing: string): Promise<{ PATH: string; asked: () => Promise<string> }> {
    const folder = join(home, `tools-${missing}`);
    const log = join(folder, 'asked');
    await mkdir(folder);
    const query = `#!/bin/sh\n/usr/bin/dpkg-query "$@" | grep -v '^${missing} '\n`;
    await writeFile(join(folder, 'dpkg-query'), query);
    await writeFile(join(folder, 'apt-get'), `#!/bin/sh\necho "$@" >>'${log}'\necho 'E: no network' >&2\nexit 100\n`);
    await writeFile(log, '');
    for (const tool of ['dpkg-query', 'apt-get']) await chmod(join(folder, tool), 0o755);
    return { PATH: `${folder}:${PATH}`, asked: () => readFile(log, 'utf8') };
  }

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'darsena-together-'));
  });
  after(async () => {
    for (const name of [one, other, fresh]) {
      if ((await described(name)) !== null) await darsena(name, 'down', '--purge', '--yes');
    }
    await rm(home, { recursive: true, force: true });
  });

  test('of two for one instance, one does it and the other says who; another instance gets ports of its own', async () => {
    const [first, second, third] = await Promise.all([
      darsena(one, 'up', '--yes', '--json'),
      darsena(one, 'up', '--yes', '--json'),
      darsena(other, 'up', '--yes', '--json'),
    ]);
    const done = [first, second].filter(({ code }) => code === 0);
    assert.ok(done.length >= 1, `${first.stderr}${second.stderr}`);
    for (const { code, stderr } of [first, second]) {
      if (code === 0) continue;
      assert.equal(code, 1);
      assert.match(stderr, /is being set up or taken down already\n.*process \d+ does it/);
    }
    assert.equal(third.code, 0, third.stderr);
    const [mine, theirs] = [await described(one), await described(other)];
    assert.ok(mine !== null && theirs !== null);
    const ports = [...Object.values(mine.ports), ...Object.values(theirs.ports)];
    assert.equal(new Set(ports).size, 8, ports.join(' '));
    for (const name of [one, other]) assert.equal((await darsena(name, 'status')).code, 0, name);
  });

  test('a copy of the code that one instance may run from is never taken away by another that copies the same', async () => {
    const folder = join(CODE_ROOT, `together-${randomBytes(4).toString('hex')}`);
    const code = join(ROOT, 'src', 'programs', 'setup', 'code.ts');
    const line = `const { installCode } = await import(process.argv[1]); await installCode(process.argv[2], process.argv[3]);`;
    const copying = [0, 300, 600].map(async (laterMs) => {
      await new Promise((resolve) => setTimeout(resolve, laterMs));
      const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', line, code, ROOT, folder];
      return await runCommand(process.execPath, args, { timeoutMs: 60_000 });
    });
    let isCopying = true;
    const all = Promise.all(copying).finally(() => {
      isCopying = false;
    });
    try {
      let wasThere = false;
      while (isCopying) {
        const isThere = existsSync(join(folder, '.darsena-code'));
        assert.ok(isThere || !wasThere, 'the finished copy vanished');
        wasThere = isThere;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      for (const { code: exit, stderr } of await all) assert.equal(exit, 0, stderr);
      assert.ok(wasThere);
    } finally {
      await all;
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('what a cut copy left is removed, and nothing of one that may be under way in another space of process numbers', async () => {
    const space = /\d+/.exec(await readlink('/proc/self/ns/pid'))?.[0] ?? '';
    const [cut, elsewhere, forgotten] = [`4194303-1-${space}`, '4194303-1-1', '4194303-2-1'].map((whose) =>
      join(CODE_ROOT, `.together.${whose}`),
    ) as [string, string, string];
    try {
      for (const path of [cut, elsewhere, forgotten]) await mkdir(path, { recursive: true });
      await utimes(forgotten, new Date(0), new Date(0));
      await removeCutCopies();
      assert.deepEqual([cut, elsewhere, forgotten].map(existsSync), [false, true, false]);
    } finally {
      for (const path of [cut, elsewhere, forgotten]) await rm(path, { recursive: true, force: true });
    }
  });

  test('deploy asks for a missing base image; no is exit 3, and nothing was begun', async () => {
    const { code, said } = await atTerminal(
      ['deploy', join(ROOT, 'examples', 'tienda'), '--instance', one],
      /\[y\/N\]/,
      'n',
    );
    assert.equal(code, 3, said);
    assert.match(said, /base/);
    const { stdout } = await darsena(one, 'base', 'list', '--json');
    assert.deepEqual((JSON.parse(stdout) as { items: unknown[] }).items, []);
    const { stdout: running } = await darsena(one, 'operation', 'list', '--json');
    assert.deepEqual((JSON.parse(running) as { items: unknown[] }).items, []);
  });

  test('two are taken down at the same moment', async () => {
    const downs = await Promise.all([one, other].map((name) => darsena(name, 'down', '--purge', '--yes')));
    for (const { code, stderr } of downs) assert.equal(code, 0, stderr);
  });

  test('up asks before it installs packages: no installs nothing and makes nothing', async () => {
    const tools = await toolsWithout('haproxy');
    const { code, said } = await atTerminal(['up', '--instance', fresh], /\[y\/N\]/, 'n', { PATH: tools.PATH });
    assert.equal(code, 3, said);
    assert.match(said, /Missing system packages: haproxy/);
    assert.match(said, /nothing was installed/);
    assert.equal(await tools.asked(), '');
    assert.equal(await described(fresh), null);
  });

  test('up asks in Spanish too; yes calls apt-get for exactly what is missing, and says its failure', async () => {
    const tools = await toolsWithout('mmdebstrap');
    const answered = await atTerminal(['up', '--instance', fresh], /\[s\/N\]/, 's', {
      PATH: tools.PATH,
      LANG: 'es_ES.UTF-8',
    });
    assert.equal(answered.code, 1, answered.said);
    assert.match(answered.said, /Faltan paquetes del sistema: mmdebstrap/);
    assert.match(answered.said, /E: no network/);
    assert.match(
      await tools.asked(),
      /^install --yes --no-install-recommends mmdebstrap\nupdate\ninstall .* mmdebstrap\n$/,
    );
    const { code, stderr } = await darsena(fresh, 'down', '--purge', '--yes');
    assert.equal(code, 0, stderr);
    assert.equal(await described(fresh), null);
  });
});
