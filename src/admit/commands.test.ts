import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import type { CliProgram, Json, Text } from '../system/index.ts';
import { admitCommands } from './commands.ts';

/** Runs a command line against given answers; the person at it answers every question alike. */
async function run(
  answers: Readonly<Record<string, Json>>,
  agrees: boolean,
  ...words: string[]
): Promise<{ said: string[]; sent: Json[] }> {
  const said: string[] = [];
  const sent: Json[] = [];
  const say = (text: string | Text): void => void said.push(typeof text === 'string' ? text : text.en);
  const cli = {
    program: new Command().exitOverride(),
    t: (text: Text) => text.en,
    output: { json: false },
    api: {
      get: async (path: string) => {
        assert.ok(answers[path] !== undefined, `nobody answers ${path}`);
        return answers[path];
      },
      post: async (path: string, body: Json) => {
        sent.push([path, body]);
        return answers[`POST ${path}`] ?? { name: 'team', revision: 2, state: 'active' };
      },
    },
    ask: {
      confirm: async (question: Text) => {
        say(question);
        return agrees;
      },
    },
    print: { line: say, result: say, colour: (_kind: string, text: string) => text },
  } as unknown as CliProgram;
  admitCommands(cli);
  await cli.program.parseAsync(words, { from: 'user' });
  return { said, sent };
}

const revision = (number: number, state: string, source: string): Json => ({
  ...{ name: 'team', revision: number, state, source, author: 'user:ana', approver: null },
  createdAt: '2026-11-23T10:00:00Z',
});

test('who approves a policy sees what it changes, and agrees to that text alone', async () => {
  const revisions = [revision(2, 'waiting', 'a\nnew\n'), revision(1, 'active', 'a\nold\n')];
  const answers = { '/policies/team/revisions': { items: revisions } };
  const yes = await run(answers, true, 'policy', 'approve', 'team');
  assert.match(yes.said.join('\n'), /asked for by user:ana.*what it changes:\n a\n-old\n\+new\nPut team 2 in force\?/);
  assert.deepEqual(yes.sent, [['/policies/team/approve', { revision: 2 }]]);
  const no = await run(answers, false, 'policy', 'approve', 'team');
  assert.deepEqual(no.sent, []);
  const rejected = await run(answers, true, 'policy', 'reject', 'team');
  assert.deepEqual(rejected.sent, [['/policies/team/reject', { revision: 2 }]]);
  const named = await run({}, false, 'policy', 'approve', 'team', '--revision', '2');
  assert.deepEqual([named.said.length, named.sent], [1, [['/policies/team/approve', { revision: 2 }]]]);
});

test('a revision that is no number agrees to nothing, and neither does one that nobody saw', async () => {
  for (const word of ['two', '0', '1.5', '']) {
    await assert.rejects(run({}, true, 'policy', 'approve', 'team', '--revision', word), {
      code: 'commander.invalidArgument',
    });
  }
  const path = '/policies/team/revisions';
  const none = await run({ [path]: { items: [revision(3, 'active', 'x\n')] } }, true, 'policy', 'approve', 'team');
  assert.deepEqual(none.sent, [['/policies/team/approve', { revision: 3 }]]);
  const hidden = { [path]: { items: [revision(2, 'waiting', 'a\n\u001b[30mb\n'), revision(1, 'active', 'a\n')] } };
  const said = (await run(hidden, false, 'policy', 'approve', 'team')).said.join('\n');
  assert.ok(said.includes('+�[30mb'), said);
});

test('a first text is shown whole, or beside that of the platform', async () => {
  const path = '/policies/team/revisions';
  const first = { [path]: { items: [revision(1, 'waiting', 'x\n')] } };
  const alone = await run({ ...first, '/policies': { items: [] } }, false, 'policy', 'approve', 'team');
  assert.match(alone.said.join('\n'), /none of that name yet:\n\+x\n/);
  const beside = { ...first, '/policies': { items: [{ name: 'team' }] }, '/policies/team': { source: 'w\n' } };
  assert.match((await run(beside, false, 'policy', 'diff', 'team')).said.join('\n'), /-w\n\+x$/);
  const none = { [path]: { items: [revision(1, 'active', 'x\n')] } };
  assert.match((await run(none, true, 'policy', 'diff', 'team')).said.join('\n'), /no text of team waits/);
});

test('who applies a policy is told what its author may not expect', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-policy-'));
  try {
    const file = join(folder, 'team.yaml');
    await writeFile(file, 'kind: ValidatingAdmissionPolicy\n');
    const warnings = [{ line: 3, column: 1, text: { en: 'no binding in the file names it', es: '' } }];
    const made = { ...(revision(2, 'waiting', '') as object), warnings } as unknown as Json;
    const { said } = await run({ 'POST /policies': made }, true, 'policy', 'apply', file);
    assert.deepEqual(said.slice(1), [
      'team.yaml:3 warning: no binding in the file names it',
      'somebody else: darsena policy approve team',
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
