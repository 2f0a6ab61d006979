import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { runCommand } from '../../src/system/index.ts';
import { FaultGround, missingPart } from './faults-ground.ts';

// Two instances that run workloads on one machine, and a stranger beside them. One is purged, then the other.

const skip = await missingPart();

/** What the kernel and the network tools know of an instance's pods. */
interface Traces {
  readonly ids: readonly string[];
  readonly interfaces: readonly Link[];
  readonly subnets: readonly string[];
}

/** As `ip -json address` tells it. A number is never given again, a name is. */
interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  readonly addr_info: readonly { readonly local: string }[];
}

async function links(): Promise<Link[]> {
  const { code, stdout, stderr } = await runCommand('ip', ['-json', 'address', 'show'], { timeoutMs: 20_000 });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Link[];
}

/** @param subnet as `10.89.0.0/24` */
function lies(address: string, subnet: string): boolean {
  const [base = '', bits] = subnet.split('/');
  const family = isIP(base) === 6 ? 'ipv6' : 'ipv4';
  const all = new BlockList();
  all.addSubnet(base, Number(bits), family);
  return isIP(address) === isIP(base) && all.check(address, family);
}

/** What the firewall of the machine says, without what it has counted. */
async function rules(): Promise<string[]> {
  const lines: string[] = [];
  for (const [tool, ...args] of [['iptables-save'], ['nft', 'list', 'ruleset']] as const) {
    const { stdout } = await runCommand(tool, args, { timeoutMs: 20_000, maxOutputBytes: 64 * 1024 * 1024 });
    lines.push(...stdout.split('\n').map((line) => line.replace(/ counter packets \d+ bytes \d+/, '')));
  }
  return lines;
}

suite('purge', { skip, timeout: 240_000 }, () => {
  /** Rules that somebody left before these instances were there; chains bear the names of their networks. */
  let older: ReadonlySet<string> = new Set();
  const one = new FaultGround();
  const other = new FaultGround();
  const stranger = `${one.name}-stranger`;

  async function podman(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runCommand('podman', args, { timeoutMs: 60_000, cwd: '/' });
    assert.equal(code, 0, `podman ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  }

  async function tracesOf(ground: FaultGround): Promise<Traces> {
    const label = `label=darsena.instance=${ground.name}`;
    const containers = await podman('ps', '--all', '--no-trunc', '--filter', label, '--format', '{{.ID}} {{.Pod}}');
    const networks = (await podman('network', 'ls', '--filter', label, '--format', '{{.Name}}')).split('\n');
    const described = JSON.parse(await podman('network', 'inspect', ...networks)) as {
      network_interface: string;
      subnets: { subnet: string }[];
    }[];
    return {
      ids: [...new Set(containers.split(/\s+/))],
      interfaces: (await links()).filter(({ ifname }) =>
        described.some((network) => network.network_interface === ifname),
      ),
      subnets: described.flatMap(({ subnets }) => subnets.map(({ subnet }) => subnet)),
    };
  }

  /** Of the traces of before, what can still be seen. */
  async function remaining({ ids, interfaces, subnets }: Traces): Promise<string[]> {
    const left: string[] = [];
    const cgroups = await runCommand('find', ['/sys/fs/cgroup', '-type', 'd'], {
      timeoutMs: 20_000,
      maxOutputBytes: 64 * 1024 * 1024,
    });
    for (const path of cgroups.stdout.split('\n')) if (ids.some((id) => path.includes(id))) left.push(path);
    const lines = await rules();
    // Podman gives what is free again to whoever asks next, as another test may meanwhile: a link of another number is theirs.
    const now = await links();
    const isOurs = ({ ifindex }: Link): boolean => interfaces.some((link) => link.ifindex === ifindex);
    left.push(...now.filter(isOurs).map(({ ifname }) => ifname));
    const theirs = now.filter((link) => !isOurs(link)).flatMap(({ addr_info: addresses }) => addresses);
    const free = subnets.filter((subnet) => !theirs.some(({ local }) => lies(local, subnet)));
    left.push(...lines.filter((line) => !older.has(line) && free.some((subnet) => line.includes(subnet))));
    const mounts = await readFile('/proc/self/mounts', 'utf8');
    left.push(...mounts.split('\n').filter((line) => ids.some((id) => line.includes(id))));
    return left;
  }

  const imagesOf = async (ground: FaultGround): Promise<string[]> => {
    const { stdout } = await ground.darsena('release', 'list', 'mini', '--json');
    const { items } = JSON.parse(stdout) as { items: { digests: { repository: string; digest: string }[] }[] };
    const names = items.flatMap(({ digests }) =>
      digests.map(({ repository, digest }) => `registry.darsena.internal/${repository}@${digest}`),
    );
    return [...new Set(names)];
  };
  const storedImages = async (): Promise<string[]> => {
    const images = JSON.parse(await podman('images', '--all', '--format', 'json')) as { Names: string[] | null }[];
    return images.flatMap(({ Names }) => Names ?? []);
  };

  before(async () => {
    older = new Set(await rules());
    await one.open();
    await other.open();
  });
  after(async () => {
    await runCommand('podman', ['rm', '--force', '--ignore', stranger], { timeoutMs: 30_000 });
    await runCommand('podman', ['rmi', '--force', `localhost/${stranger}:1`], { timeoutMs: 30_000 });
    await one.close();
    await other.close();
  });

  test('takes the instance’s own images and traces, and nothing that somebody else holds or uses', async () => {
    await one.deploys();
    for (const content of ['second', 'third']) {
      await one.change(content);
      await one.deploys();
    }
    await other.change('of the other');
    await other.deploys();
    const [mine, theirs] = [await imagesOf(one), await imagesOf(other)];
    assert.ok(mine.length >= 3, mine.join(' '));
    const stored = await storedImages();
    const [used, tagged, ...rest] = mine.filter((name) => stored.includes(name) && !theirs.includes(name));
    assert.ok(used !== undefined && tagged !== undefined && rest.length > 0);
    // Somebody runs a container from one of our images without us, and gave another one a name of their own.
    await podman('create', '--name', stranger, used, 'x');
    await podman('tag', tagged, `localhost/${stranger}:1`);
    const [before_, neighbour] = [await tracesOf(one), await tracesOf(other)];
    assert.ok(before_.ids.length > 0 && (await remaining(before_)).length > 0);
    const running = await other.containers();

    const { code, stdout, stderr } = await one.darsena('down', '--purge', '--yes');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /removed \d+ images?\n/);
    assert.deepEqual(await one.leftovers(), []);
    assert.deepEqual(await remaining(before_), []);
    const left = await storedImages();
    assert.deepEqual(
      mine.filter((name) => left.includes(name)),
      [used, ...mine.filter((name) => theirs.includes(name))],
    );
    assert.ok(left.includes(`localhost/${stranger}:1`));
    assert.equal(await podman('ps', '--all', '--filter', `name=${stranger}`, '--format', '{{.Names}}'), stranger);

    for (const name of theirs.filter((one_) => stored.includes(one_))) assert.ok(left.includes(name), name);
    assert.deepEqual(await other.containers(), running);
    assert.equal((await other.get()).body, 'of the other');
    assert.ok((await remaining(neighbour)).length > 0);
  });

  test('of the last instance leaves not even an image', async () => {
    await runCommand('podman', ['rm', '--force', stranger], { timeoutMs: 30_000 });
    const theirs = await imagesOf(other);
    const before_ = await tracesOf(other);
    const { code, stderr } = await other.darsena('down', '--purge', '--yes');
    assert.equal(code, 0, stderr);
    assert.deepEqual(await other.leftovers(), []);
    assert.deepEqual(await remaining(before_), []);
    const left = await storedImages();
    assert.deepEqual(
      theirs.filter((name) => left.includes(name)),
      [],
    );
  });
});
