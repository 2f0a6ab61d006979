import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { systemClock } from '../../src/system/index.ts';
import { eventually } from './faults-ground.ts';
import { MachineGround } from './machine-ground.ts';

// A version that fails its health check, rolled out and taken back, with somebody who asks the edge every 100 ms; and what
// happens to the platform meanwhile: nothing, its programs killed with what keeps them, or the power of the machine cut.

/** Killed with the shells that would start them again, all but the edge, which goes on by itself. */
const PROGRAMS = ['agent', 'control', 'sensor'];
const SOAK = process.env['DARSENA_SOAK'] === '1';
const ROUNDS = Number(process.env['DARSENA_ROUNDS'] ?? (SOAK ? 100 : 3));
const SEED = Number(process.env['DARSENA_SEED'] ?? 7);
/** Of all rounds together. */
const LOST_MAX = 1;
const EVERY_MS = 100;
/** Later is no answer to who asks. */
const ANSWER_MS = 5_000;
const SETTLED_MS = 120_000;
/** A roll-back comes after this; with it go the seconds in which a release can be cut. */
const DEADLINE_SECONDS = 4;

const OLD = 'old';

type Kind = 'undisturbed' | 'killed' | 'power cut';
const KINDS: readonly Kind[] = ['undisturbed', 'killed', 'power cut'];

/** Ways not to become well: asked for what is not there, ends at once, hears nobody. */
const SICK: readonly string[] = ['[httpd, -f, -p, "8080", -h, /www/sick]', '[sh, -c, "exit 1"]', '[sleep, "1000000"]'];

suite('a version that fails its health check', {
  skip: await MachineGround.missing(),
  timeout: ROUNDS * 120_000 + 400_000,
}, () => {
  const ground = new MachineGround();
  const random = mulberry(SEED);
  let asker: Asker;
  let manifest: string | null = null;
  let old = '';

  before(async () => {
    await ground.open();
    await writePages(ground.project);
    await writeVersion(OLD, '[httpd, -f, -p, "8080", -h, /www/old]');
    await ground.deploys();
    const { web, asked } = await shown();
    old = web?.replicas[0]?.specHash ?? '';
    assert.notEqual(old, '', JSON.stringify(asked));
    asker = new Asker(ground);
    await eventually(
      () => asker.once(),
      (answer) => answer === 'old',
      SETTLED_MS,
    );
  });
  after(async () => {
    asker?.stop();
    await ground.close();
  });

  test(`is taken back in ${ROUNDS} rounds, while the old one answers who asks every ${EVERY_MS} ms`, async (t) => {
    asker.start();
    const back: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const kind = KINDS[round % KINDS.length] ?? 'undisturbed';
      const sick = SICK[Math.floor(random() * SICK.length)] ?? '';
      const cutMs = Math.round(300 + random() * (DEADLINE_SECONDS * 1000 + 5_000));
      asker.round = `round ${round}, ${kind} after ${cutMs} ms, ${sick}`;
      await writeVersion(`sick ${round}`, sick);
      const deploying = ground.deploy();
      if (kind === 'undisturbed') {
        const { code, stdout, stderr } = await deploying;
        assert.notEqual(code, 0, `${asker.round}: was rolled out\n${stdout}\n${stderr}`);
      } else {
        await systemClock.sleep(cutMs);
        if (kind === 'power cut') {
          asker.away();
          await ground.cutPower();
          await deploying;
          await ground.powerOn();
          asker.mayReturn();
        } else {
          await ground.killForGood(PROGRAMS);
          await deploying;
        }
        const began = performance.now();
        const { code, stderr } = await ground.darsena('up', '--yes', '--json');
        assert.equal(code, 0, `${asker.round}: ${stderr}`);
        if (kind === 'power cut') {
          await asker.isBack(asker.round);
          back.push(performance.now() - began);
        }
      }
      await settled(asker.round);
    }
    asker.stop();
    const { asked, lost } = asker;
    const longest = Math.round(Math.max(0, ...back));
    t.diagnostic(
      `${asked} questions in ${ROUNDS} rounds, ${lost.length} lost; after a power cut the old version answered ${median(back)} ms ` +
        `after \`up\` was called (median), ${longest} ms at most; slowest answer ${Math.round(asker.slowestMs)} ms`,
    );
    for (const one of lost) t.diagnostic(one);
    assert.ok(lost.length <= LOST_MAX, lost.join('\n'));
  });

  interface Shown {
    readonly name: string;
    readonly phase: string;
    readonly replicas: readonly { readonly specHash: string; readonly ready: boolean }[];
  }

  async function shown(): Promise<{ web: Shown | undefined; asked: unknown }> {
    const { code, stdout, stderr } = await ground.darsena('ps', 'mini', '--json');
    if (code !== 0) return { web: undefined, asked: stderr };
    const { items } = JSON.parse(stdout) as { items: Shown[] };
    return { web: items.find(({ name }) => name === 'web'), asked: items.map(({ name, phase }) => [name, phase]) };
  }

  /** Two ready replicas of the old version and none of another. */
  async function settled(round: string): Promise<void> {
    const until = performance.now() + SETTLED_MS;
    for (;;) {
      const { web, asked } = await shown();
      const isBack =
        web?.replicas.length === 2 &&
        web.replicas.every(({ ready, specHash }) => ready && specHash === old) &&
        ['available', 'rolled-back'].includes(web.phase);
      if (isBack) return;
      if (performance.now() > until)
        assert.fail(`${round}: not settled: ${JSON.stringify(asked)}\n${await whatIs(ground)}`);
      await systemClock.sleep(200);
    }
  }

  /** The same image in other clothes, so that no round waits for a build. */
  async function writeVersion(version: string, args: string): Promise<void> {
    const file = join(ground.project, 'kubernetes', 'web.yaml');
    manifest ??= await readFile(file, 'utf8');
    const text = manifest
      // The old one may take its time on a busy machine.
      .replace(
        '  replicas: 2\n',
        `  replicas: 2\n  progressDeadlineSeconds: ${version === OLD ? 600 : DEADLINE_SECONDS}\n`,
      )
      .replace('path: /, port: http', 'path: /ready, port: http')
      .replace(
        'args: [httpd, -f, -p, "8080", -h, /www]',
        `args: ${args}\n          env: [{ name: VERSION, value: "${version}" }]`,
      );
    assert.notEqual(text, manifest);
    await writeFile(file, text);
  }
});

/** Asks the edge for the service at a steady pace, each time by a connection of its own. */
class Asker {
  readonly #ground: MachineGround;
  readonly #ca: Buffer;
  #timer: NodeJS.Timeout | null = null;
  /** While the machine is away no answer is owed; it is owed again from the first one that comes. */
  #awaySince: number | null = null;
  round = '';
  asked = 0;
  slowestMs = 0;
  readonly lost: string[] = [];

  constructor(ground: MachineGround) {
    this.#ground = ground;
    this.#ca = readFileSync(ground.files.ca);
  }

  start(): void {
    this.#timer = setInterval(() => void this.#ask(), EVERY_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** From now on no answer is owed; one that is still on its way says nothing. */
  away(): void {
    this.#awaySince = Number.POSITIVE_INFINITY;
  }

  /** The machine is on again: the next good answer ends its absence. */
  mayReturn(): void {
    this.#awaySince = performance.now();
  }

  async isBack(round: string): Promise<void> {
    const until = performance.now() + SETTLED_MS;
    while (this.#awaySince !== null && performance.now() < until) await systemClock.sleep(100);
    if (this.#awaySince === null) return;
    assert.fail(`${round}: not back: ${this.#last}\n${await whatIs(this.#ground)}`);
  }

  #last = '';

  async #ask(): Promise<void> {
    const { round } = this;
    const began = performance.now();
    const isOwed = this.#awaySince === null;
    const answer = await this.once();
    this.#last = answer;
    // What was asked before the machine went, or while it was away, is owed no answer; a wrong one it may never give.
    if (!isOwed || this.#awaySince !== null) {
      if (answer === 'old' && this.#awaySince !== null && began > this.#awaySince) this.#awaySince = null;
      if (answer !== 'sick') return;
    }
    this.asked += 1;
    this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
    if (answer !== 'old') this.lost.push(`${new Date().toISOString()} ${round}: ${answer}`);
  }

  /** What was served, or why nothing was. */
  async once(): Promise<string> {
    const { ports, domain } = this.#ground.instance;
    const servername = `web-mini-dev.${domain}`;
    const options = { host: this.#ground.address, port: ports.edgeHttps, servername, headers: { host: servername } };
    return new Promise((resolve) => {
      const sent = get({ ...options, ca: this.#ca, agent: false, path: '/', timeout: ANSWER_MS }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(response.statusCode === 200 ? text.trim() : `status ${response.statusCode}`));
        response.on('error', (error) => resolve(`cut: ${error.message}`));
      });
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
      sent.on('error', (error) => resolve(error.message));
    });
  }
}

/** What people would look at. */
async function whatIs(ground: MachineGround): Promise<string> {
  const { stdout, stderr } = await ground.darsena('ps', 'mini');
  const status = await ground.darsena('status');
  const logs = await Promise.all(['agent', 'control'].map((name) => readFile(ground.files.log(name), 'utf8')));
  return [stdout, stderr, status.stdout, status.stderr, ...logs.map((text) => text.slice(-3_000))].join('\n');
}

/** Both versions are folders of one image; the sick one has nothing where it is asked whether it is ready. */
async function writePages(project: string): Promise<void> {
  for (const version of ['old', 'sick']) {
    await mkdir(join(project, 'www', version), { recursive: true });
    await writeFile(join(project, 'www', version, 'index.html'), `${version}\n`);
  }
  await writeFile(join(project, 'www', 'old', 'ready'), 'yes\n');
}

/** Numbers of a seed, so that a round that loses something can be had again. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}
