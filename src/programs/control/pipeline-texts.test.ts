import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reason, Verdict } from '../../admit/index.ts';
import type { WorkloadStatus } from '../../deploy/index.ts';
import { createHoldTeller, reasonTexts, refusal, showRefused } from './pipeline-texts.ts';

const warning = (rule: string, en: string, subject: string | null): Reason => ({
  ...{ rule, effect: 'warn', message: { en, es: en }, remedy: null, subject, exception: null },
});

test('what one rule says of several things or of several workloads is one line', () => {
  const lines = reasonTexts([
    warning('no-data', 'there was no advisory data: that nothing was found means nothing', 'api:debian'),
    warning('runtime', 'a program has a known vulnerability: CVE-1 (runc, vm)', null),
    warning('runtime', 'a program has a known vulnerability: CVE-2 (podman, vm)', null),
    warning('no-data', 'there was no advisory data: that nothing was found means nothing', 'web:debian'),
    warning('old', 'the scan is old', 'web'),
  ]).map(({ en }) => en);
  assert.deepEqual(lines, [
    'warns: there was no advisory data: that nothing was found means nothing [api, web]',
    'warns: a program has a known vulnerability: CVE-1 (runc, vm); CVE-2 (podman, vm)',
    'warns: the scan is old [web]',
  ]);
});

test('what is found in several workloads is said once, and a long list says how many more there are', () => {
  const found = (workload: string, n: number): Reason =>
    warning('cve', `a fix is out: CVE-${n}`, `${workload}:openssl`);
  const lines = reasonTexts([
    ...Array.from({ length: 16 }, (_, n) => found('web', n)),
    found('api', 3),
    found('api', 4),
  ]);
  assert.deepEqual(
    lines.map(({ es }) => es),
    [
      'advierte: a fix is out: CVE-0; CVE-1; CVE-2; CVE-5; CVE-6; CVE-7; CVE-8; CVE-9; CVE-10; CVE-11; CVE-12; CVE-13; y 2 más [web]',
      'advierte: a fix is out: CVE-3; CVE-4 [web, api]',
    ],
  );
});

test('a refusal says its ways out, a few of many, and none where there is none', () => {
  const refused = (remedies: readonly (string | null)[]) =>
    remedies.map(
      (remedy, at): Reason => ({
        ...warning(`rule-${at}`, 'it may not run', 'web'),
        ...{ effect: 'refuse', remedy: remedy === null ? null : { en: remedy, es: remedy } },
      }),
    );
  assert.equal(refusal('a', 'b', refused([null]), null).text('es').remedy, undefined);
  assert.equal(refusal('a', 'b', refused(['one', 'one', null]), 'darsena x').text('en').remedy, 'one; darsena x');
  const many = refusal('a', 'b', refused(Array.from({ length: 50 }, (_, at) => `way ${at}`)), null);
  assert.equal(many.text('en').remedy?.split('; ').length, 12);
});

test('the way out shows the image that was refused, whether or not this project built it, and no image where a host was', () => {
  const [good, bad] = [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`];
  const references = [`darsena.registry/tienda/web@${good}`, `darsena.registry/base/tools@${bad}`];
  const verdict = (digest: string, ...reasons: Reason[]): Verdict => ({ digest, reasons }) as unknown as Verdict;
  const refused = (rule: string): Reason => ({ ...warning(rule, 'it may not run', null), effect: 'refuse' });
  const allowed = verdict(good, warning('old', 'the scan is old', null));
  const show = (...verdicts: Verdict[]) => showRefused(references, verdicts);
  assert.equal(show(allowed, verdict(bad, refused('unsigned'))), `darsena image show base/tools@${bad}`);
  assert.equal(show(verdict(good, refused('host-runtime')), verdict(bad, refused('host-runtime'))), null);
  assert.equal(
    show(verdict(good, refused('host-runtime')), verdict(bad, refused('cve'))),
    `darsena image show base/tools@${bad}`,
  );
  assert.equal(show(allowed), null);
});

test('a roll-out tells what keeps it, once for each change, and nothing that ends it or holds anyway', () => {
  const holds = createHoldTeller(7);
  let seconds = 0;
  const say = (conditions: readonly (readonly [string, string])[], generation = 7): string[] =>
    holds(
      {
        key: { project: 'shop', environment: 'dev', name: 'web' },
        generation,
        conditions: conditions.map(([type, en]) => ({ type, since: '', text: { en, es: en } })),
      } as unknown as WorkloadStatus,
      ++seconds * 1_000,
    ).map(({ en }) => en);
  assert.deepEqual(say([]), []);
  assert.deepEqual(say([['not-enforced', 'no limits here']]), []);
  assert.deepEqual(say([['start-failed', 'no volume']], 6), [], 'of the former release');
  assert.deepEqual(say([['start-failed', 'no volume']]), ['no volume']);
  assert.deepEqual(say([['start-failed', 'no volume']]), []);
  assert.deepEqual(say([]), [], 'tried again');
  assert.deepEqual(say([['start-failed', 'no volume']]), [], 'failed as before');
  assert.deepEqual(say([['start-failed', 'start aee44fb595e5: no program']]), ['start aee44fb595e5: no program']);
  assert.deepEqual(say([['start-failed', 'start 1246eb0d8380: no program']]), [], 'another try');
  const crash = (inSeconds: number) => ['crash-loop', `ended with code 1; started anew in ${inSeconds} s`] as const;
  assert.deepEqual(say([crash(10)]), ['ended with code 1; started anew in 10 s']);
  assert.deepEqual(say([crash(7), ['cordoned', 'in maintenance']]), ['in maintenance']);
  assert.deepEqual(say([['start-failed', 'no volume']]), [], 'in turn with the other');
  for (let at = 0; at < 60; at++) assert.deepEqual(say([crash(40)]), []);
  assert.deepEqual(say([['start-failed', 'no volume']]), ['no volume'], 'after a time a change back is a change');
  assert.deepEqual(say([['rolled-back', 'the former one serves']]), []);
  assert.deepEqual(say([['engine-away', 'no engine']], 6), ['no engine'], 'that host says nothing newer');
});
