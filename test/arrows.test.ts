import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

/** From top to bottom: a room may enter only rooms above it. */
const ROOMS = [
  'formats',
  'system',
  'oci',
  'events',
  'journal',
  'progress',
  'access',
  'registry',
  'advisories',
  'scan',
  'trust',
  'build',
  'admit',
  'network',
  'volumes',
  'deploy',
  'observe',
  'detect',
  'prevent',
  'respond',
  'host',
  'programs',
];

/** Doors beside a room's `index.ts`, each with the reason why it is one. */
const SIDE_DOORS: readonly { readonly door: string; readonly from: readonly string[]; readonly why: string }[] = [
  { door: 'deploy/kubernetes/index.ts', from: ['programs'], why: 'reading manifests is a subject of its own' },
  { door: 'deploy/compose/index.ts', from: ['programs'], why: 'reading Compose files is a subject of its own' },
  { door: 'deploy/engines/local/index.ts', from: ['programs'], why: 'only an agent runs an engine' },
  { door: 'deploy/model.ts', from: ['programs'], why: 'what control and agent both speak of' },
  {
    door: 'advisories/database.ts',
    from: ['scan'],
    why: 'a scan without a server starts in a fifth of the time without routes, tables and registry',
  },
  { door: 'advisories/orderings/index.ts', from: ['scan'], why: 'as above' },
  { door: 'scan/worker.ts', from: ['programs'], why: 'what runs inside the confined child, and nowhere else' },
  { door: 'scan/malware/files-worker.ts', from: ['programs'], why: 'as above' },
  { door: 'oci/layers.ts', from: ['scan'], why: 'the scan worker starts in a third of the time without the store' },
  {
    door: 'system/fault.ts',
    from: ['events', 'observe', 'detect', 'prevent', 'programs'],
    why: 'the sensor holds 20 MB less without database and log',
  },
  { door: 'system/id.ts', from: ['events', 'observe', 'detect', 'prevent', 'programs'], why: 'as above' },
  { door: 'system/kept-bundle.ts', from: ['programs'], why: 'what decides from which files the command line starts' },
  { door: 'formats/linear-pattern.ts', from: ['detect'], why: 'the sensor runs patterns and reads no other format' },
  { door: 'formats/re2.ts', from: ['detect'], why: 'as above' },
  { door: 'detect/live.ts', from: ['programs'], why: 'the sensor shows no pages of rules: 8 MB less' },
  { door: 'detect/book/index.ts', from: ['programs'], why: 'the sensor tries rules and keeps no tables' },
  { door: 'detect/try-kept.ts', from: ['programs'], why: 'what runs inside a confined child, and nowhere else' },
  { door: 'events/scap/index.ts', from: ['detect'], why: 'recordings are read by the command line, not by the sensor' },
  {
    door: 'events/capture/index.ts',
    from: ['detect', 'programs'],
    why: 'the sensor packs records and reads no recording',
  },
  { door: 'prevent/guard.ts', from: ['programs'], why: 'sensor and warden follow policies and read none' },
  { door: 'prevent/alert.ts', from: ['programs'], why: 'as above' },
  { door: 'respond/evidence/format.ts', from: ['programs'], why: 'what control and agent both speak of' },
  { door: 'respond/evidence/limits.ts', from: ['programs'], why: 'as above' },
  { door: 'system/plain-file.ts', from: ['observe', 'programs'], why: 'what sensor and warden compare, as above' },
  { door: 'system/patch-lock.ts', from: ['programs'], why: 'the sensor waits for it, without database and log' },
  { door: 'system/native.ts', from: ['observe', 'programs'], why: 'the one way to native calls: the sensor only' },
];

/**
 * The commands of a room are a door of their own, for the list of commands alone: they ask the API, and a command must
 * answer before anybody waits, so it brings along neither tables nor routes. `scan` has a list of its own, for its bundle.
 */
const COMMAND_LISTS: readonly string[] = ['programs/cli/commands.ts', 'programs/cli/scan-cli.ts'];
const COMMAND_DOOR = /(?:^|[/-])commands?\.ts$/;

/** Programs and the rooms that they may reach, however indirectly. Short lists are the point of having programs. */
const CLOSURES: Readonly<Record<string, readonly string[]>> = {
  'programs/sensor.ts': ['formats', 'system', 'events', 'observe', 'detect', 'prevent', 'programs'],
  'programs/warden.ts': ['system', 'prevent'],
  'programs/packets.ts': ['system'],
  'programs/kept-rules.ts': ['formats', 'system', 'events', 'detect'],
  'programs/scan-inflate.ts': ['formats'],
  'programs/scan-files.ts': ['formats', 'oci', 'scan', 'system'],
  'programs/scan-worker.ts': ['formats', 'oci', 'advisories', 'scan', 'system'],
};

/** What does I/O or reaches for the machine. */
const IO = /^node:(?:fs|net|http|https|tls|dgram|child_process|worker_threads|os|sqlite|ffi|process)\b/;
const HTTP = /^(?:fastify|node:https?|undici)$/;

interface Import {
  readonly file: string;
  readonly specifier: string;
  /** Path below src/, or null for a package. */
  readonly target: string | null;
  readonly typeOnly: boolean;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => relative(SRC, join(folder, name)))
    .filter((name) => statSync(join(SRC, name)).isFile());
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const found: Import[] = [];
  const pattern =
    /(?:^|\n)\s*(import|export)(\s+type)?\s[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;
  for (const match of text.matchAll(pattern)) {
    const specifier = match[3] ?? match[4] ?? match[5] ?? '';
    const target = specifier.startsWith('.') ? relative(SRC, resolve(SRC, dirname(file), specifier)) : null;
    found.push({ file, specifier, target, typeOnly: match[2] !== undefined });
  }
  return found;
}

const files = sources(SRC);
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const roomOf = (file: string): string => file.split('/')[0] ?? '';
const isHelper = (file: string): boolean => /(?:^|\/)test-[^/]+\.ts$/.test(file);

test('every folder of src/ is a room with its place in the order, and every room but programs has a door', () => {
  const folders = readdirSync(SRC).filter((name) => statSync(join(SRC, name)).isDirectory());
  assert.deepEqual([...folders].sort(), [...ROOMS].sort());
  for (const room of ROOMS.filter((name) => name !== 'programs')) {
    assert.ok(existsSync(join(SRC, room, 'index.ts')), `${room}/index.ts is missing`);
  }
});

test('a room enters only rooms above it, and only through a door', () => {
  const wrong: string[] = [];
  for (const [file, list] of imports) {
    for (const { target, specifier } of list) {
      if (target === null || roomOf(target) === roomOf(file)) continue;
      const [from, to] = [roomOf(file), roomOf(target)];
      if (to === '..' || target.startsWith('..')) {
        if (!/\.(?:json)$/.test(target)) wrong.push(`${file} leaves src/: ${specifier}`);
        continue;
      }
      if (ROOMS.indexOf(to) > ROOMS.indexOf(from)) wrong.push(`${file} enters ${to}, which is below ${from}`);
      const isDoor = target === `${to}/index.ts` || (COMMAND_LISTS.includes(file) && COMMAND_DOOR.test(target));
      const side = SIDE_DOORS.find((one) => one.door === target && one.from.includes(from));
      if (!isDoor && side === undefined) wrong.push(`${file} enters ${target} beside the door of ${to}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('nothing imports programs/', () => {
  const wrong = [...imports.values()]
    .flat()
    .filter(({ file, target }) => target !== null && roomOf(target) === 'programs' && roomOf(file) !== 'programs');
  assert.deepEqual(
    wrong.map(({ file, specifier }) => `${file}: ${specifier}`),
    [],
  );
});

test('formats/ does no I/O', () => {
  const wrong = [...imports.values()]
    .flat()
    .filter(({ file, specifier }) => roomOf(file) === 'formats' && IO.test(specifier));
  assert.deepEqual(
    wrong.map(({ file, specifier }) => `${file}: ${specifier}`),
    [],
  );
});

test('detect/ never knows eBPF: it also runs from a recording', () => {
  const wrong = [...imports.values()]
    .flat()
    .filter(({ file, target }) => roomOf(file) === 'detect' && target?.startsWith('observe/') === true);
  assert.deepEqual(wrong, []);
});

test('what decides is pure: admit/judge.ts, engines/local/plan.ts, host/truth.ts and host/reach.ts reach no I/O', () => {
  for (const entry of ['admit/judge.ts', 'deploy/engines/local/plan.ts', 'host/truth.ts', 'host/reach.ts']) {
    const wrong = (imports.get(entry) ?? []).filter(({ specifier }) => IO.test(specifier) || specifier === 'kysely');
    assert.deepEqual(
      wrong.map(({ specifier }) => specifier),
      [],
      entry,
    );
  }
});

test('no HTTP type stands below the routes', () => {
  const allowed = [
    /\/routes\.ts$/,
    /^access\/http\.ts$/,
    /^registry\/distribution\//,
    // Clients of somebody else's HTTP, and what each of them does.
    /^system\/answer\.ts$/,
    /^registry\/client\.ts$/,
    /^build\/registry-client\.ts$/,
    /^access\/identity\/fetch\.ts$/,
    /^advisories\/update\.ts$/,
    /^respond\/notices\/send\.ts$/,
    /^network\/acme\/client\.ts$/,
    /^network\/sites\/probe\.ts$/,
    /^host\/reboot\/kube-api\.ts$/,
    /^deploy\/engines\/local\/(?:libpod|probes|cri\/channels)\.ts$/,
    /^programs\//,
  ];
  const wrong = [...imports.values()]
    .flat()
    .filter(
      ({ file, specifier }) =>
        HTTP.test(specifier) && !isHelper(file) && !allowed.some((pattern) => pattern.test(file)),
    );
  assert.deepEqual(
    wrong.map(({ file, specifier }) => `${file}: ${specifier}`),
    [],
  );
});

test('native calls are made in one place', () => {
  const wrong = [...imports.values()]
    .flat()
    .filter(({ file, specifier }) => specifier === 'node:ffi' && file !== 'system/native.ts');
  assert.deepEqual(
    wrong.map(({ file }) => file),
    [],
  );
});

for (const [program, rooms] of Object.entries(CLOSURES)) {
  test(`${program} reaches only ${rooms.join(', ')}`, () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const { target, typeOnly } of imports.get(file) ?? []) {
        if (target !== null && !typeOnly && imports.has(target)) visit(target);
      }
    };
    visit(program);
    const reached = [...new Set([...seen].map(roomOf))].filter((room) => room !== 'programs' && !rooms.includes(room));
    assert.deepEqual(reached, []);
  });
}
