import { test } from 'node:test';
import { missingParts, openGround } from './deploy-ground.ts';
import { CASES, checkMatrix, seededCase } from './network-matrix.ts';
import { missingRootlessParts, runAsAccount } from './rootless-ground.ts';

const WHOLE = process.env['DARSENA_SOAK'] === '1';
const SEED = Number(process.env['DARSENA_SEED'] ?? 2026);
const SEEDED = WHOLE ? 60 : 2;
/** Of upstream's cases those that differ most from each other. */
const SLICE = ['PodSelector or NamespaceSelector', 'endPort'];

test('who reaches whom is what policies say: upstream’s cases and seeded ones, on real pods', {
  skip: missingParts() ?? false,
  timeout: WHOLE ? 1_800_000 : 300_000,
}, async (t) => {
  const ground = await openGround('pol');
  t.after(() => ground.close());
  const cases = WHOLE ? CASES : CASES.filter(([title]) => SLICE.includes(title));
  const seeded = Array.from({ length: SEEDED }, (_, index) => seededCase(SEED + index));
  const done = await checkMatrix(ground, [...cases, ...seeded], (text) => t.diagnostic(text));
  t.diagnostic(`${done.cases} cases, ${done.ways} ways asked`);
});

test('it is the same for an ordinary account', {
  skip: WHOLE
    ? ((await missingRootlessParts()) ?? false)
    : 'takes minutes: DARSENA_SOAK=1 (deploy-engines tries the heart of it)',
  timeout: 1_800_000,
}, async (t) => {
  const { results } = await runAsAccount(['matrix'], (text) => t.diagnostic(text));
  t.diagnostic(JSON.stringify(results));
});
