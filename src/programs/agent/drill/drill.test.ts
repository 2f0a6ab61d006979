import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { RuleEngine } from '../../../detect/index.ts';
import { ACTS, driverOf } from './acts.ts';

const folder = join(import.meta.dirname, '..', '..', '..', '..', 'rules', 'detection');

test('every shipped rule that is on has its act in a drill, and no other has', () => {
  const files = readdirSync(folder).map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8') }));
  const on = RuleEngine.load(files).states.filter(({ offReason }) => offReason === null);
  assert.deepEqual(ACTS.map(({ rule }) => rule).sort(), on.map(({ rule }) => rule.name).sort());
});

test('the program that performs them is Perl, and speaks to addresses that are nobody’s only', () => {
  const driver = driverOf(ACTS);
  execFileSync('perl', ['-Mstrict', '-c', '-'], { input: driver, stdio: ['pipe', 'ignore', 'ignore'] });
  const addresses = [
    ...[...driver.matchAll(/\breach (\d+), (\d+), (\d+)/g)].map(([, ...parts]) => parts.join('.')),
    ...[...driver.matchAll(/\b(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d/g)].map(([, start]) => start),
  ];
  assert.ok(addresses.length >= 4);
  for (const address of addresses) assert.match(address ?? '', /^(?:192\.0\.2|169\.254\.169)$/);
});
