import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Instance } from '../../src/programs/setup/instance.ts';
import { runCommand } from '../../src/system/index.ts';
import {
  EXAMPLE,
  eventually,
  exists,
  findRemains,
  type Ground,
  missingPart,
  openGround,
  type Person,
} from './ground.ts';

// A newcomer's whole way in one instance, by the commands that the README and the example's README tell.

const skip = await missingPart(['script', 'curl', 'mmdebstrap', 'buildah']);

interface Operation {
  readonly state: string;
  readonly steps: readonly { readonly title: { readonly en: string }; readonly notes: readonly { en: string }[] }[];
}
interface Workload {
  readonly name: string;
  readonly environment: string;
  readonly image: readonly { readonly repository: string; readonly digest: string }[];
  readonly ready: number;
  readonly release: number;
  readonly replicas: readonly { readonly containers: readonly { readonly id: string }[] }[];
}
interface Incident {
  readonly number: number;
  readonly state: string;
  readonly openedAt: string;
  readonly project: string;
  readonly workload: string;
  readonly digest: string;
  readonly timeline: readonly { readonly at: string; readonly station: string }[];
  readonly processTree: readonly TreeProcess[];
}
interface TreeProcess {
  readonly pid: number;
  readonly name: string;
  readonly alert: boolean;
  readonly children: readonly TreeProcess[];
}
interface Fact {
  readonly seq: number;
  readonly kind: string;
  readonly subject: string;
  readonly project: string | null;
  readonly actor: string;
  readonly digest: string | null;
  readonly body?: { readonly decision?: string; readonly grace?: string };
}
interface Deadline {
  readonly environment: string;
  readonly due: string;
  readonly reasons: readonly { en: string }[];
}
interface Promotion {
  readonly id: string;
  readonly state: string;
  readonly verdict: { readonly reasons: readonly { rule: string; effect: string; message: { en: string } }[] };
}

suite('from a clean machine to a killed shell and back to nothing', { skip, timeout: 600_000 }, () => {
  let ground: Ground;
  let approver: Person;
  let source: string;
  let instance: Instance;
  let devUrl: string;
  let shell: ChildProcessWithoutNullStreams | null = null;

  const workloads = async (environment: string): Promise<readonly Workload[]> =>
    (await ground.darsena('ps', 'tienda', '--env', environment, '--json')).json<{ items: readonly Workload[] }>().items;
  /** What runs, once replicas of the release before are gone. */
  const digests = (environment: string): Promise<Record<string, string>> =>
    eventually(`one digest each in ${environment}`, async () => {
      const found = await workloads(environment);
      if (found.some(({ image }) => image.length !== 1)) return null;
      return Object.fromEntries(found.map(({ name, image }) => [name, image[0]?.digest ?? '']));
    });
  const containers = async (): Promise<string[]> =>
    (await Promise.all(['dev', 'prod'].map(workloads)))
      .flat()
      .flatMap(({ replicas }) => replicas.flatMap((replica) => replica.containers.map(({ id }) => id)))
      .sort();
  const promotions = async (): Promise<readonly Promotion[]> =>
    (await ground.darsena('promotion', 'list', 'tienda', '--json')).json<{ items: readonly Promotion[] }>().items;
  const shop = async (environment: string): Promise<number> =>
    (await ground.fetch(devUrl.replace('-dev.', `-${environment}.`))).status;

  before(async () => {
    ground = await openGround();
    source = await ground.copyExample();
  });
  after(async () => {
    shell?.kill('SIGKILL');
    await ground.close();
  });

  test('up makes a platform of this machine and logs the caller in', async (t) => {
    const began = performance.now();
    const { code, stdout, stderr } = await ground.darsena('up', '--yes');
    assert.equal(code, 0, stderr);
    t.diagnostic(`up: ${Math.round(performance.now() - began)} ms`);
    assert.match(stdout, /^https:\/\/localhost:\d+\/login#code=\S+$/m);
    assert.match(stdout, /^next: darsena deploy examples\/tienda$/m);
    instance = await ground.instance();
    assert.match(stdout, new RegExp(instance.data));
  });

  test('a second up is quick, starts nothing and says so', async (t) => {
    const began = performance.now();
    const { code, stdout, stderr } = await ground.darsena('up', '--yes');
    const took = performance.now() - began;
    assert.equal(code, 0, `${stdout}${stderr}`);
    assert.match(stdout, /was running already: control, agent/, stderr);
    t.diagnostic(`second up: ${Math.round(took)} ms`);
    const again = (await ground.darsena('up', '--yes', '--json')).json<{ started: string[]; code: string }>();
    assert.deepEqual(again.started, []);
    assert.notEqual(again.code, '');
  });

  test('status and doctor answer scripts', async () => {
    const status = (await ground.darsena('status', '--json')).json<{
      instance: string;
      parts: { name: string; state: string; detail: unknown }[];
    }>();
    assert.equal(status.instance, ground.name);
    for (const name of ['control', 'agent', 'edge', 'database', 'engine']) {
      const part = status.parts.find((one) => one.name === name);
      assert.equal(part?.state, 'ok', `${name}: ${JSON.stringify(part)}`);
    }
    for (const part of status.parts) {
      assert.ok(part.state === 'ok' || part.detail !== null, `${part.name} is ${part.state} and does not say why`);
    }
    const doctor = await ground.darsena('doctor', '--json');
    assert.ok(doctor.json<{ checks?: unknown[]; items?: unknown[] }>() !== null);
  });

  test('deploy makes the missing base image, then builds, scans, signs, judges and rolls out, and says each', async (t) => {
    const began = performance.now();
    const { code, stdout, stderr } = await ground.darsena('deploy', source, '--yes');
    t.diagnostic(`first deploy: ${Math.round(performance.now() - began)} ms`);
    assert.equal(code, 0, `${stdout}${stderr}`);
    assert.match(stdout, /^done +Base image debian-12-nodejs .* packages/m);
    for (const image of ['web', 'api', 'worker']) {
      assert.match(stdout, new RegExp(`^done +Build ${image} .*layers, [\\d.]+ MB.* · [\\d.]+ m?s$`, 'm'));
      assert.match(stdout, new RegExp(`^done +Build ${image} › push `, 'm'));
      assert.match(stdout, new RegExp(`^done +Signatures of ${image} `, 'm'));
      assert.match(stdout, new RegExp(`^done +Scan ${image} +\\d+ packages`, 'm'));
      assert.match(stdout, new RegExp(`^done +Roll out ${image} .*1 ready`, 'm'));
    }
    // Nothing was imported: it says "no data", never "clean".
    assert.match(stdout, /^done +Scan web .*unknown, no data for: deb/m);
    assert.match(stdout, /^done +Verdict +allowed with \d+ warning/m);
    devUrl = /^https:\/\/web-tienda-dev\.\S+$/m.exec(stdout)?.[0] ?? assert.fail('no address was printed');
  });

  test('the shop answers clients that trust the printed authority, and no others', async () => {
    assert.equal((await ground.fetch(devUrl)).status, 200);
    const { hostname, port } = new URL(devUrl);
    // The edge has 443 where it is free, and a URL then tells no port.
    const resolve = `${hostname}:${port || 443}:127.0.0.1`;
    const curl = (...trust: string[]) =>
      runCommand('curl', ['--silent', '--show-error', '--resolve', resolve, ...trust, '--fail', devUrl], {
        timeoutMs: 20_000,
        env: { PATH: ground.environment['PATH'] ?? '' },
      });
    const trusting = await curl('--cacert', ground.files.ca);
    assert.equal(trusting.code, 0, trusting.stderr);
    assert.match(trusting.stdout, /Farol de muelle/);
    assert.equal((await curl()).code, 60, 'an unknown authority is refused');
  });

  test("an order reaches the worker's volume", async () => {
    const { status, headers } = await ground.fetch(new URL('/order', devUrl).href, {
      method: 'POST',
      form: { product: 'farol', count: '2' },
    });
    assert.equal(status, 303);
    assert.match(String(headers['location']), /taken=1/);
    const volume = await ground.podman('volume', 'ls', '--filter', `label=darsena.instance=${ground.name}`, '-q');
    const mount = await ground.podman('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);
    const kept = JSON.parse(await readFile(join(mount, 'orders.json'), 'utf8')) as { orders: { product: string }[] };
    assert.equal(kept.orders[0]?.product, 'farol');
  });

  test('advisories make dev warn, by name', async (t) => {
    const imported = await ground.darsena('advisories', 'import', join(EXAMPLE, 'advisories'));
    assert.equal(imported.code, 0, imported.stderr);
    const began = performance.now();
    const { code, stdout, stderr } = await ground.darsena('deploy', source, '--json');
    t.diagnostic(`deploy with everything in the cache: ${Math.round(performance.now() - began)} ms`);
    assert.equal(code, 0, stderr);
    const operation = JSON.parse(stdout) as Operation;
    const notes = operation.steps.flatMap(({ notes }) => notes.map(({ en }) => en));
    assert.ok(
      notes.some((note) => /^warns: .*minimist 0\.0\.8 \(CVE-2021-44906 → 0\.2\.4\)/.test(note)),
      notes.join('\n'),
    );
  });

  test('prod refuses the same digests with every reason, and exits 4', async () => {
    const { code, stdout, stderr } = await ground.darsena('promote', 'tienda', '--to', 'prod');
    assert.equal(code, 4, stderr);
    const [refused] = await promotions();
    assert.equal(refused?.state, 'refused');
    for (const { effect, message } of refused?.verdict.reasons ?? []) {
      // What one rule says of several things is said once, with all of them.
      for (const part of message.en.split(': ')) {
        assert.ok(stdout.includes(part), message.en);
        if (effect === 'refuse') assert.ok(stderr.includes(part), message.en);
      }
    }
    assert.match(stderr, /minimist 0\.0\.8 \(CVE-2021-44906 → 0\.2\.4\)/);
    assert.deepEqual(await workloads('prod'), []);
  });

  test('prod asks for an exception of a host whose run-times lack fixes: two administrators, until a day', async (t) => {
    interface Standing {
      readonly hosts: readonly { readonly host: string; readonly issues: readonly { readonly cve: string }[] }[];
    }
    const standing = (await ground.darsena('exception', 'host', 'list', '--json')).json<Standing>();
    const exposed = standing.hosts.filter(({ issues }) => issues.length > 0);
    assert.equal(standing.hosts.length, 1);
    if (exposed.length === 0) {
      t.skip('the run-times of this host have every fix: nothing is to be excepted');
      return;
    }
    const [refused] = await promotions();
    assert.ok(refused?.verdict.reasons.some(({ rule, effect }) => rule === 'host-runtime' && effect === 'refuse'));
    const ask = ['exception', 'host', 'request', exposed[0]?.host ?? ''];
    const nobody = await ground.darsena('exception', 'host', 'request', 'nowhere', '--reason', 'there is no such host');
    assert.equal(nobody.code, 2, nobody.stderr);
    const asked = await ground.darsena(
      ...ask,
      '--days',
      '7',
      '--reason',
      'the package of Debian has no fix yet',
      '--json',
    );
    assert.equal(asked.code, 0, asked.stderr);
    const { id } = asked.json<{ id: string }>();
    const alone = await ground.darsena('exception', 'host', 'approve', id);
    assert.equal(alone.code, 5, alone.stderr);
    const invited = await ground.darsena('user', 'create', 'carla', '--role', 'admin', '--json');
    assert.equal(invited.code, 0, invited.stderr);
    const second = await ground.person();
    const login = await second.darsena('login', '--code', invited.json<{ code: string }>().code);
    assert.equal(login.code, 0, login.stderr);
    const agreed = await second.darsena('exception', 'host', 'approve', id);
    assert.equal(agreed.code, 0, agreed.stderr);
  });

  test("the fix of the example's README passes, and waits for another person", async () => {
    await cp(join(source, 'fix'), join(source, 'api'), { recursive: true });
    const deployed = await ground.darsena('deploy', source);
    assert.equal(deployed.code, 0, deployed.stderr);
    assert.doesNotMatch(deployed.stdout, /CVE-2021-44906/);
    const { code, stdout, stderr } = await ground.darsena('promote', 'tienda', '--to', 'prod');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Waits for 1 approval.*darsena promotion approve tienda \S+/s);
    assert.equal((await promotions())[0]?.state, 'awaiting-approval');
  });

  test('who asked for it cannot approve it', async () => {
    const id = (await promotions())[0]?.id ?? '';
    const { code, stderr } = await ground.darsena('promotion', 'approve', 'tienda', id);
    assert.equal(code, 5, stderr);
    assert.match(stderr, new RegExp(`way out: .*darsena promotion approve tienda ${id}`));
    assert.equal((await promotions())[0]?.state, 'awaiting-approval');
  });

  test('another person approves, and prod serves the digests that dev has', async (t) => {
    const invited = await ground.darsena('user', 'create', 'bea', '--role', 'approver@tienda', '--json');
    assert.equal(invited.code, 0, invited.stderr);
    approver = await ground.person();
    const login = await approver.darsena('login', '--code', invited.json<{ code: string }>().code);
    assert.equal(login.code, 0, login.stderr);
    const id = (await promotions())[0]?.id ?? '';
    const began = performance.now();
    const { code, stdout, stderr } = await approver.darsena('promotion', 'approve', 'tienda', id);
    t.diagnostic(`approve to ready in prod: ${Math.round(performance.now() - began)} ms`);
    assert.equal(code, 0, `${stdout}${stderr}`);
    assert.equal(await shop('prod'), 200);
    const [dev, prod] = [await digests('dev'), await digests('prod')];
    assert.deepEqual(Object.keys(prod).sort(), ['api', 'web', 'worker']);
    assert.deepEqual(prod, dev);
    assert.deepEqual(Object.fromEntries((await workloads('prod')).map(({ name, ready }) => [name, ready])), {
      api: 2,
      web: 2,
      worker: 1,
    });
    assert.ok(Object.values(prod).every((digest) => /^sha256:[0-9a-f]{64}$/.test(digest)));
    // Who asked made the release; that somebody else approved it stands with the promotion.
    const released = await ground.darsena('release', 'list', 'tienda', '--env', 'prod', '--json');
    assert.equal(released.json<{ items: { createdBy: string }[] }>().items[0]?.createdBy, 'user:admin');
    // Without a tag the newest image is scanned, and which one is said.
    const scanned = await ground.darsena('scan', 'tienda/api', '--json');
    assert.equal(scanned.code, 0, scanned.stderr);
    assert.match(scanned.stderr, /the newest: tienda\/api:\S+ \(sha256:/);
  });

  test('the approver may approve and nothing else', async () => {
    for (const args of [
      ['exec', 'tienda/web', '--', 'sh'],
      ['rollback', 'tienda', '--env', 'prod'],
      ['deploy', source],
    ]) {
      const { code, stderr } = await approver.darsena(...args);
      // As with podman, 125 is the platform's own: every other code of `exec` is the program's.
      assert.equal(code, args[0] === 'exec' ? 125 : 5, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, /may not do this/);
    }
  });

  test('production gets another policy once another person agrees, and what runs goes on', async () => {
    interface View {
      readonly policy: string;
      readonly waiting: { readonly id: string } | null;
      readonly running: readonly { readonly workload: string; readonly decision: string }[];
    }
    const show = async (): Promise<View> => (await ground.darsena('env', 'show', 'tienda/prod', '--json')).json<View>();
    const change = async (policy: string): Promise<void> => {
      const asked = await ground.darsena('env', 'set', 'tienda/prod', '--policy', policy, '--yes');
      assert.equal(asked.code, 0, asked.stderr);
      assert.match(asked.stdout, /admissions recorded since .*: \d+ would be refused now, \d+ no longer/);
      assert.match(asked.stdout, /waits for a second person: darsena env approve tienda\/prod/);
      const id = (await show()).waiting?.id ?? '';
      const own = await ground.darsena('env', 'approve', 'tienda/prod', '--change', id);
      assert.equal(own.code, 5, own.stderr);
      const agreed = await approver.darsena('env', 'approve', 'tienda/prod', '--change', id);
      assert.equal(agreed.code, 0, agreed.stderr);
    };
    await change('pod-security-restricted@1.30');
    const changed = await show();
    const said = JSON.stringify(changed);
    assert.deepEqual([changed.policy, changed.waiting], ['pod-security-restricted@1.30', null], said);
    assert.deepEqual(changed.running.map(({ workload }) => workload).sort(), ['api', 'web', 'worker'], said);
    assert.equal(await shop('prod'), 200);
    await change('prod');
    assert.equal((await show()).policy, 'prod');
  });

  test('a shell in a container is an incident within three seconds, with its story back to the build', async (t) => {
    if (!instance.sensor) {
      t.skip('this kernel, or our rights on it, do not let the sensor load');
      return;
    }
    shell = ground.terminal('exec', 'tienda/web', '--', 'sh');
    let output = '';
    shell.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
    shell.stdin.write('id; sleep 300\n');
    await eventually('the shell answers', async () => output.includes('uid=10001'));
    const answered = performance.now();
    const { number } = await eventually(
      'an incident',
      async () =>
        (await ground.api<{ items: Incident[] }>('GET', '/incidents?state=open&project=tienda')).items[0] ?? null,
    );
    t.diagnostic(`shell to incident seen: ${Math.round(performance.now() - answered)} ms`);
    const incident = (await ground.darsena('incident', 'show', String(number), '--json')).json<Incident>();
    assert.deepEqual([incident.project, incident.workload], ['tienda', 'web']);
    assert.equal(incident.digest, (await digests('dev'))['web']);
    const stations = incident.timeline.map(({ station }) => station);
    for (const station of ['build', 'scan', 'signature', 'verdict', 'deploy', 'alert'])
      assert.ok(stations.includes(station), station);
    assert.equal(stations[0], 'build');
    assert.equal(stations.at(-1), 'alert');
    const times = incident.timeline.map(({ at }) => at);
    assert.deepEqual(times, times.toSorted());
  });

  test('respond --kill ends what the incident is about', async (t) => {
    if (shell === null) {
      t.skip('there was no incident without the sensor');
      return;
    }
    const ended = new Promise((resolve) => shell?.once('exit', resolve));
    const [open] = (await ground.api<{ items: Incident[] }>('GET', '/incidents?state=open&project=tienda')).items;
    const number = String(open?.number);
    const { processTree } = (await ground.darsena('incident', 'show', number, '--json')).json<Incident>();
    const named = flatten(processTree).filter(({ alert }) => alert);
    assert.ok(named.length > 0);
    const { code, stderr } = await ground.darsena('incident', 'respond', number, '--kill');
    assert.equal(code, 0, stderr);
    for (const { pid } of named) assert.equal(await exists(`/proc/${pid}`), false, `process ${pid}`);
    await ended;
    shell = null;
    assert.equal((await ground.darsena('incident', 'show', number, '--json')).json<Incident>().state, 'contained');
    await eventually('the shop serves', async () => (await shop('dev')) === 200);
  });

  test('rollback returns to the release before', async () => {
    const before = await digests('dev');
    const { code, stdout, stderr } = await ground.darsena('rollback', 'tienda', '--env', 'dev');
    assert.equal(code, 0, `${stdout}${stderr}`);
    const now = await digests('dev');
    assert.notEqual(now['api'], before['api'], 'the API is the one with the old package again');
    assert.equal(now['web'], before['web']);
    assert.equal(await shop('dev'), 200);
  });

  test('what runs and turns vulnerable gets a deadline that is shown, and its pod is started again when it dies', async (t) => {
    const { path: file, minimist } = await advisoryOfTonight(source);
    const [before] = (await workloads('prod')).filter(({ name }) => name === 'api');
    const imported = await ground.darsena('advisories', 'import', file);
    assert.equal(imported.code, 0, imported.stderr);
    const due = await eventually(
      'a deadline',
      async () => {
        const listed = await ground.darsena('scan', 'deadlines', '--project', 'tienda', '--json');
        const { items } = listed.json<{ items: Deadline[] }>();
        const isIt = ({ environment, reasons }: Deadline): boolean =>
          environment === 'prod' && reasons.some(({ en }) => en.includes(minimist));
        return items.find(isIt)?.due ?? null;
      },
      60_000,
    );
    assert.match((await ground.darsena('scan', 'deadlines')).stdout, /tienda\/prod +[0-9a-f]{12} +whole image/);
    await eventually('a verdict about what runs', async () => {
      const { items } = (await ground.darsena('audit', 'list', '--limit', '200', '--json')).json<{ items: Fact[] }>();
      return items.some(
        ({ kind, subject, body }) =>
          kind === 'workload.judged' &&
          subject === 'tienda/prod/api' &&
          body?.decision === 'warn' &&
          body.grace === due,
      );
    });
    const dead = before?.replicas[0]?.containers[0]?.id ?? '';
    const began = performance.now();
    const pod = (await ground.podman('inspect', '--format', '{{.Pod}}', dead)).trim();
    await ground.podman('pod', 'rm', '-f', '-t', '0', pod);
    await eventually(
      'the replica is there again',
      async () => {
        const found = (await workloads('prod')).find(({ name }) => name === 'api');
        const ids = found?.replicas.flatMap((replica) => replica.containers.map(({ id }) => id)) ?? [];
        return found?.ready === 2 && !ids.includes(dead);
      },
      60_000,
    );
    t.diagnostic(`killed to ready again: ${Math.round(performance.now() - began)} ms`);
    assert.equal(await shop('prod'), 200);
  });

  test('the platform’s own keys become others, a stolen one counts at once no more, and what dies is started again', async (t) => {
    const policy = join(source, 'trust.yaml');
    await writeFile(policy, 'version: 1\nrules: [{ repositories: ["**"], scan: { count: 1, of: [control] } }]\n');
    const keys = (await ground.darsena('trust', 'keys', '--json')).json<{ items: { name: string }[] }>().items;
    const builder = keys.find(({ name }) => name.startsWith('builder:'))?.name ?? '';
    const began = performance.now();
    for (const words of [
      ['policy', 'set', policy],
      ['rotate', builder],
      ['rotate', 'control', '--stolen'],
    ]) {
      const { code, stderr } = await ground.darsena('trust', ...words);
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
    }
    const worker = async () => (await workloads('dev')).find(({ name }) => name === 'worker');
    const dead = (await worker())?.replicas[0]?.containers[0]?.id ?? '';
    const pod = (await ground.podman('inspect', '--format', '{{.Pod}}', dead)).trim();
    await ground.podman('pod', 'rm', '-f', '-t', '0', pod);
    await eventually(
      'the worker is there again',
      async () => {
        const found = await worker();
        const ids = found?.replicas.flatMap((replica) => replica.containers.map(({ id }) => id)) ?? [];
        return found?.ready === 1 && ids.length === 1 && !ids.includes(dead);
      },
      60_000,
      async () => {
        const logs = ['agent', 'control'].map((name) => readFile(ground.files.log(name), 'utf8'));
        return [JSON.stringify(await worker()), ...(await Promise.all(logs)).map((text) => text.slice(-6_000))].join(
          '\n',
        );
      },
    );
    t.diagnostic(`keys changed and started again: ${Math.round(performance.now() - began)} ms`);
  });

  test('how available and intact environments are is measured against what the project file states', async () => {
    interface Assurance {
      readonly environment: string;
      readonly objective: number | null;
      readonly served: number | null;
      readonly watchedSeconds: number;
      readonly images: { readonly total: number; readonly signed: number };
    }
    const read = async (): Promise<readonly Assurance[]> =>
      (await ground.darsena('assurance', 'tienda', '--json')).json<{ items: readonly Assurance[] }>().items;
    const items = await eventually(
      'both environments to have been watched for a while',
      async () => {
        const found = await read();
        return found.length === 2 && found.every(({ watchedSeconds }) => watchedSeconds >= 15) ? found : null;
      },
      120_000,
    );
    const said = JSON.stringify(items);
    assert.deepEqual(
      items.map(({ environment, objective }) => [environment, objective]),
      [
        ['dev', null],
        ['prod', 99.9],
      ],
    );
    // Every image was built here.
    for (const { images, served } of items) {
      assert.equal(images.total, 3, said);
      assert.equal(images.signed, 3, said);
      assert.ok(served !== null && served > 0, said);
    }
  });

  test('who talked to whom is told, and the policies that follow from it can be written', async () => {
    interface Way {
      readonly workload: string;
      readonly direction: string;
      readonly refused: boolean;
      readonly peer: { readonly kind: string; readonly name?: string };
    }
    const until = performance.now() + 60_000;
    const find = async (): Promise<Way | undefined> => {
      const { items } = (await ground.darsena('network', 'flows', 'tienda', '--environment', 'dev', '--json')).json<{
        items: readonly Way[];
      }>();
      return items.find(
        ({ workload, direction, peer }) => workload === 'web' && direction === 'out' && peer.name === 'api',
      );
    };
    let way = await find();
    while (way === undefined && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      way = await find();
    }
    assert.equal(way?.refused, false);
    const { stdout } = await ground.darsena('network', 'propose', 'tienda', '--environment', 'dev');
    assert.match(stdout, /^kind: NetworkPolicy$/m);
  });

  test('the journal holds all of it, in order and unbroken', async () => {
    const verified = await ground.darsena('audit', 'verify', '--json');
    assert.equal(verified.code, 0, verified.stderr);
    assert.equal(verified.json<{ state: string }>().state, 'intact');
    const list = async (...options: string[]): Promise<Fact[]> => {
      const told = await ground.darsena('audit', 'list', '--limit', '500', '--json', ...options);
      return told.json<{ items: Fact[] }>().items.toSorted((one, other) => one.seq - other.seq);
    };
    const facts = await list();
    assert.ok(
      facts.every(({ seq }, index) => seq === (facts[0]?.seq ?? 0) + index),
      'no number is missing',
    );
    // Containers that others start on this machine meanwhile are facts too, of no project, and may be hundreds.
    const ours = await list('--project', 'tienda');
    const first = (kind: string, subject: RegExp): number => {
      const found = ours.find((fact) => fact.kind === kind && subject.test(fact.subject));
      return found?.seq ?? assert.fail(`no fact ${kind} ${subject}`);
    };
    const order = [
      first('image.pushed', /^tienda\/web:/),
      first('image.signed', /^tienda\/web/),
      first('workload.judged', /^tienda\/dev\/web/),
      first('workload.changed', /^tienda\/dev/),
      first('promotion.requested', /^tienda dev → prod/),
      first('promotion.approved', /^tienda dev → prod/),
      first('workload.changed', /^tienda\/prod/),
      ...(instance.sensor
        ? [
            first('workload.exec-opened', /^tienda\/dev\/web/),
            first('alert.raised', /web/),
            first('incident.opened', /./),
          ]
        : []),
    ];
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      JSON.stringify(ours.filter(({ kind }) => /^(?:incident|alert)\./.test(kind))),
    );
    const approved = ours.find(({ kind }) => kind === 'promotion.approved');
    assert.equal(approved?.actor, 'user:bea');
  });

  test('down leaves workloads serving; up adopts them as they are', async (t) => {
    const before = await containers();
    assert.equal(before.length, 8);
    const down = await ground.darsena('down');
    assert.equal(down.code, 0, down.stderr);
    const label = `label=darsena.instance=${ground.name}`;
    const running = (await ground.podman('ps', '--no-trunc', '--filter', label, '--format', '{{.ID}}')).split('\n');
    for (const id of before) assert.ok(running.includes(id), id);
    const began = performance.now();
    const { code, stderr } = await ground.darsena('up', '--yes');
    assert.equal(code, 0, stderr);
    t.diagnostic(`up after down: ${Math.round(performance.now() - began)} ms`);
    await eventually('every replica is seen again', async () => (await containers()).length === before.length);
    assert.deepEqual(await containers(), before);
    await eventually('the shop serves', async () => (await shop('prod')) === 200);
  });

  test('purge leaves nothing of the instance', async (t) => {
    const began = performance.now();
    const { code, stdout, stderr } = await ground.darsena('down', '--purge', '--yes');
    assert.equal(code, 0, stderr);
    t.diagnostic(`purge: ${Math.round(performance.now() - began)} ms`);
    assert.match(stdout, /removed \d+ pods/);
    assert.deepEqual(await findRemains(instance), []);
    // What people made is theirs.
    assert.ok(await exists(join(source, 'darsena.yaml')));
  });
});

function flatten(tree: readonly TreeProcess[]): TreeProcess[] {
  return tree.flatMap((one) => [one, ...flatten(one.children)]);
}

/** An advisory that nobody knew yesterday, of a package that prod runs; as critical as they come. */
async function advisoryOfTonight(source: string): Promise<{ path: string; minimist: string }> {
  const folder = join(source, 'advisory');
  await mkdir(folder);
  const text = await readFile(join(EXAMPLE, 'advisories', 'GHSA-xvch-5gv4-984h.json'), 'utf8');
  const record = JSON.parse(text) as { affected: { ranges: { events: object[] }[] }[] };
  const events = [{ introduced: '0' }, { fixed: '99.0.0' }];
  const path = join(folder, 'GHSA-2222-3333-4444.json');
  const changed = { ...record, id: 'GHSA-2222-3333-4444', aliases: ['CVE-2099-0001'] };
  for (const one of changed.affected) for (const range of one.ranges) range.events = events;
  await writeFile(path, JSON.stringify(changed));
  return { path, minimist: 'CVE-2099-0001' };
}
