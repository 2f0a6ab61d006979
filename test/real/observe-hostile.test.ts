/**
 * Names, arguments and file names that want to be something else: ends of lines, orders to terminals, bytes that are no text,
 * and as much of them as the kernel takes. What the sensor says of them is one line of JSON each that says the truth, marks what
 * was cut, and obeys nobody wherever it is shown. `DARSENA_SOAK=1` does it in full.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { harmless } from '../../console/shell/harmless.ts';
import type { Alert } from '../../src/detect/index.ts';
import type { Activity } from '../../src/events/index.ts';
import { lineOf } from '../../src/programs/cli/activity.ts';
import { jsonText } from '../../src/programs/cli/print.ts';
import { readAlert } from '../../src/respond/alert.ts';
import { mailOf } from '../../src/respond/notices/mail.ts';
import { bodyOf, type Notice, sentenceOf, syslogMessage } from '../../src/respond/notices/message.ts';
import { callProgram32 } from './call-program.ts';
import { Ground, missingParts, writeRules } from './observe-ground.ts';

const isFull = process.env['DARSENA_SOAK'] === '1';
const EACH = isFull ? 250 : 30;
const SEED = 20_261_123;
/** As much as one argument may have with its end, and beyond it a long list is cut. */
const ARGUMENT_BYTES_MAX = 131_071;
const KEPT_BYTES = 4_096;
const KINDS = { o: 'file', e: 'program', a: 'argument', c: 'name' } as const;
type Kind = keyof typeof KINDS;
/** What stands before the hostile text in the field. */
const BEFORE: Record<Kind, string> = { o: '', e: '/tmp/', a: 'child-of ', c: '' };

/** What a terminal, a log or a reader of lines would obey, and marks that turn the direction of writing. */
const UNSAFE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

const PIECES: readonly string[] = [
  ...['0a', '0d0a', '1b5b324a', '1b5d303b6f776e656407', '1b5b33316d', '07', '08', '7f', '09', '0b', '0c', 'c29b33316d'],
  ...[
    'e280ae',
    'e281a6',
    'e280a8',
    'e2808f',
    'd89c',
    'ff',
    'c0af',
    'eda080',
    'f09f98',
    'f09f9880',
    'efbfbe',
    '22',
    '5c',
  ],
  ...[
    '7b22',
    '27',
    '3c7363726970743e',
    '26616d703b',
    '2573256e',
    '247b787d',
    '2428696429',
    '5d5d3e',
    '0a2e0a',
    '20',
    '61',
  ],
];

/** Pseudo-random numbers that are the same each time (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Case {
  readonly kind: Kind;
  readonly bytes: Buffer;
}

function makeCases(): Case[] {
  const next = numbers(SEED);
  const pick = (): Buffer => Buffer.from(PIECES[Math.floor(next() * PIECES.length)] ?? '61', 'hex');
  return Array.from({ length: 4 * EACH }, (_, index) => {
    const kind = (Object.keys(KINDS) as Kind[])[index % 4] ?? 'o';
    const isLong = Math.floor(index / 4) % 5 === 0;
    const most = kind === 'c' ? 15 : kind !== 'a' ? (isLong ? 240 : 60) : isLong ? ARGUMENT_BYTES_MAX : 400;
    // The number tells it from the others, so that none stands for two.
    const parts: Buffer[] = [Buffer.from(kind === 'c' ? '' : `${kind}${index}-`)];
    for (let length = parts[0]?.length ?? 0; ; ) {
      const piece = pick();
      length += piece.length;
      if (length > most || parts.length > most) break;
      parts.push(piece);
    }
    const made = Buffer.concat(parts);
    const whole = isLong && kind === 'a' ? Buffer.concat([made, Buffer.alloc(most - made.length, 'z')]) : made;
    // A name holds no slash, and an empty one is none.
    return { kind, bytes: Buffer.from(whole.map((byte) => (byte === 0x2f || byte === 0 ? 0x5f : byte))) };
  });
}

describe('hostile texts of a container', { skip: missingParts() }, () => {
  const cases = makeCases();
  let ground: Ground;
  let container: string;
  let alerts: Alert[] = [];
  let lines: Activity[] = [];

  const ofKind = (kind: Kind): Alert[] => alerts.filter(({ rule }) => rule === KINDS[kind]);

  before(async () => {
    ground = new Ground();
    container = ground.startContainer();
    const acts = join(ground.folder, 'acts');
    const source = join(import.meta.dirname, 'observe-acts.c');
    execFileSync('gcc', ['-O2', '-static', '-pthread', '-Wall', '-Werror', source, '-o', acts]);
    writeFileSync(
      join(ground.folder, 'cases'),
      cases.map(({ kind, bytes }) => `${kind} ${bytes.toString('hex')}\n`).join(''),
    );
    for (const name of ['acts', 'cases']) ground.podman('cp', join(ground.folder, name), `${container}:/${name}`);
    const rule = (kind: Kind, condition: string, shown: string) => ({
      ...{
        rule: KINDS[kind],
        desc: kind,
        condition,
        output: `seen ${shown} cut=%darsena.truncated`,
        priority: 'WARNING',
      },
    });
    const started = 'evt.type = execve and proc.exe = hostile';
    const rules = [
      rule('o', 'evt.type in (open, openat) and evt.is_open_write = true and fd.directory = /tmp', '%fd.filename'),
      rule('e', `${started} and proc.exepath startswith /tmp/`, '%proc.exepath'),
      rule('a', `${started} and not proc.exepath startswith /tmp/`, '%proc.args'),
      rule('c', 'evt.type in (open, openat) and fd.filename = comm-mark', '%proc.name'),
      {
        ...{ rule: 'narrow', desc: '32 bits', output: '%evt.arg.via %fs.path.name', priority: 'WARNING' },
        condition: 'evt.type = unlink and fs.path.name = /tmp/narrow-gone and darsena.is_32_bit = true',
      },
    ];
    await ground.startSensor({ rules: [writeRules(ground, JSON.stringify(rules))], scope: 'instance' });
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
    const filter = 'proc.exe in (hostile, /acts)';
    const order = { projects: null, environment: null, workload: null, filter, arguments: true, form: 'lines' };
    ground.agent.send({ type: 'watch', watch: { id: 'live', ...order } });
    await ground.agent.waitFor(
      () => ground.agent.messages.find(({ type }) => type === 'watching'),
      60_000,
      () => `the look; stderr: ${ground.sensorErrors}`,
    );
    await ground.podmanLater('exec', container, 'sh', '-c', '/acts hostile /tmp < /cases');
    await ground.agent.waitFor(
      () => (ground.agent.arrivals.length >= cases.length ? true : undefined),
      120_000,
      () => `${ground.agent.arrivals.length} of ${cases.length} alerts; stderr: ${ground.sensorErrors}`,
    );
    alerts = ground.agent.alerts;
    const looked = (): Activity[] =>
      ground.agent.messages.filter(({ type }) => type === 'activity').flatMap(({ body }) => body as Activity[]);
    await ground.agent.waitFor(
      () => (looked().filter(({ type }) => type === 'execve').length >= 2 * EACH ? true : undefined),
      60_000,
      () => `the live tail: ${looked().length} lines`,
    );
    lines = looked();
  });
  after(() => ground.close());

  test('a program of 32 bits is seen, or it is told that it is not', { skip: process.arch !== 'x64' }, async () => {
    const unlink = 10;
    writeFileSync(join(ground.folder, 'narrow'), callProgram32(unlink, ['/tmp/narrow-gone']), { mode: 0o755 });
    ground.podman('cp', join(ground.folder, 'narrow'), `${container}:/narrow`);
    await ground.podmanLater('exec', container, '/narrow');
    const ready = ground.agent.messages.findLast(({ type }) => type === 'ready') as unknown as {
      coverage: { missing: { what: string }[] };
    };
    const isBlind = ready.coverage.missing.some(({ what }) => what.includes('32-bit'));
    const rule = isBlind ? 'Program of 32 bits is not seen' : 'narrow';
    const { alert } = await ground.agent.waitFor(
      () => ground.agent.arrivals.find((one) => one.alert.rule === rule),
      60_000,
      () =>
        `"${rule}" among ${[...new Set(ground.agent.alerts.map((one) => one.rule))].join(', ')}; ${ground.sensorErrors}`,
    );
    assert.equal(alert.process.exe, '/narrow');
    assert.equal(alert.container?.id, container);
  });

  test('E5: each is told in one line of JSON, as the bytes were', (t) => {
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const sent = cases.filter((one) => one.kind === kind);
      // How many marks stand for bytes that are no text, one for each or one for a torn letter, is nobody's rule.
      const inMarks = (text: string): string => text.replaceAll(/\ufffd+/g, '\ufffd');
      const told = ofKind(kind).map(({ outputFields }) => inMarks(String(Object.values(outputFields)[0])));
      assert.equal(told.length, sent.length, KINDS[kind]);
      const wanted = sent.map(({ bytes }) => inMarks(BEFORE[kind] + bytes.toString('utf8')));
      const wrong = wanted.filter((text, index) => {
        const one = told[index] ?? '';
        const start = one.endsWith('…') ? one.slice(0, -1) : one;
        return kind === 'a' ? !text.startsWith(start.slice(0, -4)) : one !== text;
      });
      assert.deepEqual(wrong, [], KINDS[kind]);
    }
    t.diagnostic(`${alerts.length} alerts and ${lines.length} lines of the live tail`);
  });

  test('E5: what was cut says so: in the field, the alert, its sentence, and the live tail', () => {
    const sent = cases.filter(({ kind }) => kind === 'a');
    ofKind('a').forEach((alert, index) => {
      const isCut = (sent[index]?.bytes.length ?? 0) > KEPT_BYTES;
      assert.equal(alert.truncated === true, isCut, alert.output.slice(0, 80));
      assert.equal(alert.outputFields['darsena.truncated'], isCut);
      assert.equal(alert.output.endsWith('(truncated)'), isCut);
      assert.equal(alert.process.cmdline.endsWith('…'), isCut);
    });
    for (const kind of ['o', 'e', 'c'] as const)
      for (const alert of ofKind(kind)) assert.equal(alert.truncated, undefined, alert.output);
    const cut = sent.filter(({ bytes }) => bytes.length > KEPT_BYTES).length;
    assert.ok(cut >= EACH / 5);
    const marked = lines.filter(({ type, truncated }) => type === 'execve' && truncated === true);
    // A line of the live tail keeps less of a text than an alert does.
    assert.equal(marked.length, sent.filter(({ bytes }) => bytes.length > 1_000).length);
    assert.ok(marked.every((line) => lineOf(line).endsWith('(truncated)')));
  });

  test('E5: wherever it is shown, nothing of it is an order', () => {
    const mail = { from: 'a@example.org', to: ['b@example.org'], user: null, ca: null };
    for (const given of alerts) {
      const alert = readAlert(JSON.parse(JSON.stringify(given)));
      const notice: Notice = {
        ...{ event: 'incident.told', at: alert.at, instance: 'test', alert },
        incident: {
          ...{
            number: 1,
            rule: alert.rule,
            priority: alert.priority,
            project: 'tienda',
            environment: 'dev',
            workload: 'web',
          },
          ...{ host: 'a', digest: null, openedAt: alert.at, container: null },
        },
      };
      assert.doesNotMatch(alert.output, UNSAFE);
      assert.doesNotMatch(sentenceOf(notice), UNSAFE);
      assert.doesNotMatch(syslogMessage(notice), UNSAFE);
      for (const kind of ['webhook', 'falcosidekick', 'slack', 'teams'] as const) {
        const body = bodyOf(kind, notice);
        assert.doesNotMatch(body, /[\n\r]/);
        JSON.parse(body);
      }
      const [head = '', body = ''] = mailOf(notice, mail, new Date()).split('\r\n\r\n');
      assert.doesNotMatch(head.replaceAll('\r\n', ''), UNSAFE);
      assert.doesNotMatch(Buffer.from(body, 'base64').toString().replaceAll('\n', ''), UNSAFE);
      assert.doesNotMatch(jsonText(alert), UNSAFE);
      assert.deepEqual(JSON.parse(jsonText(alert)), JSON.parse(JSON.stringify(alert)));
      for (const text of [alert.process.cmdline, alert.process.exe, alert.process.name])
        assert.doesNotMatch(harmless(text), UNSAFE);
    }
    for (const line of lines) {
      assert.doesNotMatch(lineOf(line), UNSAFE);
      assert.doesNotMatch(jsonText(line), UNSAFE);
      assert.doesNotMatch(harmless(line.arguments ?? ''), UNSAFE);
    }
  });
});
