import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineFacts } from '../../src/deploy/engines/local/engine.ts';
import type { ConformanceResults } from '../../src/deploy/engines/local/test-conformance.ts';

/** What each engine was seen to keep; the manual's table is made of it. */
const RECORD = join(import.meta.dirname, '..', '..', 'docs', 'engines.json');

interface Recorded {
  readonly ground: string;
  readonly engine: string;
  readonly version: string;
  readonly cgroup: number;
  readonly results: ConformanceResults;
}

/** A record of this very engine on such a host must say the same; DARSENA_RECORD=1 writes it anew. */
export async function compareEngine(
  ground: string,
  facts: Pick<EngineFacts, 'name' | 'version' | 'cgroupVersion'>,
  results: ConformanceResults,
): Promise<void> {
  const found: Recorded = {
    ...{ ground, engine: facts.name, version: facts.version, cgroup: facts.cgroupVersion },
    results,
  };
  const all = JSON.parse(await readFile(RECORD, 'utf8')) as Recorded[];
  if (process.env['DARSENA_RECORD'] === '1') {
    const rest = all.filter((one) => one.ground !== ground);
    const sorted = [...rest, found].sort((a, b) => (a.ground < b.ground ? -1 : 1));
    await writeFile(RECORD, `${JSON.stringify(sorted, null, 2)}\n`);
    return;
  }
  const known = all.find(
    (one) => one.ground === ground && one.version === found.version && one.cgroup === found.cgroup,
  );
  if (known !== undefined) assert.deepEqual(results, known.results, 'DARSENA_RECORD=1 records what is so by now');
}
