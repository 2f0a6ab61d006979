import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runConfined } from './confined.ts';
import { FRAME } from './frames.ts';
import { NO_CLAIM } from './layer.ts';
import type { ScanOrder } from './worker.ts';

test('a worker that has its answer early sets the source of the layer free', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-confined-'));
  t.after(() => rm(folder, { recursive: true }));
  const program = join(folder, 'worker.mjs');
  const answer = JSON.stringify({ kind: 'incomplete', code: 'tar.broken', message: 'no tar', layer: null });
  await writeFile(
    program,
    `const body = Buffer.from(${JSON.stringify(answer)});
     const head = Buffer.alloc(5);
     head[0] = ${FRAME.answer};
     head.writeUInt32BE(body.length, 1);
     process.stdout.write(Buffer.concat([head, body]));
     setInterval(() => undefined, 1000);`,
  );
  let isFree = false;
  const layer = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.alloc(64 * 1024);
    } finally {
      isFree = true;
    }
  };
  const order = { layers: [{ claim: NO_CLAIM, known: false }] } as unknown as ScanOrder;
  const said = await runConfined({ order, layers: [layer], onLayer: () => undefined }, { program, inflater: null });
  assert.equal(said.kind, 'incomplete');
  assert.ok(isFree, 'its source is held open');
});
