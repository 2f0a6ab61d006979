/** The whole sensor on the real kernel with real containers: acts in, alerts out. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { escapeControls } from '../../src/detect/index.ts';
import { withLock } from '../../src/host/livepatch/local-host.ts';
import { PATCH_LOCK } from '../../src/system/patch-lock.ts';
import { Ground, missingParts, SHIPPED_RULES, writeRules } from './observe-ground.ts';

const skip = missingParts();
const data = process.env['DARSENA_TEST_DATA'];
const falcoRules = data === undefined ? null : join(data, 'rules', 'falco', 'falco_rules.yaml');
const MARK = '/tmp/darsena-mark';

describe('a watched container', { skip }, () => {
  let ground: Ground;
  let container: string;

  before(async () => {
    ground = new Ground();
    container = ground.startContainer();
    const rules = falcoRules !== null && existsSync(falcoRules) ? [SHIPPED_RULES, falcoRules] : [SHIPPED_RULES];
    const own = writeRules(
      ground,
      `- rule: By name and mount
  desc: d
  condition: >
    evt.type = connect and fd.sip.name in (localhost, "no.name.invalid") and
    container.mount.dest[*/hosts] = /etc/hosts and not container.mount.dest[/root*] exists
  output: "%fd.sip.name %container.mount.source[/etc/hosts]"
  priority: NOTICE
`,
    );
    await ground.startSensor({ rules: [...rules, own], scope: 'instance' });
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
  });
  after(() => ground.close());

  const arrival = (rule: string, matching: (output: string) => boolean = () => true) =>
    ground.agent.waitFor(
      () => ground.agent.arrivals.find((one) => one.alert.rule === rule && matching(one.alert.output)),
      5_000,
      `an alert of "${rule}"; stderr: ${ground.sensorErrors}`,
    );

  test('a terminal opened by hand raises an alert within a second, with its workload and digest', async () => {
    ground.execWithTerminal(container, 'sh', '-c', 'true');
    const { alert, afterMs } = await arrival('Terminal opened in a container');
    assert.ok(afterMs < 1_000, `after ${afterMs} ms`);
    assert.equal(alert.container?.id, container);
    assert.equal(alert.container?.workload, 'web');
    assert.match(alert.container?.digest ?? '', /^sha256:a/);
    assert.equal(alert.process.name, 'sh');
    assert.notEqual(alert.process.tty, 0);
    assert.ok(alert.ancestors.length > 0);
  });

  test('reading the password file raises an alert that names the file and the program', async () => {
    ground.podman('exec', container, 'cat', '/etc/shadow');
    const { alert, afterMs } = await arrival('Password file read in a container');
    assert.ok(afterMs < 1_000, `after ${afterMs} ms`);
    assert.equal(alert.outputFields['fd.name'], '/etc/shadow');
    assert.equal(alert.container?.id, container);
  });

  test('names of hosts and what a container has of its host are known to rules', async () => {
    const isTold = () => ground.agent.alerts.some(({ rule }) => rule === 'By name and mount');
    // The name is looked up beside everything else: the first connection may be earlier.
    for (let n = 0; n < 60 && !isTold(); n++) {
      ground.podman('exec', container, 'sh', '-c', 'busybox nc -w 1 127.0.0.1 9 </dev/null || true');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const { alert } = await arrival('By name and mount');
    assert.match(alert.output, /^localhost \/.*hosts$/);
  });

  test('a program written after the start is told from one of the image', async () => {
    ground.podman('exec', container, 'sh', '-c', 'cp /bin/busybox /tmp/ls && /tmp/ls /');
    const { alert } = await arrival('Program not in the image executed');
    assert.equal(alert.process.exe, '/tmp/ls');
  });

  test('a program below a path that is too long for a name is told, and ends nothing', async () => {
    const script =
      'name=$(busybox printf "%0200d" 7); cd /tmp; for n in $(busybox seq 24); do busybox mkdir $name; cd $name; done; ' +
      'busybox cp /bin/busybox ls && ./ls / > /dev/null';
    ground.podman('exec', container, 'sh', '-c', script);
    const { alert } = await arrival('Program not in the image executed', (output) => output.includes('0000007/'));
    assert.equal(alert.process.name, 'ls');
  });

  test('what says little once is told when it comes in a row', async () => {
    const names = ['whoami', 'uname', 'hostname', 'ps', 'netstat'];
    const links = names
      .map((name) => `/bin/busybox ln -s /bin/busybox /tmp/${name}; /tmp/${name} >/dev/null 2>&1`)
      .join('; ');
    ground.podman('exec', container, 'sh', '-c', `${links}; true`);
    const { alert } = await arrival('Surroundings explored in a container');
    assert.equal(alert.container?.id, container);
  });

  test("Falco's own two rules fire on the same acts", {
    skip: falcoRules === null ? 'DARSENA_TEST_DATA is not set' : false,
  }, async () => {
    ground.execWithTerminal(container, 'sh', '-c', 'cat /etc/shadow');
    await arrival('Terminal shell in container');
    await arrival('Read sensitive file untrusted');
  });

  test('a name full of line ends, escapes and bytes that are no UTF-8 stays one line of JSON', async () => {
    // busybox looks at what its name begins with.
    const name = '/tmp/busybox-a\n{"type":"alert"}\u001b[2J';
    ground.podman('exec', container, 'sh', '-c', `cp /bin/busybox '${name}' && '${name}' true`);
    const bytes = `"$(printf '/tmp/busybox-\\377\\376')"`;
    ground.podman('exec', container, 'sh', '-c', `cp /bin/busybox ${bytes} && ${bytes} true`);
    const { alert } = await arrival('Program not in the image executed', (output) => output.includes('\\x0a'));
    assert.equal(alert.process.exe, name);
    assert.equal(alert.output, escapeControls(alert.output));
    await arrival('Program not in the image executed', (output) => output.includes('\ufffd'));
  });

  test('alerts during a broken connection arrive after it, each once by its id', async () => {
    const rule = 'Password file read in a container';
    const idsOf = () => new Set(ground.agent.alerts.filter((one) => one.rule === rule).map((one) => one.id));
    const before = idsOf().size;
    ground.agent.hangUp();
    for (let i = 0; i < 5; i++) ground.podman('exec', container, 'cat', '/etc/shadow');
    await ground.agent.waitFor(() => (idsOf().size >= before + 5 ? true : undefined), 8_000, 'five alerts');
    assert.equal(idsOf().size, before + 5);
  });

  test('a container that was started before the agent spoke of it is told with its workload', async () => {
    const late = ground.startContainer('sh', '-c', 'cat /etc/shadow; sleep 600');
    await new Promise((resolve) => setTimeout(resolve, 500));
    ground.agent.send({
      type: 'containers',
      containers: [ground.describe(container), { ...ground.describe(late), workload: 'late' }],
    });
    await ground.agent.waitFor(
      () => ground.agent.alerts.find((one) => one.container?.id === late && one.container.workload === 'late'),
      5_000,
      'the early alert',
    );
  });

  test('a container of somebody else raises nothing', async () => {
    // What it does while nobody has said whose it is waits, as much as may wait: the sensor bears it.
    const flood = 'n=0; while [ $n -lt 20000 ]; do : </etc/passwd; n=$((n+1)); done';
    const foreign = ground.startContainer('sh', '-c', `cat /etc/shadow; ${flood}; sleep 600`);
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    assert.equal(ground.sensorErrors, '');
    ground.podman('exec', foreign, 'cat', '/etc/shadow');
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.ok(!ground.agent.alerts.some((one) => one.container?.id === foreign));
  });

  test('who looks sees what fits, also calls that no rule asks for, and nobody works for one who left', async () => {
    const { agent } = ground;
    const filter = 'evt.type = mkdir and fs.path.name startswith /tmp/looked';
    const order = { id: 'l1', projects: ['tienda'], environment: null, workload: 'web', filter, arguments: true };
    const told = (type: string, watch: string) =>
      agent.waitFor(() => agent.messages.findLast((one) => one.type === type && one['watch'] === watch), 10_000, type);
    agent.send({ type: 'watch', watch: { ...order, id: 'bad', filter: 'proc.nmae = x', form: 'lines' } });
    assert.match(String((await told('watching', 'bad'))['why']), /proc\.nmae/);
    for (const form of ['lines', 'records']) {
      agent.send({ type: 'watch', watch: { ...order, id: form, form } });
      const { why, missing } = await told('watching', form);
      assert.deepEqual({ why, missing }, { why: null, missing: [] });
    }
    ground.podman('exec', container, '/bin/busybox', 'mkdir', '/tmp/looked');
    const { body, seen, dropped } = await told('activity', 'lines');
    assert.deepEqual({ seen, dropped }, { seen: 1, dropped: 0 });
    const [line] = body as { about: string; workload: string; arguments: string }[];
    assert.equal(line?.workload, 'web');
    assert.equal(line?.about, '/tmp/looked');
    const { body: batch } = await told('activity', 'records');
    assert.ok(Buffer.from(String(batch), 'base64').includes('looked'));
    for (const id of ['lines', 'records']) agent.send({ type: 'unwatch', id });
    // What is asked after it is answered after it: from then on nothing of the look is left.
    agent.send({ type: 'watch', watch: { ...order, id: 'last', form: 'lines' } });
    await told('watching', 'last');
    const before = agent.messages.filter(({ type, watch }) => type === 'activity' && watch !== 'last').length;
    ground.podman('exec', container, '/bin/busybox', 'mkdir', '/tmp/looked-again');
    await told('activity', 'last');
    assert.equal(agent.messages.filter(({ type, watch }) => type === 'activity' && watch !== 'last').length, before);
    agent.send({ type: 'unwatch', id: 'last' });
  });

  test('nothing new is attached while a live patch goes in, and it is watched as soon as that is over', async () => {
    const { agent } = ground;
    const filter = 'evt.type = mkdir and fs.path.name startswith /tmp/patched';
    const watch = { id: 'held', projects: ['tienda'], environment: null, workload: 'web', filter, arguments: true };
    const seen = (): string[] =>
      agent.messages
        .filter((one) => one.type === 'activity' && one['watch'] === 'held')
        .flatMap((one) => (one['body'] as { about: string }[]).map(({ about }) => about));
    const make = (name: string): string =>
      ground.podman('exec', container, '/bin/busybox', 'mkdir', `/tmp/patched-${name}`);
    await withLock(PATCH_LOCK, async () => {
      agent.send({ type: 'watch', watch: { ...watch, form: 'lines' } });
      const { missing } = await agent.waitFor(
        () => agent.messages.findLast((one) => one.type === 'watching' && one['watch'] === 'held'),
        10_000,
        'the answer',
      );
      assert.match((missing as { why: { en: string } }[])[0]?.why.en ?? '', /live patch of the kernel/);
      make('meanwhile');
    });
    for (let tries = 0; seen().length === 0 && tries < 60; tries++) {
      make(`after-${tries}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    assert.match(seen()[0] ?? 'nothing', /^\/tmp\/patched-after-/);
    agent.send({ type: 'unwatch', id: 'held' });
  });

  test('new rules work at once, wrong ones leave the old at work', async () => {
    ground.agent.send({ type: 'rules', files: [{ file: 'wrong.yaml', text: '- rule: X' }] });
    await ground.agent.waitFor(
      () => ground.agent.messages.find((one) => one.type === 'rules' && one['accepted'] === false),
      5_000,
      'the refusal',
    );
    const before = ground.agent.alerts.length;
    ground.podman('exec', container, 'cat', '/etc/shadow');
    await ground.agent.waitFor(() => (ground.agent.alerts.length > before ? true : undefined), 5_000, 'the old rule');
    const text =
      '- rule: Id asked\n  desc: d\n  condition: evt.type = execve and proc.args = "" and proc.name = id\n  output: id %proc.cwd\n  priority: INFO\n';
    ground.agent.send({ type: 'rules', files: [{ file: 'new.yaml', text }] });
    await ground.agent.waitFor(
      () =>
        ground.agent.messages.findLast(
          (one) => one.type === 'rules' && one['accepted'] === true && (one['rules'] as unknown[]).length === 1,
        ),
      5_000,
      'the new rules',
    );
    ground.podman('exec', container, 'id');
    await arrival('Id asked');
    // What is known harmless is kept back and counted, in the project that it was said of; rules of another one are silent.
    const tuning = { id: 'known', rule: 'Id asked', project: 'tienda', environment: null, workload: null };
    const elsewhere = { project: 'otra', environment: null };
    ground.agent.send({
      type: 'rules',
      files: [{ file: 'new.yaml', text }],
      own: [{ file: 'otra.yaml', text: text.replace('Id asked', 'Id asked elsewhere'), scope: elsewhere }],
      tunings: [{ ...tuning, condition: 'proc.name = id', until: null }],
      revision: '0123456789abcdef',
    });
    await ground.agent.waitFor(
      () => ground.agent.messages.find((one) => one['revision'] === '0123456789abcdef' && one['accepted'] === true),
      20_000,
      'the tuned rules',
    );
    const told = ground.agent.alerts.length;
    ground.podman('exec', container, 'id');
    await ground.agent.waitFor(
      () =>
        ground.agent.messages.find(
          (one) => one.type === 'stats' && (one['tuned'] as Record<string, number>)['known'] === 1,
        ),
      20_000,
      'the count of what was kept back',
    );
    assert.equal(ground.agent.alerts.length, told);
  });
});

describe('a flood of opens', { skip }, () => {
  test('evicts no exec, and what is lost of it is counted exactly', async (t) => {
    const ground = new Ground();
    try {
      const rules = writeRules(
        ground,
        `- rule: Marked\n  desc: d\n  condition: evt.type = execve and proc.exepath = ${MARK}\n  output: "%proc.args"\n  priority: INFO\n`,
      );
      const container = ground.startContainer();
      // A ring of opens so small that it must overflow.
      await ground.startSensor({ rules: [rules], scope: 'all', rings: { open: 4096 } });
      ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
      const script = `cp /bin/busybox ${MARK}; (i=0; while [ $i -lt 20000 ]; do : </bin/busybox; i=$((i+1)); done)& n=0; while [ $n -lt 100 ]; do cp /bin/busybox ${MARK} 2>/dev/null; ${MARK} true $n; n=$((n+1)); : </etc/passwd; : </etc/passwd; : </etc/passwd; done; wait`;
      ground.podman('exec', container, 'sh', '-c', script);
      await ground.stopSensor();
      const marked = new Set(ground.agent.alerts.filter((one) => one.rule === 'Marked').map((one) => one.output));
      const stats = ground.agent.messages.findLast((one) => one.type === 'stats');
      const seen = stats?.['seen'] as Record<string, number>;
      const lost = stats?.['lost'] as Record<string, number>;
      const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, n) => total + n, 0);
      t.diagnostic(`seen ${JSON.stringify(seen)}, lost ${JSON.stringify(lost)}, handled ${String(stats?.['events'])}`);
      assert.equal(marked.size, 100);
      assert.equal(lost['execve'], 0);
      const told = ground.agent.alerts.filter(({ rule }) => rule === 'Sensor lost events');
      assert.equal(told.length > 0, sum(lost) > 0);
      for (const { output } of told) assert.match(output, /lost: \d+ \(openat \d+/);
      assert.equal(sum(seen) - sum(lost), stats?.['events']);
      assert.equal(
        ground.agent.messages.some((one) => one.type === 'gap'),
        sum(lost) > 0,
      );
    } finally {
      await ground.close();
    }
  });
});

describe('a sensor without what it needs', { skip }, () => {
  test('the memory of an idle sensor is told', async (t) => {
    const ground = new Ground();
    try {
      await ground.startSensor({ rules: [SHIPPED_RULES], scope: 'all' });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const rollup = readFileSync(`/proc/${ground.sensorPid}/smaps_rollup`, 'utf8');
      const pss = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
      t.diagnostic(`PSS ${(pss / 1024).toFixed(1)} MB`);
      assert.ok(pss > 0);
    } finally {
      await ground.close();
    }
  });
});

describe('a sensor without BPF programs', { skip }, () => {
  test('tells programs and files of containers by the same rules, and what it cannot see', async () => {
    const ground = new Ground();
    try {
      const own = writeRules(
        ground,
        '- rule: Started\n  desc: d\n  condition: evt.type = execve and proc.name = busybox-own\n  output: "%proc.exepath %proc.cmdline %proc.pname %proc.cwd %user.uid"\n  priority: INFO\n' +
          '- rule: Written\n  desc: d\n  condition: evt.is_open_write = true and fd.name = /tmp/written\n  output: "%fd.name %proc.name"\n  priority: INFO\n',
      );
      const container = ground.startContainer();
      await ground.startSensor({ rules: [SHIPPED_RULES, own], scope: 'instance', source: 'fallback' });
      const { agent } = ground;
      agent.send({ type: 'containers', containers: [ground.describe(container)] });
      const ready = agent.messages.find((one) => one.type === 'ready') as unknown as {
        coverage: { programs: string[]; missing: { what: string; why: string | { en: string } }[] };
      };
      assert.ok(ready.coverage.programs.includes('fanotify'));
      assert.ok(ready.coverage.missing.some(({ what }) => what === 'BPF programs'));
      const isAudited = ready.coverage.programs.includes('audit');
      const arrival = (rule: string) =>
        agent.waitFor(
          () => agent.alerts.find((one) => one.rule === rule),
          60_000,
          () =>
            `"${rule}", audited ${isAudited}, told ${agent.alerts.map((one) => one.rule).join()}: ${ground.sensorErrors}`,
        );
      // What ends at once is told as well, with the container that it was in.
      const acts =
        '/bin/busybox cat /etc/shadow; cp /bin/busybox /tmp/busybox-own; cd /tmp; ./busybox-own true "a b"; echo > written; sleep 1';
      ground.podman('exec', container, 'sh', '-c', acts);
      const read = await arrival('Password file read in a container');
      assert.equal(read.outputFields['fd.name'], '/etc/shadow');
      assert.equal(read.container?.workload, 'web');
      const started = await arrival('Started');
      assert.equal(started.container?.id, container);
      if (isAudited) assert.equal(started.output, '/tmp/busybox-own busybox-own true a b sh /tmp 0');
      assert.equal((await arrival('Written')).output.split(' ')[0], '/tmp/written');
      ground.execWithTerminal(container, 'sh', '-c', 'sleep 1; true');
      await arrival('Terminal opened in a container');
      assert.equal(await ground.stopSensor(), 0);
    } finally {
      await ground.close();
    }
  });
});

describe('a sensor that somebody meddles with', { skip }, () => {
  const ground = skip === false ? new Ground() : null;
  after(() => ground?.close());

  test('killed and started again it has missed nothing; taken apart or replaced it says so', async (t) => {
    if (ground === null) return;
    // 30 calls beside the programs of its own: each would have kept the end waiting.
    const calls =
      'rename, link, symlink, unlink, chmod, fchmod, chown, mount, umount2, pivot_root, chroot, setns, unshare, ptrace, bpf';
    const text = `- rule: Marked\n  desc: d\n  condition: evt.type = execve and proc.exepath = ${MARK}\n  output: "%proc.args"\n  priority: INFO\n- rule: Many\n  desc: d\n  condition: evt.type in (${calls}, setuid, setgid, capset, kill, socket, bind, listen, accept4, dup, dup2, dup3, keyctl, seccomp, memfd_create, io_uring_setup, dns_question) and proc.name = nobody\n  output: "%evt.type"\n  priority: INFO\n`;
    const container = ground.startContainer();
    await ground.startSensor({ rules: [writeRules(ground, text)], scope: 'all' });
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
    ground.podman('exec', container, 'sh', '-c', `cp /bin/busybox ${MARK}; ${MARK} true first; true`);
    await ground.agent.waitFor(
      () => ground.agent.alerts.find(({ output }) => output === 'true first'),
      5_000,
      'the first',
    );

    const killedMs = performance.now();
    await ground.stopSensor('SIGKILL');
    const endedMs = performance.now();
    ground.podman('exec', container, 'sh', '-c', `${MARK} true meanwhile; true`);
    const againMs = performance.now();
    await ground.startAgain();
    const readyMs = performance.now();
    t.diagnostic(`ended in ${(endedMs - killedMs).toFixed(0)} ms, back in ${(readyMs - againMs).toFixed(0)} ms`);
    assert.ok(endedMs - killedMs < 1_000, `ended in ${endedMs - killedMs} ms`);
    assert.equal(ground.agent.messages.findLast(({ type }) => type === 'ready')?.['resumed'], true);
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
    await ground.agent.waitFor(
      () => ground.agent.alerts.find(({ output }) => output === 'true meanwhile'),
      5_000,
      'what happened while no sensor ran',
    );
    await ground.agent.waitFor(
      () => ground.agent.alerts.find(({ rule }) => rule === 'Sensor ended from outside'),
      5_000,
      'the word of its end',
    );

    const file = join(ground.pins, readdirSync(ground.pins)[0] ?? '', 'link-on_exec');
    rmSync(file);
    const { alert } = await ground.agent.waitFor(
      () => ground.agent.arrivals.find((one) => one.alert.rule === 'Sensor detached'),
      5_000,
      'the word of what was taken away',
    );
    assert.match(alert.output, /link-on_exec/);
    await ground.stopSensor();
    await ground.startAgain();
    assert.equal(ground.agent.messages.findLast(({ type }) => type === 'ready')?.['resumed'], false);
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
    ground.podman('exec', container, 'sh', '-c', `${MARK} true again; true`);
    await ground.agent.waitFor(
      () => ground.agent.alerts.find(({ output }) => output === 'true again'),
      5_000,
      'its return',
    );
  });

  test('E10: without a ring or under limits of its user it goes on or says so; files that were changed under it are told', async () => {
    if (ground === null) return;
    const { agent } = ground;
    const acts = async (word: string): Promise<void> => {
      const container = ground.startContainer();
      agent.send({ type: 'containers', containers: [ground.describe(container)] });
      ground.podman('exec', container, 'sh', '-c', `cp /bin/busybox ${MARK}; ${MARK} true ${word}; true`);
      await agent.waitFor(
        () => agent.alerts.find(({ output }) => output === `true ${word}`),
        60_000,
        `"${word}"; ${ground.sensorErrors}; ${agent.alerts.map(({ output }) => output).join('; ')}`,
      );
    };
    const detached = () => agent.alerts.filter(({ rule }) => rule === 'Sensor detached').length;
    // Whatever its user may open or begin from now on, it has what it needs.
    execFileSync('prlimit', ['--pid', String(ground.sensorPid), '--nofile=4:4', '--nproc=1:1', '--fsize=0:0']);
    await acts('limited');
    await ground.stopSensor();
    for (const name of ['map-process_ring', 'map-open_ring']) {
      await ground.startAgain();
      const [before, folder] = [detached(), join(ground.pins, readdirSync(ground.pins)[0] ?? '')];
      rmSync(join(folder, name));
      await agent.waitFor(() => (detached() > before ? true : undefined), 60_000, `the word that ${name} is gone`);
      await ground.stopSensor();
    }
    await ground.startAgain();
    await acts('with-rings');
    const file = join(import.meta.dirname, '..', '..', 'src', 'programs', 'sensor', 'worker.ts');
    const { atime, mtime } = statSync(file);
    utimesSync(file, atime, mtime); // what is written anew has another time of change, whatever it pretends
    const alert = await agent.waitFor(
      () => agent.alerts.find(({ rule }) => rule === 'Sensor replaced'),
      60_000,
      `the word of the changed file; ${ground.sensorErrors}`,
    );
    assert.match(alert.output, /worker\.ts/);
    await acts('replaced');
  });
});
