import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXAMPLE_RULE } from '../console/rules/example.ts';
import { RuleEngine, readShippedRules } from '../src/detect/index.ts';

test('what the rule editor begins with is sound beside the rules of the platform', () => {
  const engine = RuleEngine.load([...readShippedRules(), { file: 'rules.yaml', text: EXAMPLE_RULE }]);
  assert.deepEqual(
    engine.findings.filter(({ file }) => file === 'rules.yaml'),
    [],
  );
});
