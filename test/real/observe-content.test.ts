/** What calls move, told only while a rule asks for it; rules of Falco's that need it, names of hosts, or the name that was given. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Ground, missingParts, writeRules } from './observe-ground.ts';

const SOURCE = join(import.meta.dirname, 'observe-content.c');

/** The call, what a condition wants of its bytes, and how they read in the alert. */
const MOVED: readonly (readonly [call: string, condition: string, shown: string])[] = [
  ['sendto', 'evt.buffer bcontains 0d0acafebabe', 'HTTP/1.1 200..........'],
  ['sendmsg', 'evt.buffer = "sent-in-parts"', 'sent-in-parts'],
  ['recvmsg', 'evt.buffer startswith sent-in', 'sent-in-parts'],
  ['sendmmsg', 'evt.buffer = many-sent', 'many-sent'],
  ['recvmmsg', 'evt.buffer = many-sent', 'many-sent'],
  ['writev', 'evt.buffer = written-in-parts', 'written-in-parts'],
  ['pwritev', 'evt.buffer = written-in-parts', 'written-in-parts'],
  ['pwrite', 'evt.buffer in (placed, elsewhere)', 'placed'],
  ['write', 'evt.buffer endswith "xxend-"', `${'x'.repeat(76)}end-`],
  ['pread', 'evt.buffer = written-', 'written-'],
  ['read', 'evt.buffer.b64 startswith d3JpdHRlbi', 'written-in-parts'],
  ['preadv', 'len(evt.buffer) = 55', `written-in-parts${'x'.repeat(39)}`],
  ['readv', 'evt.buffer contains "en-in"', `written-in-parts${'x'.repeat(39)}`],
];

/** As Falco's rules of the sandbox have them. */
const OF_FALCO = `
- macro: open_write
  condition: (evt.type in (open,openat,openat2) and evt.is_open_write=true and fd.typechar='f' and fd.num>=0)
- macro: container
  condition: (container.id != host)
- macro: java_network_read
  condition: (evt.type=recvfrom and fd.type in (ipv4, ipv6) and proc.exe endswith java)
- rule: Java Process Class File Download
  desc: a class file
  condition: java_network_read and evt.buffer bcontains cafebabe
  output: Java process class file download | server_ip=%fd.sip server_port=%fd.sport connection=%fd.name
  priority: CRITICAL
- list: docker_binaries
  items: [docker, dockerd, containerd-shim, "runc:[1:CHILD]", pause, exe]
- macro: docker_procs
  condition: proc.name in (docker_binaries)
- rule: Modify Container Entrypoint
  desc: the program of the container
  condition: >
    open_write and container and (fd.name=/proc/self/exe or fd.name startswith /proc/self/fd/)
    and not docker_procs and not proc.cmdline = "runc:[1:CHILD] init"
  output: Detect Potential Container Breakout Exploit | file=%fd.name given=%fd.nameraw
  priority: WARNING
- list: rfc_1918_addresses
  items: ['"10.0.0.0/8"', '"172.16.0.0/12"', '"192.168.0.0/16"']
- list: miner_ports
  items: [25, 3333, 4444, 14433]
- list: miner_domains
  items: ["asia1.ethpool.example", "NAMED"]
- macro: minerpool_other
  condition: (fd.sport in (miner_ports) and fd.sip.name in (miner_domains))
- macro: net_miner_pool
  condition: (evt.type in (sendto, sendmsg, connect) and (fd.net != "127.0.0.0/8" and not fd.snet in (rfc_1918_addresses)) and ((minerpool_other)))
- rule: Detect outbound connections to common miner pool ports
  desc: a pool
  condition: net_miner_pool
  output: Outbound connection to a pool | port=%fd.rport ip=%fd.rip
  priority: CRITICAL
`;

const named = 'deb.debian.org';
const PRIVATE = /^(?:10\.|127\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|.*:)/;

function noCompiler(): string | false {
  return missingParts() || (spawnSync('gcc', ['--version']).status === 0 ? false : 'needs gcc');
}

describe('what calls move', { skip: noCompiler() }, () => {
  let ground: Ground;
  let container: string;

  before(async () => {
    ground = new Ground();
    container = ground.startContainer();
    const rules = MOVED.map(([call, condition]) =>
      [
        `- rule: moved by ${call}`,
        '  desc: d',
        `  condition: 'evt.type = ${call} and proc.exe endswith java and ${condition}'`,
        `  output: "%evt.buffer|%evt.io_dir|%evt.buflen"`,
        '  priority: NOTICE\n',
      ].join('\n'),
    );
    const text = OF_FALCO.replace('NAMED', named) + rules.join('');
    await ground.startSensor({ rules: [writeRules(ground, text)], scope: 'instance' });
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
    const program = join(ground.folder, 'java');
    const made = spawnSync('gcc', ['-O2', '-static', '-o', program, SOURCE], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    ground.podman('cp', program, `${container}:/bin/java`);
    const said = await ground.podmanOutput('exec', container, '/bin/java');
    assert.equal(said.trim(), 'done');
  });
  after(() => ground.close());

  const alertOf = async (rule: string) => {
    const { alert } = await ground.agent.waitFor(
      () => ground.agent.arrivals.find((one) => one.alert.rule === rule),
      10_000,
      () => `an alert of "${rule}"; there were ${[...new Set(ground.agent.alerts.map((one) => one.rule))].join(', ')}`,
    );
    return alert;
  };

  for (const [call, condition, shown] of MOVED) {
    test(`${call}: ${condition}`, async () => {
      const { output } = await alertOf(`moved by ${call}`);
      const [text, way, length] = output.split('|');
      assert.equal(text, shown);
      assert.equal(way, /^p?read|^recv/.test(call) ? 'read' : 'write');
      assert.match(length ?? '', /^\d+$/);
    });
  }

  test('a class file that a Java program receives is found by Falco’s rule', async () => {
    const { outputFields } = await alertOf('Java Process Class File Download');
    assert.equal(outputFields['fd.sip'], '127.0.0.1');
  });

  test('a write by way of /proc/self is found by Falco’s rule, whatever the file is called', async () => {
    const { outputFields } = await alertOf('Modify Container Entrypoint');
    assert.equal(outputFields['fd.name'], '/tmp/content');
    assert.match(String(outputFields['fd.nameraw']), /^\/proc\/self\/\/fd\/\d+$/);
  });

  test('a connection to a host that a rule names is found by the address of its name', async (t) => {
    const [address] = await lookup(named, { all: true, family: 4 }).catch(() => []);
    if (address === undefined || PRIVATE.test(address.address)) return t.skip(`${named} leads nowhere here`);
    const rule = 'Detect outbound connections to common miner pool ports';
    const act = `/bin/busybox nc -w 1 ${address.address} 3333`;
    // Names are asked for when rules come into force, and that takes as long as it takes.
    for (let n = 0; n < 60 && !ground.agent.alerts.some((one) => one.rule === rule); n++) {
      await ground.podmanLater('exec', container, 'sh', '-c', act);
    }
    assert.equal((await alertOf(rule)).outputFields['fd.rip'], address.address);
  });
});
