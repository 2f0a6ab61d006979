/** Conditions over recorded events, judged by sysdig 0.29.3 of 2022: the same events must match. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Recording, tryFilters } from './try-filters.ts';

interface Expression {
  readonly expr: string;
  readonly match: Readonly<Record<string, readonly number[]>>;
  readonly error?: string;
}

const root = process.env['DARSENA_TEST_DATA'];
const folder = root === undefined ? null : join(root, 'detection', 'falco-diff');
const skip = folder === null || !existsSync(folder) ? 'DARSENA_TEST_DATA is not set: no recorded events' : false;

function expressions(): Expression[] {
  const lines = gunzipSync(readFileSync(join(folder ?? '', 'filter-expected.ndjson.gz')))
    .toString('utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as Expression).filter(({ error }) => error === undefined);
}

/** Fields that the judge of 2022 fills otherwise than Falco of today, and why. An expression that differs must name one. */
const OF_2022: Readonly<Record<string, string>> = {
  'fd.name_changed': 'its truth value is not 0 or 1 in the judge, so that "!= false" and "= true" both fail',
  'fd.is_server': 'the same',
  'proc.is_exe_writable': 'the same',
  'fd.dev': 'of a socket it is memory that was never written; its text is hexadecimal',
  'group.gid': 'a group that is not known is a number of more than 32 bits, and numbers of the rule are cut to 32',
  'fd.port': 'a port 0 counts where there is no port',
  'fd.cport': 'the same, also for unix sockets',
  'fd.ip': 'an address 0.0.0.0 counts where there is no address',
  'fd.sport': 'a datagram socket keeps its first peer for ever',
  'fd.rport': 'the same',
  'fd.sip': 'the same',
  'fd.rip': 'the same',
  'fd.connected': 'a datagram sent to a loopback address counts as a connection',
  'fd.l4proto': 'a read whose beginning was not recorded takes the descriptor of the read before',
  'fd.type': 'the same',
  'proc.nchilds': 'threads that ran before the recording are not counted',
};

/** Numbers of events on which verdicts differ, by expression; none where all agree. */
async function differences(
  t: { diagnostic(text: string): void },
  pathOf: (capture: string) => string,
): Promise<{ differing: string[]; pairs: number; tried: number; events: number }> {
  const cases = expressions();
  const texts = cases.map(({ expr }) => expr);
  const differing = new Map<string, string[]>();
  let [pairs, events] = [0, 0];
  for (const file of readdirSync(join(folder ?? '', 'captures'))) {
    const capture = file.replace('.scap', '');
    const recording: Recording = await tryFilters(pathOf(capture), texts);
    events += recording.events;
    recording.filters.forEach(({ events: got, error }, index) => {
      const one = cases[index];
      const expected = one?.match[capture];
      if (one === undefined || expected === undefined) return;
      assert.equal(error, null, one.expr);
      const [had, wanted] = [new Set(got), new Set(expected)];
      const count = expected.filter((number) => !had.has(number)).length + got.filter((n) => !wanted.has(n)).length;
      if (count > 0) differing.set(one.expr, [...(differing.get(one.expr) ?? []), `${capture} ${count}`]);
      pairs += count;
    });
  }
  for (const [expr, where] of differing) t.diagnostic(`differs: ${expr.slice(0, 140)}: ${where.join(', ')}`);
  return { differing: [...differing.keys()], pairs, tried: cases.length, events };
}

const isExplained = (expr: string): boolean => Object.keys(OF_2022).some((field) => expr.includes(field));

test('conditions match the events, given as JSON lines, that sysdig matched', { skip }, async (t) => {
  const { differing, pairs, tried, events } = await differences(t, (capture) =>
    join(folder ?? '', 'events', `${capture}.events.ndjson.gz`),
  );
  const share = pairs / (events * tried);
  t.diagnostic(
    `${tried - differing.length} of ${tried} agree on all of ${events} events; ${(share * 100).toFixed(3)} % differ`,
  );
  assert.ok(tried > 100 && events > 5_000);
  assert.deepEqual(
    differing.filter((expr) => !isExplained(expr)),
    [],
  );
  assert.ok(share < 0.0006, `${share}`);
});

test('conditions match the events of the captures themselves that sysdig matched', { skip }, async (t) => {
  const { differing, pairs, tried, events } = await differences(t, (capture) =>
    join(folder ?? '', 'captures', `${capture}.scap`),
  );
  const share = pairs / (events * tried);
  t.diagnostic(
    `${tried - differing.length} of ${tried} agree on all of ${events} events; ${(share * 100).toFixed(3)} % differ`,
  );
  assert.ok(events > 5_000);
  assert.deepEqual(
    differing.filter((expr) => !isExplained(expr)),
    [],
  );
  assert.ok(share < 0.001, `${share}`);
});

test('bytes that are no letters are compared as they are', { skip }, async () => {
  // As sysdig 0.41.4 says: c3 stands in the answer of a ping, 8180 in that of a name server, and no byte is two.
  const found = async (capture: string, condition: string): Promise<number> => {
    const { filters } = await tryFilters(join(folder ?? '', 'captures', `${capture}.scap`), [condition]);
    return filters[0]?.events.length ?? -1;
  };
  assert.equal(await found('curl_google', 'evt.buffer bcontains 8180'), 1);
  assert.equal(await found('curl_google', 'evt.buffer bcontains c3'), 0);
  assert.equal(await found('ping_sendto', 'evt.buffer bcontains c3'), 1);
  assert.equal(await found('curl_google', 'len(evt.buffer) = 32 and evt.dir = <'), 3);
});
