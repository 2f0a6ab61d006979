import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RiskClass } from './report.ts';
import { classifyRisk, type RiskFacts } from './risk.ts';

test('risk: exploitation first, then likelihood, then severity and fix; each with its reason in both languages', () => {
  const base: RiskFacts = { severity: 'high', cvss: 7.5, kev: false, epss: null, fixedVersion: '2.0' };
  const table: [Partial<RiskFacts>, RiskClass, RegExp][] = [
    [{ kev: true, severity: 'low', fixedVersion: null }, 'act-now', /KEV.*no fix/],
    [{ severity: 'critical', cvss: 9.8, epss: 0.6 }, 'act-now', /EPSS 60 %.*fixed in 2\.0/],
    [{ severity: 'critical', cvss: 9.8 }, 'high', /critical \(CVSS 9\.8\)/],
    [{ severity: 'critical', cvss: 9.8, fixedVersion: null }, 'high', /no fix/],
    [{}, 'high', /high \(CVSS 7\.5\); fixed/],
    [{ fixedVersion: null }, 'medium', /no fix/],
    [{ fixedVersion: null, epss: 0.2 }, 'high', /high/],
    [{ severity: 'medium', cvss: 5, epss: 0.2 }, 'high', /raised.*EPSS 20 %/],
    [{ severity: 'medium', cvss: 5 }, 'medium', /medium/],
    [{ severity: 'low', cvss: null, epss: 0.5 }, 'medium', /raised/],
    [{ severity: 'low', cvss: 2 }, 'low', /low/],
    [{ severity: 'none', cvss: 0 }, 'low', /none/],
    [{ severity: 'unknown', cvss: null }, 'unknown', /nobody/],
    [{ severity: 'unknown', cvss: null, kev: true }, 'act-now', /KEV/],
  ];
  for (const [facts, risk, why] of table) {
    const judged = classifyRisk({ ...base, ...facts });
    assert.equal(judged.risk, risk, JSON.stringify(facts));
    assert.match(judged.reason.en, why);
    assert.notEqual(judged.reason.es, judged.reason.en);
  }
});
