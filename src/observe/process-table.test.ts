import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isParent, TICK_NS, unknownProcess } from '../events/index.ts';
import { readProcess } from './proc.ts';
import { ProcessTable } from './process-table.ts';

const CLOCKS = { wallOffsetNs: 1.7e18, bootOffsetNs: 0 };

test('who got the number of a parent after the child began is not its parent', () => {
  const child = { ...unknownProcess(40, 50 * TICK_NS), ppid: 30 };
  const other = (startedNs: number) => unknownProcess(30, startedNs);
  assert.equal(isParent(other(49 * TICK_NS), child, CLOCKS), true);
  assert.equal(isParent(other(50 * TICK_NS + 7), child, CLOCKS), true, '/proc is only as fine as a tick');
  assert.equal(isParent(other(51 * TICK_NS), child, CLOCKS), false);
  assert.equal(isParent(other(0), child, CLOCKS), true, 'the first process of the machine');
  assert.equal(isParent({ ...other(0), execTimeNs: 1.7e18 }, child, CLOCKS), false, 'nobody knows when it began');
  const sure = { ...child, parentStartedNs: 49 * TICK_NS };
  assert.equal(isParent(other(49 * TICK_NS + 3), sure, CLOCKS), true);
  assert.equal(isParent(other(48 * TICK_NS), sure, CLOCKS), false, 'older, and another one');
  assert.equal(isParent(other(0), sure, CLOCKS), false);
  // Of a child that ended before anybody looked it is known when it started its program.
  const ended = { ...child, startedNs: 0, execTimeNs: CLOCKS.wallOffsetNs + 60 * TICK_NS };
  assert.equal(isParent(other(59 * TICK_NS), ended, CLOCKS), true);
  assert.equal(isParent(other(61 * TICK_NS), ended, CLOCKS), false);
});

test('a process that hangs below a number of which somebody else has become the owner has no known parent', () => {
  const self = readProcess(process.pid) ?? assert.fail('no /proc');
  const table = new ProcessTable();
  const child = { ...unknownProcess(2 ** 22 + 1, self.startedNs + TICK_NS), ppid: self.pid };
  assert.equal(table.parentOf(child)?.name, self.name);
  const elder = { ...child, startedNs: self.startedNs - TICK_NS };
  assert.equal(table.parentOf(elder), undefined);
  assert.deepEqual(
    table.parentOf({ ...elder, parentName: 'sh' }),
    unknownProcess(self.pid, 0, 'sh'),
    'its child knows the name, and that is all there is',
  );
});
