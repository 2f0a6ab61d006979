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
  manyKind,
  normalizeField,
} from '../events/index.ts';
import { checkFilter, compileFilters } from './compile.ts';
import type { Filter } from './filter-ast.ts';
import { parseFilter } from './filter-parser.ts';
import { type RecordedEvent, recordedFields } from './recorded-events.ts';
import type { FieldSource } from './transforms.ts';

interface Case {
  readonly file: string;
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
  many: manyKind,
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

/** The event that each file of Falco's tests makes before it asks; `exprs` picks among several of one file. */
const EVENTS: readonly { readonly file: string; readonly exprs?: RegExp; readonly event: RecordedEvent }[] = [
  {
    file: 'filter_transformer.ut.cpp',
    event: {
      'evt.num': 1,
      'fd.name': '/tmp/file_to_run',
      'fd.directory': '/tmp',
      'fd.types': ['file'],
      'proc.name': 'init',
    },
  },
  {
    file: 'filter_op_bytebuf.ut.cpp',
    event: { 'evt.buffer': 'hello' },
  },
  { file: 'filter_op_contains.ut.cpp', event: { 'evt.arg.flags': 'O_RDWR|O_CREAT', 'fd.name': '/tmp/file' } },
  {
    file: 'filter_op_net_compare.ut.cpp',
    exprs: /2001:4860|::1/,
    event: { 'fd.sip': '2001:4860:4860::8888', 'fd.cip': '::1' },
  },
  {
    file: 'filter_op_net_compare.ut.cpp',
    event: {
      'fd.lip': '142.251.111.147',
      'fd.cip': '172.40.111.222',
      'fd.sip': '142.251.111.147',
      'fd.rip': '172.40.111.222',
    },
  },
  {
    file: 'filter_op_numeric_compare.ut.cpp',
    event: { 'evt.cpu': 300, 'evt.rawarg.res': -22, 'fd.num': -1 },
  },
  { file: 'filter_op_pmatch.ut.cpp', event: { 'fd.name': '/opt/dir/subdir/term' } },
  {
    file: 'filterchecks/cmp_operator_modifiers.cpp',
    event: { 'proc.name': 'myexe' },
  },
  {
    file: 'filterchecks/evt/rawarg.cpp',
    event: { 'evt.rawarg.flags': 255, 'evt.rawarg.uid': 0, 'evt.rawarg.pgid': 0 },
  },
  {
    file: 'filterchecks/invalid_utf8.cpp',
    event: {
      'fd.name': '/p\udcff/q\udcff',
      'fd.filename': 'q\udcff',
      'fs.path.name': '/p\udcff/q\udcff',
      'proc.name': 'bad\udcff',
      'proc.exe': '/bin/bad\udcff',
    },
  },
  {
    file: 'filterchecks/proc.cpp',
    event: { 'proc.aname[1]': 'bash', 'proc.aname[2]': 'init', 'proc.name': 'good-exe' },
  },
  {
    file: 'filter_compiler.ut.cpp',
    event: {
      'evt.type': 'getcwd',
      'syscall.type': 'getcwd',
      'evt.source': 'syscall',
      'evt.arg.res': '12',
      'evt.arg[1]': '/test/dir',
      'sample.is_open': 0,
    },
  },
];

test('conditions over real fields hold when Falco says so', { skip }, (t) => {
  const all = cases('event-eval');
  const wrong = all.filter((one) => {
    const made = EVENTS.find(({ file: from, exprs }) => from === one.file && (exprs?.test(one.expr) ?? true));
    if (made === undefined) return true;
    const source = recordedFields([made.event]);
    try {
      const filter = parseFilter(one.expr);
      checkFilter(filter, source);
      return (compileFilters([filter], source)(made.event) !== null) !== one.result;
    } catch {
      return true;
    }
  });
  t.diagnostic(`${all.length - wrong.length} of ${all.length} evaluation cases`);
  assert.deepEqual(
    wrong.map((one) => one.expr),
    [],
  );
});
