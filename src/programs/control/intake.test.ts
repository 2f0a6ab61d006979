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
import { createIntake, type Intake } from './intake.ts';

const HOUR = 3_600_000;
let ahead = 0;
const clock = { ...systemClock, now: () => new Date(Date.now() + ahead) };

let server: TestRegistry;
let intake: Intake;
/** What the stand-in of the policy says from now on, and what was asked of it. */
let decision: Verdict['decision'];
let verdicts: Verdict[];
let scans: Digest[];
let reports: Map<Digest, ScanReport>;
let scanning: Promise<void>;

const REPORT = {
  complete: true,
  scannedAt: '2026-01-01T00:00:00Z',
  packages: 0,
  findings: [],
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
            rule: 'r',
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
  expiresAt: new Date(clock.now().getTime() + 168 * HOUR).toISOString(),
});

before(async () => {
  server = await startTestRegistry();
});
after(() => server.close());

beforeEach(() => {
  ahead = 0;
  decision = 'allow';
  verdicts = [];
  scans = [];
  reports = new Map();
  scanning = Promise.resolve();
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
    trust: () => ({ verify: async () => ({ accepted: [], refused: [], demands: [] }) }) as unknown as Trust,
    admit: () => admit,
    operations,
    async scan({ digest }) {
      scans.push(digest);
      await scanning;
      reports.set(digest, REPORT);
      return REPORT;
    },
    report: async (digest) => reports.get(digest) ?? null,
    clock,
    log: silentLog,
    judged: () => undefined,
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
