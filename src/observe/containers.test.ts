import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type CgroupName, ContainerRegister, type OwnPlace, unknownContainer } from './containers.ts';
import { CGROUPS_MAX } from './limits.ts';
import { containerIn, containersIn } from './proc.ts';

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

const idOf = (n: number): string => n.toString(16).padStart(64, '0');

test('E6: labels of a hundred thousand containers are held in 64 MB, and none of them is taken for a stranger', (t) => {
  const ignored: string[] = [];
  const register = new ContainerRegister({ setIgnored: (_, id) => void ignored.push(id) }, true);
  const before = heapBytes();
  register.tell(
    Array.from({ length: 100_000 }, (_, n) => ({
      ...unknownContainer(idOf(n)),
      ...{ name: `name-${n}`.padEnd(255, 'x'), project: `p${n}`.padEnd(255, 'y'), workload: `w${n}`.padEnd(255, 'z') },
    })),
    0,
  );
  for (let n = 0; n < 100_000; n++) register.add(n + 1, BigInt(n + 1), idOf(n), 0);
  register.settle(3_600_000);
  const grownMb = (heapBytes() - before) / 2 ** 20;
  t.diagnostic(`memory grew by ${grownMb.toFixed(1)} MB`);
  assert.ok(grownMb < 64, `${grownMb} MB`);
  assert.deepEqual([ignored.length, register.strangers.length], [0, 0]);
  assert.equal(register.find(100_000)?.standing, 'unknown');
  register.tell([unknownContainer(idOf(99_999))], 3_600_000);
  assert.equal(register.find(100_000)?.facts?.id, idOf(99_999));
  let kept = 0;
  for (let n = 1; n <= 100_000; n++) if (register.find(n) !== undefined) kept++;
  assert.equal(kept, CGROUPS_MAX);
});

test('the innermost name that an engine gave counts, monitors are of the host, and names of a container’s own say nothing', () => {
  const [pod, one, two] = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
  const cases: readonly (readonly [path: string, id: string | null | undefined])[] = [
    [`/libpod_parent/libpod-${one}`, one],
    [`/libpod_parent/${pod}/libpod-${one}`, one],
    [`/libpod_parent/${pod}/conmon`, null],
    [`/libpod_parent/libpod-${one}/conmon`, one],
    [`/libpod_parent/${pod}/libpod-${one}/conmon`, one],
    [`/docker/${one}/conmon`, one],
    [`/docker/${one}`, one],
    [`/docker/${one}/docker/${two}`, two],
    [`/machine.slice/libpod-${one}.scope/container`, one],
    [`/machine.slice/libpod-conmon-${one}.scope`, null],
    [`/machine.slice/libpod-${one}.scope/libpod-conmon-${two}.scope`, one],
    [`/kubepods.slice/cri-containerd-${one}.scope`, one],
    [`/system.slice/${one}x`, null],
  ];
  for (const [path, id] of cases) {
    assert.equal(containerIn(`4:memory:/\n0::${path}\n`), id, path);
  }
});

/** What the kernel's programs are told of, and how they saw each cgroup come to its name. */
function kernelOf(names: ReadonlyMap<bigint, CgroupName>) {
  const heard = { own: [] as string[], ignored: [] as bigint[], forgotten: [] as bigint[] };
  return {
    heard,
    setIgnored(cgroup: bigint, _: string, ignored: boolean) {
      if (ignored) heard.ignored.push(cgroup);
    },
    setOwn(places: ReadonlyMap<string, OwnPlace>) {
      heard.own = [...places.keys()];
    },
    nameOf: (cgroup: bigint) => names.get(cgroup) ?? null,
    forget(cgroup: bigint) {
      heard.forgotten.push(cgroup);
    },
  };
}

const NESTED = { isOpen: false, isNested: true };
const OPEN = { isOpen: true, isNested: false };

test('one of ours that had not begun when it was told is waited for where its name says nothing, and is known where it began', () => {
  for (const how of [NESTED, OPEN]) {
    const kernel = kernelOf(new Map([[7n, { ...how, named: 7n }]]));
    const register = new ContainerRegister(kernel, true);
    const ours = unknownContainer(idOf(1));
    register.tell([ours], 0);
    // It has no place that a name could be compared with.
    assert.deepEqual(kernel.heard.own, []);
    const slot = register.add(7, 7n, ours.id, 0, () => [idOf(9)]);
    assert.equal(slot.standing, 'awaited');
    register.tell([ours], 100);
    assert.equal(slot.standing, 'awaited', 'still nobody knows where');
    register.tell([ours], 200, new Map([[ours.id, { unified: 7n, pids: 0n }]]));
    assert.equal(slot.standing, 'known');
    assert.deepEqual([kernel.heard.own, kernel.heard.forgotten], [[ours.id], []]);
  }
});

test('a name of ours in another place than the engine’s is of the host, and so is one of what never began', () => {
  const ours = unknownContainer(idOf(1));
  for (const place of [new Map([[ours.id, { unified: 8n, pids: 0n }]]), null]) {
    const kernel = kernelOf(new Map([[7n, { ...OPEN, named: 7n }]]));
    const register = new ContainerRegister(kernel, true);
    register.tell([ours], 0);
    const slot = register.add(7, 7n, ours.id, 0);
    if (place === null) register.settle(3_600_000);
    else register.tell([ours], 100, place);
    assert.deepEqual([slot.standing, slot.facts], ['feigned', null]);
    assert.deepEqual(kernel.heard.forgotten, [7n]);
  }
});

test('what stands within a container of ours is looked at anew once that is told, and containers of others in each other are not', () => {
  const [ours, outer, inner] = [1, 2, 3].map((n) => idOf(n)) as [string, string, string];
  const named = (named: bigint): CgroupName => ({ ...NESTED, named });
  const kernel = kernelOf(new Map([7n, 8n, 9n, 10n].map((n) => [n, named(n)])));
  const register = new ContainerRegister(kernel, true);
  const within = register.add(7, 7n, inner, 0, () => [ours]);
  const strange = register.add(8, 8n, inner, 0, () => [outer]);
  // Its process was gone before it was looked at.
  const gone = register.add(9, 9n, inner, 0);
  register.tell([unknownContainer(ours)], 100, new Map([[ours, { unified: 4n, pids: 0n }]]));
  assert.deepEqual([within.standing, strange.standing, gone.standing], ['unknown', 'awaited', 'unknown']);
  assert.deepEqual(kernel.heard.forgotten, [7n, 9n]);
  // Looked at by the kernel before it was told, and read afterwards.
  assert.equal(register.add(10, 10n, inner, 200, () => [ours]).standing, 'unknown');
  assert.equal(register.find(10), undefined);
  register.settle(3_600_000);
  for (let n = 0; n < 3; n++) register.tell([unknownContainer(ours)], 3_600_000 + n);
  assert.deepEqual([strange.standing, kernel.heard.ignored, kernel.heard.forgotten], ['foreign', [8n], [7n, 9n, 10n]]);
});

test('all names of containers in a process’s control groups are read, of whichever hierarchy', () => {
  const [one, two] = ['a', 'b'].map((letter) => letter.repeat(64));
  const paths = `9:pids:/docker/${one}/libpod_parent/libpod-${two}\n4:memory:/\n0::/machine.slice/libpod-conmon-${two}.scope\n`;
  assert.deepEqual(containersIn(paths), [one, two]);
});
