import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CALL,
  CONNECT,
  EXE_FLAG,
  EXEC,
  EXIT,
  FORK,
  HEADER,
  OPEN,
  RECORD,
  RECORD_FLAG,
  RECORD_TYPES_MAX,
} from './layout.ts';

const header = readFileSync(join(import.meta.dirname, '..', 'observe', 'bpf', 'record.h'), 'utf8');
const SIZES: Readonly<Record<string, number>> = { __u8: 1, char: 1, __u16: 2, __u32: 4, __s32: 4, __u64: 8, __s64: 8 };

/** Offsets of a C struct of these plain members, with natural alignment. */
function offsetsOf(struct: string): Record<string, number> {
  const body = new RegExp(`struct ${struct} \\{([^}]*)\\}`).exec(header)?.[1] ?? '';
  const offsets: Record<string, number> = {};
  let at = 0;
  for (const [, type = '', name = '', count] of body.matchAll(/^\s*(?:struct )?(\w+) (\w+)(?:\[(\d+)\])?;/gm)) {
    if (type === 'record_header') {
      at += HEADER.bytes;
      continue;
    }
    const size = SIZES[type] ?? Number.NaN;
    at = Math.ceil(at / size) * size;
    offsets[name] = at;
    at += size * Number(count ?? 1);
  }
  offsets['bytes'] = Math.ceil(at / 8) * 8;
  return offsets;
}

function valuesOf(name: string): Record<string, number> {
  const body = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(header)?.[1] ?? '';
  return Object.fromEntries([...body.matchAll(/(\w+) = (\d+)/g)].map(([, key = '', value]) => [key, Number(value)]));
}

test('both languages agree where each member of a record stands', () => {
  assert.deepEqual(offsetsOf('record_header'), HEADER);
  assert.deepEqual(offsetsOf('exec_record'), EXEC);
  assert.deepEqual(offsetsOf('fork_record'), FORK);
  assert.deepEqual(offsetsOf('exit_record'), EXIT);
  assert.deepEqual(offsetsOf('open_record'), OPEN);
  assert.deepEqual(offsetsOf('connect_record'), CONNECT);
  assert.deepEqual(offsetsOf('call_record'), CALL);
});

test('both languages number records and flags alike', () => {
  const types = valuesOf('record_type');
  for (const [name, number] of Object.entries(RECORD)) assert.equal(types[`RECORD_${name.toUpperCase()}`], number);
  assert.equal(types['RECORD_TYPES'], RECORD_TYPES_MAX);
  const flags = valuesOf('record_flag');
  assert.deepEqual(Object.values(flags), Object.values(RECORD_FLAG));
  assert.deepEqual(Object.values(valuesOf('exe_flag')), Object.values(EXE_FLAG));
});
