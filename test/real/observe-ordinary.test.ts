/**
 * What ordinary services do all day raises no shipped alert, and on the same sensor the act of each shipped rule raises its own.
 * CI has a database, a proxy with a certificate, a server with its own programs and scripts; a soak has a house of services of
 * Debian, with the start-up scripts that the official images of the example workloads have.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Alert, RuleEngine, readRulePages, readShippedRules } from '../../src/detect/index.ts';
import { callSpecs } from '../../src/events/index.ts';
import { packTar } from '../../src/formats/index.ts';
import { ACTS, driverOf } from '../../src/programs/agent/drill/acts.ts';
import { drillRoot, WRITE_CALL } from '../../src/programs/agent/drill/drill.ts';
import { Ground, missingParts, SHIPPED_RULES, writeRules } from './observe-ground.ts';
import { HOUSE_PACKAGES, HOUSE_WORKLOADS, type Workload } from './ordinary-house.ts';

const POSTGRES = '/usr/lib/postgresql';
const WAIT_MS = 120_000;
const IS_SOAK = process.env['DARSENA_SOAK'] === '1';

/** Programs of this machine that go into the image of CI, each with the libraries that it loads. */
const PROGRAMS = [
  ...['/bin/dash', '/usr/bin/env', '/bin/mkdir', '/bin/chown', '/bin/chmod', '/bin/date', '/bin/tar', '/bin/gzip'],
  ...['/bin/sed', '/bin/grep', '/usr/bin/find', '/usr/bin/sort', '/bin/rm', '/bin/mv', '/bin/ln', '/bin/cp'],
  ...['/usr/bin/stat', '/usr/bin/install', '/bin/cat', '/bin/ls', '/bin/true', '/bin/sleep', '/usr/bin/mawk'],
  ...['/usr/bin/id', '/bin/hostname', '/bin/uname', '/usr/bin/whoami', '/usr/bin/getent', '/usr/bin/dpkg-query'],
  ...['/usr/bin/openssl', '/usr/bin/curl', '/usr/sbin/haproxy', '/usr/bin/setpriv', '/usr/bin/locale', '/usr/bin/git'],
];

const AS_APP = 'setpriv --reuid=999 --regid=999 --clear-groups';
const ENTRY = `#!/bin/sh
set -e
export HOME=/root OPENSSL_CONF=/etc/ssl/openssl.cnf
# What images do at their start: look around, make the user they run as, bring keys and settings to their places.
id -u; hostname; uname -m; whoami; getent passwd app >/dev/null
echo 'extra:x:1000:1000::/var/lib/app:/bin/sh' >> /etc/passwd
mkdir -p /var/lib/app/.ssh /var/log/app /run/app /etc/cron.d
echo '0 3 * * * root cleanup' > /etc/cron.d/app
echo 'ssh-ed25519 AAAA somebody' > /var/lib/app/.ssh/authorized_keys
dpkg-query --version >/dev/null
install -m 0600 /etc/app.conf /run/app/app.conf
sed -i "s/PORT/8081/" /run/app/app.conf
chown -R 999:999 /var/lib/app /opt/app
chmod 0750 /var/lib/app
chmod 2775 /var/log/app
openssl req -x509 -newkey rsa:2048 -nodes -keyout /run/app/key.pem -out /run/app/cert.pem -days 1 -subj /CN=localhost
cat /run/app/cert.pem /run/app/key.pem > /run/app/site.pem
haproxy -D -f /etc/haproxy.cfg
exec ${AS_APP} /opt/app/bin/node /srv/server.js
`;
const SERVER = `
const http = require('node:http'), fs = require('node:fs'), { execFile } = require('node:child_process');
const server = http.createServer((request, response) => {
  fs.appendFileSync('/var/lib/app/access.log', request.url + '\\n');
  if (request.url === '/report')
    return execFile('/bin/sh', ['-c', 'sort /var/lib/app/access.log | gzip > /tmp/report.gz && stat -c %s /tmp/report.gz'], (error, out) =>
      response.end(String(error ?? out)));
  response.end('well\\n');
});
server.listen(8081, '127.0.0.1');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;
const HAPROXY = `global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend web
  bind 127.0.0.1:8443 ssl crt /run/app/site.pem
  default_backend app
backend app
  server one 127.0.0.1:8081 check
`;
const DATABASE = `#!/bin/sh
set -e
export PGDATA=/var/lib/postgresql/data PATH=$(ls -d /usr/lib/postgresql/*/bin):$PATH
mkdir -p "$PGDATA" /run/postgresql /wal
chown -R 999:999 /var/lib/postgresql /run/postgresql /wal
chmod 03775 /run/postgresql
[ -s "$PGDATA/PG_VERSION" ] || ${AS_APP} initdb -A trust >/dev/null
exec ${AS_APP} postgres -k /run/postgresql -c listen_addresses= -c archive_mode=on -c archive_command='test ! -f /wal/%f && cp %p /wal/%f'
`;
const CLEANUP = `#!/bin/sh
for n in 1 2 3; do date > /tmp/job-$n.log; done
find /tmp -name 'job-*.log' -exec gzip {} +
tar -czf /tmp/all.tar.gz -C /tmp $(ls /tmp | grep gz) 2>/dev/null
mv /tmp/all.tar.gz /tmp/kept.tar.gz
ln -sf /tmp/kept.tar.gz /tmp/newest
find /tmp -name 'job-*' -mmin -60 -delete
rm -f /tmp/newest
`;
const SQL = `${AS_APP} psql -h /run/postgresql -d postgres -tAc`;
const HEALTH = 'test "$(curl -sk -o /dev/null -w %{http_code} https://127.0.0.1:8443/)" = 200 || exit 1';
const WORKLOADS: readonly Workload[] = [
  {
    name: 'database',
    entry: DATABASE,
    ready: `${SQL} 'select 1'`,
    acts: [
      `${SQL} 'create table t as select generate_series(1, 20000) as n'`,
      `${AS_APP} pg_dump -h /run/postgresql postgres | gzip > /tmp/backup.sql.gz`,
      `${SQL} 'select pg_switch_wal()'`,
      'until [ -n "$(ls /wal)" ]; do sleep 0.2; done',
      `${AS_APP} pg_ctl -D /var/lib/postgresql/data reload`,
    ],
  },
  {
    name: 'app',
    entry: ENTRY,
    ready: HEALTH,
    acts: [
      ...[
        HEALTH,
        'curl -skf https://127.0.0.1:8443/report',
        'cleanup',
        'openssl x509 -in /run/app/cert.pem -noout -subject',
      ],
      'git init -q --bare /tmp/own.git',
    ],
  },
];

/** Files of a program and all that it loads, at their own places below `root`. */
function bring(root: string, program: string): void {
  const loaded = execFileSync('ldd', [program], { encoding: 'utf8' });
  for (const path of [program, ...[...loaded.matchAll(/(\/\S+) \(0x/g)].map(([, found = '']) => found)]) {
    const target = join(root, path);
    if (existsSync(target)) continue;
    mkdirSync(dirname(target), { recursive: true });
    cpSync(realpathSync(path), target);
  }
}

/** A root of programs of this machine. */
function smallRoot(root: string): void {
  for (const folder of ['tmp', 'etc/ssl', 'srv', 'run', 'root', 'var/lib', 'var/log', 'usr/local/bin', 'opt/app/bin'])
    mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', folder), { recursive: true });
    symlinkSync(join('usr', folder), join(root, folder));
  }
  const version = readdirSync(POSTGRES)[0] ?? '';
  const whole = { recursive: true, dereference: true } as const;
  for (const folder of ['bin', 'lib'])
    cpSync(join(POSTGRES, version, folder), join(root, POSTGRES, version, folder), whole);
  cpSync(join('/usr/share/postgresql', version), join(root, 'usr/share/postgresql', version), whole);
  for (const name of ['postgres', 'initdb', 'psql', 'pg_dump', 'pg_ctl'])
    bring(root, join(POSTGRES, version, 'bin', name));
  for (const program of PROGRAMS) bring(root, program);
  symlinkSync('dash', join(root, 'usr/bin/sh'));
  bring(root, process.execPath);
  cpSync(process.execPath, join(root, 'opt/app/bin/node'));
  for (const [place, text] of [
    ['etc/passwd', 'root:x:0:0::/root:/bin/sh\napp:x:999:999::/var/lib/app:/bin/sh\n'],
    ['etc/group', 'root:x:0:\napp:x:999:\n'],
    ['etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n'],
    ['etc/ssl/openssl.cnf', '[req]\ndistinguished_name = name\n[name]\n'],
    ['etc/app.conf', 'port=PORT\n'],
    ['etc/haproxy.cfg', HAPROXY],
    ['srv/server.js', SERVER],
  ] as const)
    writeFileSync(join(root, place), text);
  writeFileSync(join(root, 'usr/local/bin/cleanup'), CLEANUP, { mode: 0o755 });
}

/** A root of Debian's own packages; kept where the environment names a file for it. */
function houseRoot(root: string, folder: string): void {
  const tar = process.env['DARSENA_HOUSE'] ?? join(folder, 'house.tar');
  if (!existsSync(tar)) {
    const include = `--include=${HOUSE_PACKAGES.join(',')}`;
    const options = ['--variant=minbase', '--aptopt=APT::Install-Recommends "false"', include];
    execFileSync('mmdebstrap', [...options, 'bookworm', tar], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  mkdirSync(root);
  execFileSync('tar', ['-C', root, '--exclude=./dev/*', '-xf', tar]);
  bring(root, process.execPath);
  cpSync(process.execPath, join(root, 'usr/local/bin/node'));
  mkdirSync(join(root, 'opt/vt/bin'), { recursive: true });
  cpSync(join(root, 'usr/bin/sleep'), join(root, 'opt/vt/bin/server'));
}

function missing(): string | false {
  const parts = missingParts();
  if (parts !== false) return parts;
  const absent = [...PROGRAMS, POSTGRES].filter((path) => !existsSync(path));
  return absent.length === 0 ? false : `needs ${absent.join(', ')}`;
}

/** The services of one image, each in a container of its own, and everything that is done in them. */
class Services {
  readonly #ground: Ground;
  readonly #image: string;
  readonly #workloads: readonly Workload[];
  readonly #path: string;
  readonly #ids = new Map<string, string>();
  readonly told: string[];

  constructor(ground: Ground, image: string, workloads: readonly Workload[], path: string, told: string[]) {
    this.#ground = ground;
    this.#image = image;
    this.#workloads = workloads;
    this.#path = path;
    this.told = told;
  }

  async day(t: TestContext): Promise<void> {
    for (const workload of this.#workloads) this.#start(workload);
    for (const workload of this.#workloads) {
      const began = performance.now();
      await this.#eventually(workload, workload.ready);
      for (const act of workload.acts) await this.#eventually(workload, act, 1);
      t.diagnostic(`${workload.name}: ${Math.round(performance.now() - began)} ms`);
    }
    for (const { name } of this.#workloads) {
      const id = this.#idOf(name);
      this.#ground.podman('stop', '-t', '20', id);
      this.#ground.podman('start', id);
    }
    for (const workload of this.#workloads) await this.#eventually(workload, workload.ready);
  }

  #start({ name, entry, terminal }: Workload): void {
    const file = join(this.#ground.folder, `entry-${name}`);
    writeFileSync(file, entry, { mode: 0o755 });
    const options = [...(terminal === true ? ['--tty'] : []), '--volume', `${file}:/entry:ro`];
    const id = this.#ground.startContainerWith(options, this.#image, '/entry');
    this.#ids.set(name, id);
    this.told.push(id);
    const containers = this.told.map((one) => this.#ground.describe(one));
    this.#ground.agent.send({ type: 'containers', containers });
  }

  #idOf(name: string): string {
    return this.#ids.get(name) ?? assert.fail(name);
  }

  async #eventually({ name }: Workload, line: string, tries = 240): Promise<string> {
    const id = this.#idOf(name);
    for (let at = 1; ; at++) {
      const ran = this.#ground.podmanTried('exec', '--env', `PATH=${this.#path}`, id, 'sh', '-c', line);
      if (ran.code === 0) return ran.stdout;
      if (at >= tries) {
        const logs = this.#ground.podmanTried('logs', '--tail', '30', id);
        assert.fail(
          `${name}: ${line} ended with ${ran.code}: ${ran.stdout}${ran.stderr}\n${logs.stdout}${logs.stderr}`,
        );
      }
      await sleep(500);
    }
  }
}

describe('ordinary services', { skip: missing(), timeout: IS_SOAK ? 1_800_000 : 300_000 }, () => {
  const ground = new Ground();
  const told: string[] = [];
  /** Rules that wait an hour before they say anything are given a second. */
  const LATER = 'First connection of an image to an address';

  before(async () => {
    const soon = writeRules(
      ground,
      `- rule: ${LATER}\n  enabled: true\n  learn: 1s\n  override:\n    enabled: replace\n    learn: replace\n`,
    );
    await ground.startSensor({ rules: [SHIPPED_RULES, soon], scope: 'instance' });
    // Until an agent has said which containers are its own, those of others may be.
    ground.agent.send({ type: 'containers', containers: [] });
  });
  after(() => ground.close());

  /** What the sensor says of itself is not about containers. */
  const ofRules = (from: number): Alert[] =>
    ground.agent.alerts.slice(from).filter(({ source, container }) => source.kind === 'rule' && container !== null);

  /** Where nothing may hang on the kernel's functions it does not say what is a folder, and Git hands its group down by folders. */
  const isUntoldFolder = ({ rule, output }: Alert): boolean => {
    const ready = ground.agent.messages.find(({ type }) => type === 'ready');
    if (JSON.stringify(ready).includes('"on_mode_changed"') || rule !== 'Setuid or setgid bit set in a container')
      return false;
    return / command=git/.test(output) && !output.includes('S_ISUID');
  };

  async function staysQuiet(services: Services, t: TestContext): Promise<void> {
    const before = ground.agent.alerts.length;
    await services.day(t).catch((error: unknown) => {
      assert.fail(`${String(error)}; until then: ${JSON.stringify(ofRules(before).map(({ output }) => output))}`);
    });
    // An alert that must come says that all before it had come.
    const last = ground.startContainer();
    ground.agent.send({ type: 'containers', containers: [...told, last].map((one) => ground.describe(one)) });
    await ground.podmanLater('exec', last, 'cat', '/etc/shadow');
    await ground.agent.waitFor(
      () => ground.agent.alerts.find(({ container }) => container?.id === last),
      WAIT_MS,
      () => `the alert of the last act; ${ground.sensorErrors}`,
    );
    const others = ofRules(before).filter((one) => one.container?.id !== last && !isUntoldFolder(one));
    assert.deepEqual(
      others.map(({ rule, output }) => `${rule}: ${output}`),
      [],
    );
  }

  test('what they do all day, and what is done to them, raises no shipped alert', async (t) => {
    const root = join(ground.folder, 'ordinary');
    smallRoot(root);
    const image = 'localhost/darsena-observe-ordinary:1';
    ground.importImage(image, root);
    const version = readdirSync(POSTGRES)[0] ?? '';
    const path = `/usr/local/bin:/usr/bin:/usr/sbin:${join(POSTGRES, version, 'bin')}`;
    await staysQuiet(new Services(ground, image, WORKLOADS, path, told), t);
  });

  test('the same of a whole house of Debian’s services', { skip: IS_SOAK ? false : 'a soak' }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'darsena-house-'));
    const image = 'localhost/darsena-observe-house:1';
    try {
      const root = join(folder, 'root');
      houseRoot(root, folder);
      ground.importImage(image, root);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/usr/lib/postgresql/15/bin';
    await staysQuiet(new Services(ground, image, HOUSE_WORKLOADS, path, told), t);
  });

  test('on the same sensor the act of each shipped rule is told, and each has its page', async (t) => {
    const root = join(ground.folder, 'acts');
    mkdirSync(root);
    const tar: Uint8Array[] = [];
    for await (const piece of packTar(await drillRoot())) tar.push(piece);
    execFileSync('tar', ['-x', '-C', root], { input: Buffer.concat(tar) });
    const image = 'localhost/darsena-observe-acts:1';
    ground.importImage(image, root);
    const id = ground.startContainerOf(image, '/usr/bin/perl', '-e', 'sleep 600');
    ground.agent.send({ type: 'containers', containers: [...told, id].map((one) => ground.describe(one)) });
    const write = WRITE_CALL[process.arch];
    const words = [...callSpecs(process.arch).map(({ name, number }) => `${name}=${number}`), `write=${write}`];
    const later = 'reach 203, 0, 113, 7, 9';
    writeFileSync(join(ground.folder, 'later.pl'), driverOf([{ rule: LATER, perl: later }]));
    const acts = ACTS.flatMap(({ terminal }, at) => (terminal === true ? [] : [String(at)]));
    await ground.podmanLater('exec', id, '/usr/bin/perl', '/drill.pl', ...words, ...acts);
    ground.execWithTerminal(id, '/bin/sh', '-c', 'true');
    ground.podman('cp', join(ground.folder, 'later.pl'), `${id}:/tmp/later.pl`);
    await sleep(1_500);
    await ground.podmanLater('exec', id, '/usr/bin/perl', '/tmp/later.pl', ...words, '0');

    const rules = RuleEngine.load(readShippedRules()).states.map(({ rule }) => rule.name);
    const pages = (['en', 'es'] as const).map((language) => readRulePages(language));
    const hasCall = (name: string): boolean => existsSync(`/sys/kernel/tracing/events/syscalls/sys_exit_${name}`);
    for (const rule of rules) {
      assert.ok(
        pages.every((some) => some.has(rule)),
        `${rule} has no page`,
      );
      const act = ACTS.find((one) => one.rule === rule);
      assert.ok(act !== undefined || rule === LATER, `${rule} is shipped without an act`);
      if (act?.calls !== undefined && !act.calls.some(hasCall)) {
        t.diagnostic(`${rule}: this kernel has no ${act.calls.join(', ')}`);
        continue;
      }
      const { alert, afterMs } = await ground.agent.waitFor(
        () => ground.agent.arrivals.find((one) => one.alert.rule === rule && one.alert.container?.id === id),
        WAIT_MS,
        () => `"${rule}"; there were ${namesOf(ground.agent.alerts)}; ${ground.sensorErrors}`,
      );
      t.diagnostic(`${rule}: told after ${afterMs.toFixed(1)} ms, quiet in ordinary work; ${alert.priority}`);
    }
  });
});

function namesOf(alerts: readonly Alert[]): string {
  return [...new Set(alerts.map(({ rule }) => rule))].join(', ');
}
