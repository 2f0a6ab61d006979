import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECT, KernelEvent, PathNames, RECORD, unknownProcess } from '../events/index.ts';
import { RuleEngine } from './engine.ts';

const AF_INET = 2;
const NAMED = '192.0.2.7';

/** Whether a rule of the condition holds for a connection to the address. */
function holds(condition: string, address: string): boolean {
  const text = `- rule: R\n  desc: d\n  condition: evt.type = connect and ${condition}\n  output: "%fd.sip.name|%fd.rip.name"\n  priority: NOTICE\n`;
  const engine = RuleEngine.load([{ file: 'f.yaml', text }]);
  assert.deepEqual(engine.findings, [], condition);
  const memory = new ArrayBuffer(1_024);
  const bytes = Buffer.from(memory);
  bytes.writeUInt16LE(RECORD.connect, 0);
  bytes.writeUInt16LE(AF_INET, CONNECT.family);
  bytes.set(address.split('.').map(Number), CONNECT.remote);
  const around = {
    ...{ parentOf: () => undefined, processOf: () => undefined, userName: () => null, groupName: () => null },
    ...{ ask: () => null, wallOffsetNs: 1.7e18, bootOffsetNs: 0 },
    namesOf: (one: string) => (one === NAMED ? ['a.example', 'b.example'] : []),
  };
  const event = new KernelEvent(memory, around, new PathNames());
  event.load(0);
  event.process = unknownProcess(7, 1, 'curl');
  const [held] = engine.match(event) ?? [];
  if (held === undefined) return false;
  assert.equal(
    engine.makeAlert(event, held).output,
    address === NAMED ? 'a.example,b.example|a.example,b.example' : '<NA>|<NA>',
  );
  return true;
}

test('a rule meets the addresses that its names of hosts lead to', () => {
  assert.equal(holds('fd.sip.name = b.example', NAMED), true);
  assert.equal(holds('fd.sip.name = c.example', NAMED), false);
  assert.equal(holds('fd.sip.name in (c.example, a.example)', NAMED), true);
  assert.equal(holds('fd.sip.name = a.example', '192.0.2.8'), false);
  assert.equal(holds('fd.sip.name exists', NAMED), true);
  assert.equal(holds('fd.sip.name exists', '192.0.2.8'), false);
});

test('"!=" wants none of the names, and an address without any has none', () => {
  assert.equal(holds('fd.sip.name != b.example', NAMED), false);
  assert.equal(holds('fd.sip.name != c.example', NAMED), true);
  assert.equal(holds('fd.sip.name != c.example', '192.0.2.8'), true);
  assert.equal(holds('not fd.sip.name in (a.example)', '192.0.2.8'), true);
});

test('the names to look up are those of the rules at work, each once, and none that is an address', () => {
  const rule = (name: string, condition: string, more = '') =>
    `- rule: ${name}\n  desc: d\n  condition: evt.type = connect and ${condition}\n  output: o\n  priority: NOTICE\n${more}`;
  const text = [
    '- list: known\n  items: [a.example, "b.example", 192.0.2.1, "2001:db8::1"]\n',
    '- macro: bad\n  condition: (fd.sip.name in (known) or fd.cip.name = c.example)\n',
    rule('On', '(not bad or fd.rip.name != a.example)'),
    rule('Off', 'fd.sip.name = off.example', '  enabled: false\n'),
    rule('Odd', `fd.lip.name in ("", "a..b", " x", "${'a'.repeat(64)}.example", "${'a.'.repeat(200)}b", constructor)`),
  ].join('');
  const engine = RuleEngine.load([{ file: 'f.yaml', text }]);
  assert.deepEqual(engine.hostNames.toSorted(), ['a.example', 'b.example', 'c.example', 'constructor']);
});

test('of more names than are looked up the rule says so', () => {
  const names = Array.from({ length: 1_100 }, (_, i) => `n${i}.example`).join(', ');
  const text = `- rule: R\n  desc: d\n  condition: evt.type = connect and fd.sip.name in (${names})\n  output: o\n  priority: NOTICE\n`;
  const engine = RuleEngine.load([{ file: 'f.yaml', text }]);
  assert.equal(engine.hostNames.length, 1_024);
  assert.deepEqual(
    engine.findings.map(({ severity, code, item }) => [severity, code, item]),
    [['warning', 'LOAD_UNOBSERVED', 'R']],
  );
});
