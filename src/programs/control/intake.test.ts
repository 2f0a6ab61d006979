import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Admit, Verdict } from '../../admit/index.ts';
import { type Digest, digestOf, MEDIA_TYPE } from '../../oci/index.ts';
import type { Operations } from '../../progress/index.ts';
import { silentStep } from '../../progress/index.ts';
import { startTestRegistry, type TestRegistry } from '../../registry/test-registry.ts';
import type { ScanReport } from '../../scan/index.ts';
import { silentLog, systemClock } from '../../system/index.ts';
import type { Trust } from '../../trust/index.ts';
import { ageDaysOf, createIntake, type Intake } from './intake.ts';

const HOUR = 3_600_000;
let ahead = 0;
const clock = { ...systemClock, now: () => new Date(Date.now() + ahead) };

let server: TestRegistry;
let intake: Intake;
/** What the stand-in of the policy says from now on, and what was asked of it. */
let decision: Verdict['decision'];
let rule: string;
let verdicts: Verdict[];
let scans: Digest[];
let reports: Map<Digest, ScanReport>;
let scanning: Promise<void>;
let running: ('development' | 'production')[];

const REPORT = {
  complete: true,
  scannedAt: '2026-01-01T00:00:00Z',
  packages: 0,
  findings: [],
  misconfigurations: [],
  secrets: [],
  malware: { state: 'not-scanned', findings: [] },
  advisories: { coverage: {}, sources: [] },
} as unknown as ScanReport;

const answer = (digest: string, project: string): Verdict => ({
  id: String(verdicts.length),
  at: clock.now().toISOString(),
  door: 'push',
  decision,
  reasons:
    decision === 'allow'
      ? []
      : [
          {
            rule,
            effect: decision,
            message: { en: 'a reason', es: 'una razón' },
            remedy: { en: 'a way out', es: 'una salida' },
            subject: null,
            exception: null,
          },
        ],
  policy: { name: 'dev', version: '1' },
  project,
  environment: null,
  digest,
  specHash: null,
  restart: false,
  expiresAt: new Date(clock.now().getTime() + 168 * HOUR).toISOString(),
});

before(async () => {
  server = await startTestRegistry({ clock });
});
after(() => server.close());

beforeEach(() => {
  ahead = 0;
  decision = 'allow';
  rule = 'r';
  verdicts = [];
  scans = [];
  reports = new Map();
  scanning = Promise.resolve();
  running = [];
  const admit = {
    judge: async (questions: Parameters<Admit['judge']>[0]) =>
      questions.map(({ admission: { image } }) => {
        const verdict = answer(image.digest, image.project);
        verdicts.push(verdict);
        return verdict;
      }),
    preview: async ({ admission: { image } }: Parameters<Admit['preview']>[0]) => answer(image.digest, image.project),
    current: async ({ project, digest }: Parameters<Admit['current']>[0]) =>
      verdicts.findLast(
        (one) => one.project === project && one.digest === digest && Date.parse(one.expiresAt) > clock.now().getTime(),
      ) ?? null,
    verdicts: async ({ project, digest }: Parameters<Admit['verdicts']>[0]) =>
      verdicts.filter((one) => one.project === project && one.digest === digest).reverse(),
    policyFor: () => ({ name: 'dev', version: '1' }),
  } as unknown as Admit;
  const operations = {
    start: async (_request: unknown, work: (context: object) => Promise<unknown>) => {
      const finished = work({ id: 'op', signal: new AbortController().signal, step: () => silentStep }).then(
        () => ({ state: 'done', problem: null }),
        () => ({ state: 'failed', problem: null }),
      );
      return { operation: { id: 'op' }, finished };
    },
  } as unknown as Operations;
  intake = createIntake({
    registry: () => server.registry,
    trust: () => ({ verifyForStart: async () => ({ accepted: [], refused: [], demands: [] }) }) as unknown as Trust,
    admit: () => admit,
    operations,
    async scan({ digest }) {
      scans.push(digest);
      await scanning;
      reports.set(digest, REPORT);
      return REPORT;
    },
    report: async (digest) => reports.get(digest) ?? null,
    here: async (_project, report) => ({ findings: report.findings, places: [], secrets: report.secrets }),
    runsIn: async () => running,
    clock,
    log: silentLog,
    judged: () => undefined,
    state: async () => undefined,
  });
});

let images = 0;
async function putImage(repository: string, extra: object = {}) {
  const config = Buffer.from(`{"image":${images++}}`);
  await server.registry.putBlob(repository, config, digestOf(config));
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
    layers: [],
    ...extra,
  };
  return server.registry.putManifest(repository, Buffer.from(JSON.stringify(manifest)), MEDIA_TYPE.manifest);
}

const principal = { id: 'id-ana', actor: 'user:ana', kind: 'user', name: 'ana' } as const;
const ask = (digest: Digest) => ({ principal, project: 'tienda', repository: 'tienda/web', digest });
const push = (digest: Digest, kind: 'image' | 'artifact' = 'image', subject: Digest | null = null) =>
  intake.pushed({
    project: 'tienda',
    repository: 'tienda/web',
    digest,
    tag: '1',
    mediaType: MEDIA_TYPE.manifest,
    kind,
    subject,
    principal,
  });
const until = async (condition: () => boolean): Promise<void> => {
  for (let n = 0; !condition(); n++) {
    assert.ok(n < 1000, 'it did not come');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

describe('what happens between a push and the first pull', () => {
  it('an image is held with its progress until it is judged, and who waits is woken', async () => {
    const gate = Promise.withResolvers<void>();
    scanning = gate.promise;
    const digest = await putImage('tienda/web');
    push(digest);
    await until(() => scans.length === 1);
    const held = await intake.check(ask(digest));
    assert.deepEqual([held.allow, intake.known(ask(digest))], [false, undefined]);
    assert.equal(intake.progress({ project: 'tienda', digest })?.state, 'scanning');
    const woken = intake.changed(digest, new AbortController().signal);
    gate.resolve();
    await woken;
    assert.equal((await intake.check(ask(digest))).allow, true);
    assert.equal(intake.known(ask(digest))?.allow, true);
    assert.equal(intake.progress({ project: 'tienda', digest }), null);
  });

  it('an image whose check was cut by a crash is checked at the next start', async () => {
    const digest = await putImage('tienda/web');
    await intake.rejudge('start', 'platform');
    assert.ok(scans.includes(digest));
    assert.equal((await intake.check(ask(digest))).allow, true);
  });

  it('no image falls back into quarantine because its verdict ran out', async () => {
    const digest = await putImage('tienda/web');
    await intake.rejudge('start', 'platform');
    for (let hours = 0; hours < 400; hours += 12) {
      ahead = hours * HOUR;
      await intake.rejudge('regular', 'platform');
      assert.equal((await intake.check(ask(digest))).allow, true, `after ${hours} h`);
    }
    assert.equal(scans.filter((one) => one === digest).length, 1);
  });

  it('new advisories are heard by every image, and one that changes nothing leaves no new verdict', async () => {
    const digest = await putImage('tienda/web');
    await intake.rejudge('start', 'platform');
    const before = verdicts.length;
    await intake.rejudge('advisories', 'user:ana');
    assert.equal(verdicts.length, before);
    decision = 'refuse';
    await intake.rejudge('advisories', 'user:ana');
    const refused = await intake.check(ask(digest));
    assert.equal(refused.allow, false);
    assert.deepEqual(refused.allow ? null : [refused.settled, refused.reasons[0]?.en, refused.remedies?.[0]?.en], [
      true,
      'a reason',
      'a way out',
    ]);
    assert.equal(intake.known(ask(digest))?.allow, false);
  });

  it('of new advisories only the images are judged that they answer otherwise, and those that wait for a verdict', async () => {
    const [meant, other] = [await putImage('tienda/web'), await putImage('tienda/web')];
    await intake.rejudge('start', 'platform');
    decision = 'refuse';
    const waiting = await putImage('tienda/web');
    const judged = async (only: ReadonlySet<Digest>): Promise<Digest[]> => {
      const before = verdicts.length;
      await intake.rejudge('advisories', 'user:ana', only);
      return verdicts.slice(before).map(({ digest }) => digest as Digest);
    };
    assert.deepEqual((await judged(new Set([meant]))).sort(), [meant, waiting].sort());
    assert.deepEqual(await judged(new Set()), []);
    // Those that come while it runs are judged together after it.
    const before = verdicts.length;
    const first = intake.rejudge('advisories', 'user:ana', new Set());
    await Promise.all([
      first,
      ...[meant, other].map((one) => intake.rejudge('advisories', 'user:ana', new Set([one]))),
    ]);
    assert.deepEqual(
      verdicts.slice(before).map(({ digest }) => digest),
      [other],
    );
  });

  it('advisories that come while images are judged are heard by another pass', async () => {
    await putImage('tienda/web');
    await intake.rejudge('start', 'platform');
    const first = intake.rejudge('advisories', 'user:ana');
    decision = 'refuse';
    await Promise.all([first, intake.rejudge('advisories', 'user:ana')]);
    assert.equal(verdicts.at(-1)?.decision, 'refuse');
  });

  it('a signature that arrives makes its image judged again, by its subject or by cosign’s tag', async () => {
    const digest = await putImage('tienda/web');
    await intake.rejudge('start', 'platform');
    decision = 'warn';
    push(`sha256:${'1'.repeat(64)}`, 'artifact', digest);
    await until(() => verdicts.some((one) => one.digest === digest && one.decision === 'warn'));
    const answered = await intake.check(ask(digest));
    assert.deepEqual(answered.allow && answered.warnings, [{ en: 'a reason', es: 'una razón' }]);
  });
});

describe('an image that runs and is refused by what became known since', () => {
  const hours = (until: string | undefined): number =>
    Math.round((Date.parse(until ?? '') - clock.now().getTime()) / HOUR);
  const isAllowed = async (digest: Digest, kind: 'user' | 'agent' | 'anonymous' = 'agent'): Promise<boolean> =>
    (await intake.check({ ...ask(digest), principal: { ...principal, kind } })).allow;
  const refuseLater = async (): Promise<Digest> => {
    const digest = await putImage('tienda/web');
    await intake.rejudge('start', 'platform');
    decision = 'refuse';
    await intake.rejudge('advisories', 'user:ana');
    return digest;
  };

  it('may be pulled by hosts and the project until the deadline, with the date said, and not after it', async () => {
    running = ['development', 'production'];
    const digest = await refuseLater();
    const answer = await intake.check(ask(digest));
    assert.match(
      answer.allow ? (answer.warnings?.[0]?.en ?? '') : '',
      /^refused from \d{4}-.* UTC on, replace it before: a reason$/,
    );
    assert.deepEqual([await isAllowed(digest), await isAllowed(digest, 'anonymous')], [true, false]);
    assert.equal(intake.known({ ...ask(digest), principal: { ...principal, kind: 'anonymous' } }), undefined);
    const grace = await server.registry.graces.find('tienda', digest, null);
    assert.equal(hours(grace?.until), 14 * 24);
    ahead = (14 * 24 - 1) * HOUR;
    await intake.rejudge('regular', 'platform');
    assert.equal(await isAllowed(digest), true);
    ahead = (14 * 24 + 1) * HOUR;
    await intake.rejudge('regular', 'platform');
    assert.deepEqual([await isAllowed(digest), await isAllowed(digest, 'user')], [false, false]);
    assert.equal(
      (await server.registry.graces.tellOver()).some((one) => one.digest === digest),
      true,
    );
    assert.deepEqual(await server.registry.graces.tellOver(), []);
    await server.journal.settled();
    const facts = await server.journal.query({ projects: ['tienda'], digest, order: 'oldest', limit: 100 });
    const kinds = facts.map((fact) => fact.kind).filter((kind) => kind.startsWith('image.grace'));
    assert.deepEqual(kinds, ['image.grace-started', 'image.grace-over']);
  });

  it('is refused at once when it runs nowhere, was never allowed, or holds malware', async () => {
    assert.equal(await isAllowed(await refuseLater()), false);
    running = ['production'];
    const never = await putImage('tienda/web');
    await intake.rejudge('start', 'platform');
    assert.equal(await isAllowed(never), false);
    decision = 'allow';
    rule = 'malware';
    assert.equal(await isAllowed(await refuseLater()), false);
  });

  it('has no deadline any more when it is allowed again, and a deadline never moves', async () => {
    running = ['production'];
    const digest = await refuseLater();
    const first = await server.registry.graces.find('tienda', digest, null);
    ahead = 10 * HOUR;
    rule = 'another';
    await intake.rejudge('advisories', 'user:ana');
    assert.equal((await server.registry.graces.find('tienda', digest, null))?.until, first?.until);
    decision = 'allow';
    await intake.rejudge('advisories', 'user:ana');
    assert.equal(await server.registry.graces.find('tienda', digest, null), null);
    assert.equal(await isAllowed(digest, 'anonymous'), true);
  });
});

it('an image that was built reproducibly is not fifty years old', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const ages = ['1970-01-01T00:00:00Z', '1970-01-01T00:00:01Z', '1980-01-01T00:00:01Z', '', 'soon'];
  assert.deepEqual(
    ages.map((created) => ageDaysOf(created, now)),
    [-1, -1, -1, -1, -1],
  );
  assert.equal(ageDaysOf('2026-11-20T11:00:00Z', now), 3);
  assert.equal(ageDaysOf('2027-01-01T00:00:00Z', now), 0);
});
