import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NamedAddresses, NameWatch } from './name-watch.ts';

test('names are told by their addresses, one that has no answer holds nobody up, and those of before are forgotten', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let answers: Readonly<Record<string, readonly string[]>> = {
    'a.example': ['10.0.0.1', '2001:db8::1'],
    'b.example': ['10.0.0.1'],
  };
  const asked: string[] = [];
  const told: NamedAddresses[] = [];
  const watch = new NameWatch(
    async (name) => {
      asked.push(name);
      const found = answers[name];
      if (found === undefined) throw new Error('ENOTFOUND');
      return found;
    },
    (found) => told.push(found),
  );
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  watch.watch(['gone.example', 'a.example', 'b.example']);
  await settle();
  assert.deepEqual(
    new Map(told.at(-1)),
    new Map([
      ['10.0.0.1', ['a.example', 'b.example']],
      ['2001:db8::1', ['a.example']],
    ]),
  );

  watch.watch(['gone.example', 'a.example', 'b.example']);
  await settle();
  assert.equal(asked.length, 3, 'the same names are not asked anew');

  answers = { 'a.example': ['10.0.0.2'] };
  t.mock.timers.tick(5 * 60_000);
  await settle();
  assert.deepEqual(new Map(told.at(-1)).get('10.0.0.2'), ['a.example']);
  assert.deepEqual(
    new Map(told.at(-1)).get('10.0.0.1'),
    ['a.example', 'b.example'],
    'what was answered once is kept an hour',
  );

  t.mock.timers.tick(61 * 60_000);
  await settle();
  assert.equal(new Map(told.at(-1)).has('2001:db8::1'), false);

  watch.watch(['b.example']);
  await settle();
  watch.stop();
  assert.equal(new Map(told.at(-1)).has('10.0.0.2'), false);
});
