/** Every action of response and a playbook, on a real instance: said before, done, seen from outside, and taken back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runCommand, systemClock, type Text } from '../../src/system/index.ts';
import { eventually, exists, FaultGround, missingPart, type Outcome } from './faults-ground.ts';
import { Ground, missingParts } from './observe-ground.ts';
import { missingRootlessParts, openRootlessGround } from './rootless-ground.ts';

const skip = (await missingPart()) || missingParts();
const IS_SOAK = process.env['DARSENA_SOAK'] === '1';
const WAIT_MS = 60_000;
/** A program of a package by Debian's books; by this beginning of its name busybox does what it is told. */
const PROBE = '/usr/bin/busybox-probe';

interface Offer {
  readonly kind: string;
  readonly effect: readonly Text[];
  readonly undo: string | null;
  readonly why: Text | null;
}
interface Incident {
  readonly number: number;
  readonly state: string;
  readonly containerId: string;
  readonly containerGone: boolean;
  readonly workload: string;
  readonly alertsList: readonly { readonly rule: string; readonly output: string; readonly process: { pid: number } }[];
}
interface Acted {
  readonly state: string;
  readonly detail: Text | null;
}

suite('every action of response', { skip, timeout: 900_000 }, () => {
  const ground = new FaultGround();
  const heard: { headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
  let refusals = 1;
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += piece.toString('utf8');
    });
    request.on('end', () => {
      // The first is not taken: it comes once more.
      const isTaken = --refusals < 0;
      if (isTaken) heard.push({ headers: request.headers, body });
      response.writeHead(isTaken ? 204 : 503).end();
    });
  });
  let web: Incident;
  let store: Incident;

  const done = ({ code, stdout, stderr }: Outcome, what: string): string => {
    assert.equal(code, 0, `${what}: ${stdout}\n${stderr}`);
    return stdout;
  };
  const darsena = async (...args: string[]): Promise<string> => done(await ground.darsena(...args), args.join(' '));
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await darsena(...args, '--json')) as T;
  const offers = async (incident: Incident): Promise<readonly Offer[]> =>
    (await json<{ items: Offer[] }>('incident', 'respond', String(incident.number), '--preview')).items;

  /** Says what it will do, in both languages, does it, and says so in the incident. */
  async function act(incident: Incident, kind: string): Promise<string> {
    const offer = (await offers(incident)).find((one) => one.kind === kind);
    assert.ok(offer !== undefined, `${kind} is offered`);
    assert.equal(offer.why, null, `${kind}: ${JSON.stringify(offer.why)}`);
    for (const text of offer.effect) assert.ok(text.en.length > 10 && text.es.length > 10 && text.en !== text.es, kind);
    assert.ok(offer.effect.length > 0, `${kind} says what it will do`);
    const acted = await json<Acted>('incident', 'respond', String(incident.number), kind, '--reason', 'the walk');
    assert.equal(acted.state, 'done', `${kind}: ${JSON.stringify(acted)}`);
    return acted.detail?.en ?? '';
  }

  /** Afterwards the way back is offered, and the action itself is not. */
  async function actAndBack(
    incident: Incident,
    kind: string,
    undo: string,
    between: () => Promise<void>,
  ): Promise<void> {
    await act(incident, kind);
    const after = await offers(incident);
    assert.match(after.find((one) => one.kind === kind)?.why?.en ?? '', /in force/, kind);
    assert.equal(after.find((one) => one.kind === undo)?.why, null, undo);
    assert.equal(after.find((one) => one.kind === kind)?.undo, undo);
    await between();
    await act(incident, undo);
    assert.match(
      (await offers(incident)).find((one) => one.kind === undo)?.why?.en ?? '',
      /nothing to take back/,
      undo,
    );
  }

  async function inspect(id: string, format: string): Promise<string> {
    return (await ground.podman('inspect', '--format', format, id)).trim();
  }

  /** A denied package's program runs in the workload, and stays; the incident is that of its container. */
  async function provoke(workload: string): Promise<Incident> {
    const ended = ground.exec(`mini/${workload}`, PROBE, 'sleep', '900').catch((error: unknown) => error);
    const tell = async (): Promise<string> => JSON.stringify(await Promise.race([ended, 'it runs']));
    for (const until = performance.now() + WAIT_MS; ; await systemClock.sleep(500)) {
      const said = await json<{ items: Incident[] } | Incident[]>('incident', 'list', '--project', 'mini');
      const all = 'items' in said ? said.items : said;
      for (const { number } of all.filter((one) => one.workload === workload)) {
        const found = await json<Incident>('incident', 'show', String(number));
        if (found.alertsList.some(({ rule }) => rule === 'Denied package')) return found;
      }
      assert.ok(performance.now() < until, `no incident of ${workload}; ${await tell()}; ${JSON.stringify(all)}`);
    }
  }

  const isServing = (content: string): Promise<unknown> =>
    eventually(
      () => ground.get(),
      ({ status, body }) => status === 200 && body === content,
      WAIT_MS,
    );

  async function stands(pods: number): Promise<void> {
    try {
      await eventually(
        () => ground.pods(),
        (names) => names.length === pods,
        WAIT_MS * 2,
      );
    } catch (error) {
      assert.fail(`${String(error)}\n${await darsena('ps', 'mini', '--json')}`);
    }
  }

  before(async () => {
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    await ground.open();
    const root = join(ground.project, 'root');
    await mkdir(join(root, 'var/lib/dpkg/info'), { recursive: true });
    await mkdir(join(root, 'etc'), { recursive: true });
    await mkdir(join(root, 'usr/bin'), { recursive: true });
    await copyFile(join(ground.project, 'busybox'), join(root, PROBE));
    await writeFile(join(root, 'etc/os-release'), 'PRETTY_NAME="Debian 12"\nID=debian\nVERSION_ID="12"\n');
    await writeFile(
      join(root, 'var/lib/dpkg/status'),
      'Package: acme-probe\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n',
    );
    await writeFile(join(root, 'var/lib/dpkg/info/acme-probe.list'), `/.\n${PROBE}\n`);
    const file = join(ground.project, 'Containerfile');
    await writeFile(file, (await readFile(file, 'utf8')).replace('COPY www', 'COPY root /\nCOPY www'));
    await ground.change('first\n');
    await ground.deploys();
    await ground.change('second\n');
    await ground.deploys();
    await isServing('second');
    await stands(3);
  });
  after(async () => {
    receiver.closeAllConnections();
    receiver.close();
    await ground.close();
  });

  test('a policy knows a package in the images that run, by the scan of each, and tells of its program', async (t) => {
    const policy = join(ground.home, 'tools.yaml');
    const text = 'name: no-probes\nmatch: { projects: [mini] }\npackages: [acme-probe]\n';
    await writeFile(policy, text);
    await darsena('prevent', 'apply', policy);
    const images = await eventually(
      () =>
        json<{ image: string; unknown: Text | null; found: { purl: string; programs: string[] }[] }[]>(
          'prevent',
          'packages',
          'no-probes',
        ),
      (some) => some.length > 0 && some.every(({ unknown }) => unknown === null),
      WAIT_MS,
    );
    assert.ok(
      images.every(
        ({ found }) => found[0]?.programs[0] === PROBE && found[0].purl.startsWith('pkg:deb/debian/acme-probe@1.0-1'),
      ),
      JSON.stringify(images),
    );
    interface Listed {
      readonly items: readonly {
        hosts: { state: string; parts: { part: string; strength: string; containers: number }[] }[];
      }[];
    }
    const listed = await eventually(
      () => json<Listed>('prevent', 'list'),
      ({ items }) =>
        items[0]?.hosts[0]?.parts.some(({ part, containers }) => part === 'package' && containers === 3) === true,
      WAIT_MS,
    );
    assert.deepEqual(
      listed.items[0]?.hosts[0]?.parts.map(({ strength }) => strength),
      ['reports'],
    );
    t.diagnostic(JSON.stringify(listed.items[0]?.hosts));
    [web, store] = [await provoke('web'), await provoke('store')];
    assert.ok(
      web.alertsList.some(({ rule, output }) => rule === 'Denied package' && output.includes('acme-probe')),
      JSON.stringify(web.alertsList),
    );
  });

  test('notify: a receiver that refused once has it all the same, signed', async () => {
    const { port } = receiver.address() as AddressInfo;
    const secret = join(ground.home, 'secret');
    await writeFile(secret, 'k'.repeat(32));
    const channel = ['--kind', 'webhook', '--to', `http://127.0.0.1:${port}/`, '--secret-file', secret];
    await darsena('notice', 'add', 'ops', ...channel, '--allow-network', '127.0.0.0/8', '--priority', 'debug');
    assert.match(await act(web, 'notify'), /1 channels/);
    await eventually(
      async () => heard.length,
      (count) => count > 0,
      WAIT_MS,
    );
    const [first] = heard;
    assert.equal((JSON.parse(first?.body ?? '{}') as { incident: Incident }).incident.number, web.number);
    assert.match(String(first?.headers['darsena-signature']), /^v1=[0-9a-f]{64}$/);
  });

  test('evidence: taken, and checked without the platform', async () => {
    const [, id = ''] = /^evidence (\S+):/.exec(await act(web, 'evidence')) ?? [];
    const archive = join(ground.home, 'evidence.tar');
    await darsena('evidence', 'export', id, '-o', archive);
    await darsena('evidence', 'verify', archive);
    assert.equal(await inspect(web.containerId, '{{.State.Status}}'), 'running', 'it goes on');
  });

  test('pause: nothing in the container runs until it is taken back', async () => {
    await actAndBack(web, 'pause', 'unpause', async () => {
      assert.equal(await inspect(web.containerId, '{{.State.Status}}'), 'paused');
      await isServing('second');
    });
    assert.equal(await inspect(web.containerId, '{{.State.Status}}'), 'running');
  });

  test('isolate: no packet comes in or out of the pod until it is taken back', async () => {
    const pid = await inspect(web.containerId, '{{.State.Pid}}');
    const reach = async (): Promise<number> => {
      const address = await runCommand('nsenter', ['-t', pid, '-n', 'hostname', '-I'], { timeoutMs: 30_000 });
      const [ip = ''] = address.stdout.trim().split(' ');
      const asked = await runCommand('curl', ['--silent', '--max-time', '3', `http://${ip}:8080/`], {
        timeoutMs: 30_000,
      });
      return asked.code;
    };
    assert.equal(await reach(), 0);
    await actAndBack(web, 'isolate', 'unisolate', async () => {
      assert.notEqual(await reach(), 0);
      await isServing('second');
    });
    assert.equal(await reach(), 0);
  });

  test('quarantine: the image is refused to new releases until it is taken back', async () => {
    await actAndBack(web, 'quarantine', 'unquarantine', async () => {
      const refused = await ground.deploy();
      assert.notEqual(refused.code, 0, refused.stdout);
      assert.match(`${refused.stdout}${refused.stderr}`, /quarantine/);
      await isServing('second');
    });
    await ground.deploys();
  });

  test('revoke-tokens: the robots of the project are disabled', async () => {
    await darsena('robot', 'create', 'mini', 'ci', '--right', 'puller', '--json');
    assert.match(await act(web, 'revoke-tokens'), /ci/);
    const listed = await darsena('robot', 'list', 'mini', '--json');
    assert.match(listed, /disabled/);
    await darsena('robot', 'enable', 'mini', 'ci');
  });

  test('snapshot: each claim of the workload is copied', async () => {
    assert.match(await act(store, 'snapshot'), /data: /);
    await eventually(
      () => darsena('backup', 'list', 'mini', '--json'),
      (text) => /"kind":\s*"snapshot"/.test(text) && /"state":\s*"(?:ready|done|complete)"/.test(text),
      WAIT_MS,
    );
  });

  test('cordon: the host takes no new pods until it is taken back', async () => {
    await actAndBack(web, 'cordon', 'uncordon', async () => {
      const refused = await ground.darsena('scale', 'mini/web', '--replicas', '3');
      assert.notEqual(refused.code, 0, refused.stdout);
      assert.match(refused.stderr, /in maintenance, so nothing new is started/);
      assert.equal((await ground.pods()).length, 3, 'what runs goes on');
    });
    await darsena('scale', 'mini/web', '--replicas', '3');
    await stands(4);
    await darsena('scale', 'mini/web', '--replicas', '2');
    await stands(3);
  });

  test('kill-process: what the alerts name is ended, and its container goes on', async () => {
    const started = await inspect(store.containerId, '{{.State.StartedAt}}');
    const pids = store.alertsList.map(({ process }) => process.pid);
    assert.ok(pids.length > 0);
    await act(store, 'kill-process');
    for (const pid of pids) assert.equal(await exists(`/proc/${pid}`), false, `process ${pid}`);
    assert.equal(await inspect(store.containerId, '{{.State.StartedAt}}'), started);
    assert.equal((await json<Incident>('incident', 'show', String(store.number))).state, 'contained');
  });

  test('a playbook does its steps, leaves out what does not fit, and waits for another person', async () => {
    const file = join(ground.home, 'playbook.yaml');
    await writeFile(
      file,
      'name: hold\nsteps:\n  - do: notify\n  - do: quarantine\n    when: { environments: [prod] }\n  - do: pause\n    approve: true\n  - do: unpause\n',
    );
    await darsena('playbook', 'apply', file);
    const number = String(web.number);
    const shown = await darsena('playbook', 'run', 'hold', '--incident', number, '--preview');
    assert.match(
      shown,
      /1\. notify[\s\S]*2\. quarantine[\s\S]*left out[\s\S]*3\. pause[\s\S]*somebody else has to agree/,
    );
    interface Run {
      readonly id: string;
      readonly state: string;
      readonly steps: readonly { state: string }[];
    }
    const run = await json<Run>('playbook', 'run', 'hold', '--incident', number);
    assert.deepEqual(
      [run.state, run.steps.map(({ state }) => state)],
      ['awaiting', ['done', 'skipped', 'awaiting', 'pending']],
    );
    const own = await ground.darsena('playbook', 'approve', run.id);
    assert.equal(own.code, 5, `${own.stdout}${own.stderr}`);
    const { code } = await json<{ code: string }>('user', 'create', 'eva', '--role', 'admin');
    const other = { HOME: join(ground.home, 'eva') };
    await mkdir(other.HOME);
    done(await ground.darsenaWith(other, 'login', '--code', code), 'login');
    done(await ground.darsenaWith(other, 'playbook', 'approve', run.id), 'approve');
    const ended = await eventually(
      async () => (await json<{ items: Run[] }>('playbook', 'show', number)).items[0],
      (one) => one?.state === 'done',
      WAIT_MS,
    );
    assert.deepEqual(
      ended?.steps.map(({ state }) => state),
      ['done', 'skipped', 'done', 'done'],
    );
    assert.equal(await inspect(web.containerId, '{{.State.Status}}'), 'running');
  });

  test('by policy: first only said, then done within its limit, and where it asks somebody else agrees', async () => {
    interface Did {
      readonly id: string;
      readonly actor: string;
      readonly kind: string;
      readonly state: string;
      readonly detail: Text | null;
    }
    type Shown = Incident & { readonly actions: readonly Did[] };
    const other = { HOME: join(ground.home, 'eva') };
    /** What the policy did about any incident, once it did anything more than before. */
    const didBy = async (name: string, workload: string, more = 1): Promise<{ incident: Shown; did: Did }[]> => {
      const before = (await all(name)).length;
      await ground.exec(`mini/${workload}`, PROBE, 'true');
      return eventually(
        () => all(name),
        (found) => found.length >= before + more && found.every(({ did }) => !/queued|running/.test(did.state)),
        WAIT_MS,
      );
    };
    const all = async (name: string): Promise<{ incident: Shown; did: Did }[]> => {
      const said = await json<{ items: Incident[] } | Incident[]>('incident', 'list', '--project', 'mini');
      const shown = await Promise.all(
        ('items' in said ? said.items : said).map(({ number }) => json<Shown>('incident', 'show', String(number))),
      );
      return shown.flatMap((incident) =>
        incident.actions.filter(({ actor }) => actor === `policy:${name}`).map((did) => ({ incident, did })),
      );
    };
    const apply = async (name: string, more: string): Promise<void> => {
      const file = join(ground.home, `${name}.yaml`);
      await writeFile(
        file,
        `name: ${name}\nmatch: { rules: [Denied package], projects: [mini] }\ndo: [pause]\n${more}`,
      );
      const tried = await json<{ items: { how: string }[] }>('response', 'policy', 'try', file);
      assert.ok(tried.items.length > 0, 'what was stored would have made it act');
      await darsena('response', 'policy', 'apply', file);
    };
    await apply('trial', '');
    const [trial] = await didBy('trial', 'store');
    assert.equal(trial?.did.state, 'dry-run', JSON.stringify(trial?.did));
    assert.equal(await inspect(trial.incident.containerId, '{{.State.Status}}'), 'running');
    await darsena('response', 'policy', 'remove', 'trial');

    await apply('hold', 'mode: enforce\nlimit: { actions: 1, minutes: 60 }\n');
    const [held] = await didBy('hold', 'store');
    assert.equal(held?.did.state, 'done', JSON.stringify(held?.did));
    assert.equal(await inspect(held.incident.containerId, '{{.State.Status}}'), 'paused');
    const over = (await didBy('hold', 'web')).find(({ incident }) => incident.workload === 'web');
    assert.equal(over?.did.state, 'declined', JSON.stringify(over?.did));
    assert.match(over.did.detail?.en ?? '', /held back/, JSON.stringify(over.did));
    assert.equal(await inspect(over.incident.containerId, '{{.State.Status}}'), 'running');
    await act(held.incident, 'unpause');
    await darsena('response', 'policy', 'remove', 'hold');

    await apply('ask', 'mode: enforce\napprove: [dev]\n');
    const [asked] = await didBy('ask', 'store');
    assert.equal(asked?.did.state, 'awaiting', JSON.stringify(asked?.did));
    const answer = ['incident', 'approve', String(asked.incident.number), asked.did.id];
    const own = await ground.darsena(...answer);
    assert.equal(own.code, 5, `${own.stdout}${own.stderr}`);
    assert.equal(await inspect(asked.incident.containerId, '{{.State.Status}}'), 'running');
    done(await ground.darsenaWith(other, ...answer), 'approve');
    await eventually(
      () => inspect(asked.incident.containerId, '{{.State.Status}}'),
      (state) => state === 'paused',
      WAIT_MS,
    );
    await act(asked.incident, 'unpause');
    await darsena('response', 'policy', 'remove', 'ask');
  });

  test('what somebody runs beside the platform is told, and by rule stopped, also without root, but for what is allowed', async (t) => {
    const beside = new Ground();
    const rootless = IS_SOAK && (await missingRootlessParts()) === null ? await openRootlessGround('beside') : null;
    const word = `beside-${ground.name}`;
    const uid = rootless === null ? 0 : (await stat(rootless.folder)).uid;
    /** Of the account that was made for it. */
    const asUser = async (...args: string[]): Promise<string> => {
      const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((one) => one.split(':')[2] === String(uid));
      const env = {
        PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
        HOME: line?.split(':')[5] ?? '',
        XDG_RUNTIME_DIR: rootless?.folder ?? '',
      };
      const rights = [`--reuid=${uid}`, `--regid=${uid}`, '--init-groups', '--', 'podman'];
      const { code, stdout, stderr } = await runCommand('setpriv', [...rights, ...args], {
        env,
        timeoutMs: WAIT_MS * 2,
        cwd: '/',
      });
      assert.equal(code, 0, stderr);
      return stdout.trim();
    };
    const start = (name: string): string =>
      beside.startContainerWith(['--name', `${word}-${name}`], beside.image, 'sleep', '600');
    const startRootless = (name: string): Promise<string> =>
      asUser('run', '-d', '--network', 'none', '--name', `${word}-${name}`, rootless?.image ?? '', 'sleep', '600');
    const isRunning = async (id: string, of: 'root' | 'user' = 'root'): Promise<boolean> =>
      (of === 'root'
        ? beside.podman('inspect', '-f', '{{.State.Running}}', id)
        : await asUser('inspect', '-f', '{{.State.Running}}', id)) === 'true';
    const stops = async (id: string, of: 'root' | 'user' = 'root'): Promise<number> => {
      const began = performance.now();
      await eventually(
        () => isRunning(id, of),
        (running) => !running,
        WAIT_MS,
      );
      return Math.round(performance.now() - began);
    };
    try {
      const ids = [start('one'), start('kept'), ...(rootless === null ? [] : [await startRootless('user')])];
      interface Listed {
        readonly items: readonly { id: string; name: string | null; uid: number; stoppedAt: string | null }[];
      }
      const listed = await eventually(
        () => json<Listed>('foreign', 'list'),
        ({ items }) => ids.every((id) => items.some((one) => one.id === id)),
        WAIT_MS,
      );
      t.diagnostic(JSON.stringify(listed.items.filter(({ id }) => ids.includes(id))));
      assert.ok(await isRunning(ids[0] ?? ''), 'without a rule it is only told');
      const told = await json<{ items: { rule: string }[] }>('incident', 'list');
      assert.match(JSON.stringify(told), /Container not started by the platform/);
      await darsena('foreign', 'allow', '--name', `${word}-kept`, '--reason', 'the walk');
      // By its name alone: others of this machine run containers too.
      await darsena('foreign', 'rule', 'stop', '--name', `${word}-*`, '--reason', 'the walk');
      t.diagnostic(`stopped ${await stops(ids[0] ?? '')} ms after the rule`);
      t.diagnostic(`one that is started under the rule: ${await stops(start('late'))} ms after its start`);
      if (rootless !== null) {
        t.diagnostic(`of an ordinary user: ${await stops(ids[2] ?? '', 'user')} ms`);
        t.diagnostic(
          `of an ordinary user, under the rule: ${await stops(await startRootless('again'), 'user')} ms after its start`,
        );
      }
      assert.ok(await isRunning(ids[1] ?? ''), 'what is allowed goes on');
    } finally {
      await rootless?.close();
      await beside.close();
    }
  });

  test('kill-container: it ends and a fresh one takes its place', async () => {
    await act(web, 'kill-container');
    const label = ['--filter', `label=darsena.instance=${ground.name}`, '--no-trunc', '--format', '{{.ID}}'];
    await eventually(
      () => ground.podman('ps', ...label),
      (running) => !running.includes(web.containerId),
      WAIT_MS,
    );
    await eventually(
      () => ground.containers(),
      (all) => all.length === 3,
      WAIT_MS,
    );
    await isServing('second');
  });

  test('pause: a container that is gone took it along; that is said, and it is only taken back', async () => {
    await act(store, 'pause');
    await ground.podman('rm', '--force', '--time', '0', store.containerId);
    const show = ['incident', 'show', String(store.number)];
    const gone = await eventually(
      () => json<Incident>(...show),
      ({ containerGone }) => containerGone,
      WAIT_MS,
    );
    assert.equal(gone.state, 'contained');
    assert.match(await darsena(...show), /contained \(container gone\)[\s\S]* unpause {2}# the container is gone/);
    assert.match((await offers(store)).find(({ kind }) => kind === 'pause')?.why?.en ?? '', /in force/);
    assert.match(await act(store, 'unpause'), /^taken back; nothing went on: the container is gone/);
    assert.equal((await json<Incident>(...show)).state, 'acknowledged');
    assert.match((await offers(store)).find(({ kind }) => kind === 'pause')?.why?.en ?? '', /the container is gone/);
    await stands(3);
    await isServing('second');
  });

  test('drain: the pods of the host stop, and come back when it is taken back', async () => {
    await actAndBack(web, 'drain', 'undrain', async () => {
      await stands(0);
    });
    await stands(3);
    await isServing('second');
  });

  test('roll-back: the release before serves again', async () => {
    await ground.change('third\n');
    await ground.deploys();
    await isServing('third');
    assert.match(await act(web, 'roll-back'), /roll-back begun/);
    await isServing('second');
  });

  test('in force, the package does not run; what was done stands in the journal', async () => {
    const policy = join(ground.home, 'tools.yaml');
    await writeFile(policy, (await readFile(policy, 'utf8')).replace('match:', 'mode: enforce\nmatch:'));
    await darsena('prevent', 'apply', policy);
    const ran = await eventually(
      () => ground.exec('mini/web', PROBE, 'true'),
      ({ code, stderr }) => code !== 0 && /not permitted|[Kk]illed|signal|137/.test(stderr),
      WAIT_MS,
    );
    assert.notEqual(ran.code, 0);
    // A replica of the release before may just be on its way out.
    await eventually(
      () => ground.exec('mini/web', '/bin/busybox', 'true'),
      ({ code }) => code === 0,
      WAIT_MS,
    );
    const facts = await darsena('audit', 'list', '--kind', 'action.taken', '--limit', '200', '--json');
    for (const kind of ['pause', 'isolate', 'quarantine', 'drain', 'roll-back', 'kill-container'])
      assert.ok(facts.includes(`"${kind}"`), `${kind} is no fact: ${facts.slice(0, 2_000)}`);
  });
});
