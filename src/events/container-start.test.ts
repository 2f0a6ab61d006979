import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelEvent, unknownProcess } from './event.ts';
import type { ContainerFacts, ProcessFacts } from './facts.ts';
import { fieldReader } from './fields.ts';
import { PathNames } from './path-names.ts';

const CONTAINER: ContainerFacts = {
  ...{ id: 'c'.repeat(64), name: 'web', project: 'p', environment: 'e', workload: 'web', pod: 'web' },
  ...{ container: 'web', image: 'registry/p/web:1', digest: null },
};

/** What the field says of the first of the processes, each the child of the next. */
function startOf(line: readonly ProcessFacts[]): unknown {
  const around = {
    ...{ parentOf: (one: ProcessFacts) => line[line.indexOf(one) + 1], processOf: () => undefined },
    ...{ userName: () => null, groupName: () => null, ask: () => null, wallOffsetNs: 1e18, bootOffsetNs: 0 },
  };
  const event = new KernelEvent(new ArrayBuffer(1_024), around, new PathNames());
  const [process] = line;
  assert.ok(process !== undefined);
  event.process = process;
  event.container = CONTAINER;
  return fieldReader('container.start_ts', null)?.(event);
}

const made = (pid: number, innerPid: number, startedNs: number): ProcessFacts => ({
  ...unknownProcess(pid, startedNs, 'x'),
  innerPid,
});

test('a container began when its first process did, and what is executed in it from outside does not know', () => {
  const [init, monitor, host] = [made(500, 1, 5e9), made(400, 400, 4e9), made(1, 1, 1e9)];
  assert.equal(startOf([made(600, 7, 6e9), init, monitor, host]), 1e18 + 5e9);
  assert.equal(startOf([init, monitor, host]), 1e18 + 5e9);
  assert.equal(startOf([made(600, 7, 6e9), monitor, host]), null);
});
