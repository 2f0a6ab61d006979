/** A control group that has the name of a container of ours and is not its: whose the acts in it are, on the real kernel. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ground, missingParts, writeRules } from './observe-ground.ts';

/** Nobody's. */
const USER = 64_735;
const ROOT = '/sys/fs/cgroup';
const PURE = existsSync(join(ROOT, 'cgroup.controllers'));
const UNIFIED = PURE ? ROOT : join(ROOT, 'unified');
/** Where containers stand on this host. */
const OF_CONTAINERS = PURE ? ROOT : join(ROOT, 'pids');

const skip = missingParts() || (existsSync(join(UNIFIED, 'cgroup.procs')) ? false : 'there is no unified hierarchy');
const RULES = `- rule: Act
  desc: d
  condition: evt.type = execve and proc.args startswith act-
  output: "%proc.args of %container.id"
  priority: NOTICE
`;

function remove(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) remove(join(folder, entry.name));
  rmdirSync(folder);
}

function isRemoved(folder: string): boolean {
  try {
    if (existsSync(folder)) remove(folder);
    return true;
  } catch {
    return false; // somebody is in it
  }
}

describe('a control group named like a container', { skip }, () => {
  let ground: Ground;
  let own: string;
  const delegated = join(UNIFIED, `darsena-feigned-${process.pid}`);

  const words = (...ids: string[]): object => {
    const containers = ids.map((id) => ({
      ...ground.describe(id),
      pid: Number(ground.podman('inspect', '-f', '{{.State.Pid}}', id)),
    }));
    return { type: 'containers', containers };
  };
  /** As a user with a session of systemd has it: moves itself into a group that it names, and acts. */
  const actAsUser = (name: string, act: string): void => {
    const inside = `mkdir -p ${join(delegated, name)} && echo $$ > ${join(delegated, name)}/cgroup.procs && exec /bin/true ${act}`;
    const line = `echo $$ > ${delegated}/cgroup.procs; exec setpriv --reuid ${USER} --regid ${USER} --clear-groups sh -c '${inside.replaceAll("'", "'\\''")}'`;
    const done = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
  };
  const told = async (act: string): Promise<string> => {
    const alert = await ground.agent.waitFor(
      () => ground.agent.alerts.find((one) => one.rule === 'Act' && one.output.startsWith(act)),
      60_000,
      () => `${act}; told ${ground.agent.alerts.map(({ output }) => output).join('; ')} ${ground.sensorErrors}`,
    );
    return alert.output.replace(/.* of /, '');
  };

  before(async () => {
    ground = new Ground();
    own = ground.startContainer();
    mkdirSync(delegated);
    for (const path of [delegated, join(delegated, 'cgroup.procs')]) chownSync(path, USER, USER);
    await ground.startSensor({ rules: [writeRules(ground, RULES)], scope: 'instance', host: true });
    ground.agent.send(words(own));
    await ground.podmanLater('exec', own, 'true', 'act-own');
    assert.equal(await told('act-own'), own.slice(0, 12));
  });
  after(async () => {
    await ground.close();
    remove(delegated);
  });

  test('a user’s group with the name of a container of ours is of the host, and told of', async () => {
    actAsUser(`libpod-${own}`, 'act-feigned');
    assert.equal(await told('act-feigned'), 'host');
    const alert = await ground.agent.waitFor(
      () => ground.agent.alerts.find(({ rule }) => rule === 'Control group named like a container'),
      60_000,
      'the word of it',
    );
    assert.equal(alert.container, null);
    actAsUser(`user.slice/docker-${own}.scope/deep/er`, 'act-deeper');
    assert.equal(await told('act-deeper'), 'host');
    // What it was taken for goes on as before.
    await ground.podmanLater('exec', own, 'true', 'act-again');
    assert.equal(await told('act-again'), own.slice(0, 12));
  });

  test('the same before anybody said whose the name is', async () => {
    const later = ground.startContainer();
    actAsUser(`libpod-${later}`, 'act-early');
    ground.agent.send(words(own, later));
    assert.equal(await told('act-early'), 'host');
    await ground.podmanLater('exec', later, 'true', 'act-later');
    assert.equal(await told('act-later'), later.slice(0, 12));
  });

  test('a group with a name of nobody’s container hides nothing that has the host’s files in sight', async () => {
    const nobody = randomBytes(32).toString('hex');
    actAsUser(`libpod-${nobody}`, 'act-first');
    // It is given up on as a container of others.
    await ground.agent.waitFor(
      () => ground.agent.messages.find(({ type, ids }) => type === 'strangers' && String(ids).includes(nobody)),
      60_000,
      () => `the word of a stranger: ${JSON.stringify(ground.agent.messages.map(({ type }) => type))}`,
    );
    assert.equal(await told('act-first'), 'host');
    actAsUser(`libpod-${nobody}`, 'act-second');
    assert.equal(await told('act-second'), 'host');
  });

  test('a container within another one, named before it began, is known from its first program on', async () => {
    const outer = `/docker-${randomBytes(32).toString('hex')}`;
    const options = ['--network', 'none', '--cgroup-parent', outer];
    const line = '/bin/true act-begun; exec sleep 600';
    const id = ground.podman('create', ...options, ground.image, 'sh', '-c', line);
    const feigned = (): number =>
      ground.agent.alerts.filter(({ rule }) => rule === 'Control group named like a container').length;
    const before = feigned();
    try {
      const { containers } = words(own) as { containers: object[] };
      ground.agent.send({ type: 'containers', containers: [...containers, { ...ground.describe(id), pid: null }] });
      ground.podman('start', id);
      ground.agent.send(words(own, id));
      assert.equal(await told('act-begun'), id.slice(0, 12));
      await ground.podmanLater('exec', id, 'true', 'act-inner');
      assert.equal(await told('act-inner'), id.slice(0, 12));
      assert.equal(feigned(), before);
    } finally {
      ground.podman('rm', '-f', '-t', '0', id);
      // Its monitor may end a moment later.
      const left = (PURE ? [ROOT] : readdirSync(ROOT).map((name) => join(ROOT, name))).map((at) => join(at, outer));
      for (let tries = 0; !left.every(isRemoved); tries++) {
        assert.ok(tries < 600, `somebody is still in ${left}`);
        await sleep(100);
      }
    }
  });

  test('what a container names below its own group is its own', async () => {
    const pid = ground.podman('inspect', '-f', '{{.State.Pid}}', own);
    const line = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
      .split('\n')
      .find((one) => (PURE ? one.startsWith('0::') : /:pids:/.test(one)));
    const folder = join(OF_CONTAINERS, line?.replace(/^\d+:[^:]*:/, '') ?? '');
    assert.ok(folder.includes(own), String(line));
    const made: string[] = [];
    try {
      for (const [act, ...names] of [
        ['act-nested', `libpod-${randomBytes(32).toString('hex')}`],
        ['act-monitor', 'libpod_parent', randomBytes(32).toString('hex'), 'conmon'],
        ['act-far', ...Array.from({ length: 20 }, (_, n) => `level-${n}`)],
      ] as const) {
        let at = folder;
        for (const name of names) {
          at = join(at, name);
          mkdirSync(at, { recursive: true });
          made.unshift(at);
        }
        const enter = `echo $$ > ${join(at, 'cgroup.procs')}; exec nsenter -t ${pid} -m /bin/true ${act}`;
        const done = spawnSync('sh', ['-c', enter], { encoding: 'utf8' });
        assert.equal(done.status, 0, done.stderr);
        assert.equal(await told(act), own.slice(0, 12), act);
      }
    } finally {
      for (const one of made) rmdirSync(one);
    }
  });
});
