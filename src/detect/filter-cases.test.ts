/** Falco's own parser, compiler and evaluator cases, as data. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  type FieldType,
  type FieldValue,
  fieldArgument,
  fieldType,
  isManyValued,
  normalizeField,
} from '../events/index.ts';
import { checkFilter, compileFilters } from './compile.ts';
import type { Filter } from './filter-ast.ts';
import { parseFilter } from './filter-parser.ts';
import type { FieldSource } from './transforms.ts';

interface Case {
  readonly kind: 'parse' | 'compile' | 'mock-eval' | 'event-eval';
  readonly expr: string;
  readonly accept?: boolean;
  readonly expect_fail?: boolean;
  readonly result?: boolean;
}

const root = process.env['DARSENA_TEST_DATA'];
const file = root === undefined ? null : join(root, 'detection', 'filter-cases.ndjson.gz');
const skip = file === null || !existsSync(file) ? 'DARSENA_TEST_DATA is not set: no filter cases' : false;

function cases(kind: Case['kind']): Case[] {
  const lines = gunzipSync(readFileSync(file ?? ''))
    .toString('utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as Case).filter((one) => one.kind === kind);
}

/** The fields Falco's compiler tests make up, beside the real ones. */
const mock: Readonly<Record<string, { type: FieldType; value: FieldValue }>> = {
  'c.true': { type: 'text', value: '1' },
  'c.false': { type: 'text', value: '0' },
  'c.buffer': { type: 'bytes', value: '' },
  'c.singlequote': { type: 'text', value: "hello 'quoted'" },
  'c.doublequote': { type: 'text', value: 'hello "quoted"' },
};
const fields: FieldSource<null> = {
  normalize: normalizeField,
  type: (name) => mock[name]?.type ?? fieldType(name),
  argument: fieldArgument,
  isMany: isManyValued,
  reader: (name) => {
    const value = mock[name]?.value;
    return value === undefined ? undefined : () => value;
  },
};

function compiles(expression: string): ((event: null) => number[] | null) | string {
  try {
    const filter: Filter = parseFilter(expression);
    checkFilter(filter, fields);
    return compileFilters([filter], fields);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('the parser accepts and refuses what Falco accepts and refuses', { skip }, (t) => {
  const all = cases('parse');
  const wrong = all.filter((one) => {
    try {
      parseFilter(one.expr);
      return one.accept !== true;
    } catch {
      return one.accept === true;
    }
  });
  t.diagnostic(`${all.length - wrong.length} of ${all.length} parser cases`);
  assert.deepEqual(
    wrong.map((one) => one.expr),
    [],
  );
});

test('the compiler accepts and refuses what Falco accepts and refuses', { skip }, (t) => {
  const all = cases('compile');
  const wrong = all.filter((one) => (typeof compiles(one.expr) === 'string') !== (one.expect_fail === true));
  t.diagnostic(`${all.length - wrong.length} of ${all.length} compiler cases`);
  assert.deepEqual(
    wrong.map((one) => one.expr),
    [],
  );
});

test('conditions over made-up fields hold when Falco says so', { skip }, (t) => {
  const all = cases('mock-eval');
  const wrong = all.filter((one) => {
    const run = compiles(one.expr);
    return typeof run === 'string' || (run(null) !== null) !== one.result;
  });
  t.diagnostic(`${all.length - wrong.length} of ${all.length} evaluation cases`);
  assert.deepEqual(
    wrong.map((one) => one.expr),
    [],
  );
});
