import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ContainerRegister, unknownContainer } from './containers.ts';
import { CGROUPS_MAX } from './limits.ts';
import { containerIn } from './proc.ts';

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
