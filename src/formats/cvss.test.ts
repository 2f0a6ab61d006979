import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scoreCvss3 } from './cvss.ts';
import { scoreCvss4 } from './cvss4.ts';
import { FormatError } from './errors.ts';

test('scoreCvss3() gives the scores that NVD published', () => {
  const table: [string, number][] = [
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 9.8], // CVE-2021-3156-like remote code execution
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H', 10.0], // CVE-2021-44228
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N', 7.5], // CVE-2014-0160
    ['CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N', 6.1], // cross-site scripting
    ['CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:H/A:H', 7.0],
    ['CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H', 7.8], // CVE-2021-3156
    ['CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H', 5.9],
    ['CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N', 1.6],
    ['CVSS:3.0/AV:N/AC:L/PR:H/UI:N/S:C/C:H/I:H/A:H', 9.1],
    ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N', 0],
    ['AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:N/E:P', 8.6],
  ];
  for (const [vector, score] of table) assert.equal(scoreCvss3(vector), score, vector);
});

test('scoreCvss3() refuses what is no vector of version 3', () => {
  for (const vector of [
    '',
    'CVSS:3.1/AV:N',
    'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N',
    'AV:X/AC:L',
  ]) {
    assert.throws(() => scoreCvss3(vector), FormatError, vector);
  }
});

test('scoreCvss4() gives the scores of the published calculator', () => {
  const table: [string, number][] = [
    ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H', 10],
    ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', 9.3],
    ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N', 0],
    ['CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', 7.3],
    ['CVSS:4.0/AV:L/AC:L/AT:P/PR:H/UI:N/VC:H/VI:N/VA:H/SC:L/SI:N/SA:H', 6.9],
    ['CVSS:4.0/AV:A/AC:L/AT:N/PR:L/UI:P/VC:H/VI:H/VA:H/SC:N/SI:L/SA:H/CR:H/MAV:P/MAC:X/MAT:X/MPR:N/MSC:H/MSI:N', 8.4],
    ['CVSS:4.0/AV:N/AC:L/AT:P/PR:H/UI:A/VC:L/VI:L/VA:L/SC:N/SI:L/SA:L', 1.8],
    [
      'CVSS:4.0/AV:L/AC:L/AT:N/PR:H/UI:N/VC:H/VI:N/VA:L/SC:N/SI:L/SA:L/CR:X/IR:L/AR:M/MAV:L/MAC:H/MAT:P/MVC:L/MSC:X/MSA:X',
      1.8,
    ],
    ['CVSS:4.0/AV:N/AC:H/AT:P/PR:L/UI:A/VC:L/VI:N/VA:L/SC:H/SI:L/SA:L', 4.8],
    [
      'CVSS:4.0/AV:A/AC:L/AT:P/PR:N/UI:N/VC:L/VI:H/VA:N/SC:H/SI:L/SA:L/CR:H/IR:M/MAT:N/MVC:H/MVI:H/MVA:H/MSC:H/MSI:X/MSA:N',
      9.3,
    ],
    ['CVSS:4.0/AV:L/AC:H/AT:N/PR:H/UI:A/VC:N/VI:N/VA:N/SC:N/SI:H/SA:L', 2],
    ['CVSS:4.0/AV:P/AC:H/AT:P/PR:L/UI:N/VC:L/VI:N/VA:L/SC:H/SI:H/SA:H/CR:X/IR:X/AR:H/MPR:N/MVC:L/MSC:X', 2.4],
    ['CVSS:4.0/AV:P/AC:H/AT:P/PR:L/UI:N/VC:H/VI:H/VA:N/SC:L/SI:N/SA:L', 5.3],
    ['CVSS:4.0/AV:P/AC:L/AT:N/PR:N/UI:A/VC:L/VI:H/VA:N/SC:N/SI:H/SA:N/E:X/IR:M/MAV:N/MPR:N/MVA:H/MSA:N', 8.3],
    ['CVSS:4.0/AV:P/AC:H/AT:N/PR:N/UI:P/VC:L/VI:L/VA:H/SC:N/SI:N/SA:L', 4.4],
    [
      'CVSS:4.0/AV:P/AC:H/AT:P/PR:N/UI:N/VC:H/VI:H/VA:L/SC:H/SI:L/SA:H/E:X/CR:M/AR:X/MPR:N/MUI:P/MVC:N/MVI:X/MSC:H/MSI:N',
      5.8,
    ],
    [
      'CVSS:4.0/AV:A/AC:L/AT:N/PR:H/UI:P/VC:L/VI:N/VA:H/SC:N/SI:L/SA:L/E:A/CR:L/IR:M/AR:M/MAV:N/MAC:H/MPR:N/MUI:A/MVI:L/MSC:H/MSA:S',
      7.4,
    ],
    ['CVSS:4.0/AV:A/AC:H/AT:P/PR:N/UI:A/VC:N/VI:L/VA:N/SC:H/SI:H/SA:H/MVC:N/MVA:X', 5.2],
    [
      'CVSS:4.0/AV:L/AC:L/AT:N/PR:H/UI:N/VC:H/VI:H/VA:L/SC:L/SI:N/SA:H/CR:L/MAV:N/MAC:X/MAT:X/MPR:H/MUI:P/MVI:X/MSI:X',
      9.2,
    ],
    [
      'CVSS:4.0/AV:L/AC:L/AT:P/PR:N/UI:A/VC:H/VI:N/VA:H/SC:L/SI:L/SA:H/E:A/IR:H/AR:X/MAC:X/MAT:X/MVI:H/MVA:X/MSC:L',
      8.6,
    ],
    ['CVSS:4.0/AV:A/AC:L/AT:P/PR:H/UI:N/VC:N/VI:N/VA:L/SC:L/SI:L/SA:H/IR:H/MAT:X/MVC:N/MVI:N/MSC:L/MSA:X', 4.8],
    [
      'CVSS:4.0/AV:A/AC:L/AT:N/PR:H/UI:A/VC:L/VI:L/VA:N/SC:H/SI:N/SA:N/E:A/CR:L/AR:L/MAV:X/MAC:X/MAT:P/MUI:P/MSC:L/MSA:X',
      1,
    ],
    ['CVSS:4.0/AV:N/AC:H/AT:N/PR:N/UI:N/VC:L/VI:H/VA:L/SC:N/SI:H/SA:N/E:A/MAV:L/MAC:L/MPR:X/MVC:N/MSC:X', 8.3],
    ['CVSS:4.0/AV:A/AC:L/AT:N/PR:H/UI:P/VC:L/VI:N/VA:N/SC:L/SI:L/SA:N/E:U/AR:M/MUI:X/MVC:H/MSC:N', 1.6],
    ['CVSS:4.0/AV:P/AC:L/AT:P/PR:N/UI:P/VC:H/VI:L/VA:N/SC:H/SI:N/SA:N/E:A/CR:H/MAC:L/MPR:N/MUI:A/MVC:X/MSC:L', 4.3],
    [
      'CVSS:4.0/AV:P/AC:L/AT:P/PR:N/UI:N/VC:L/VI:N/VA:L/SC:N/SI:L/SA:N/CR:M/AR:X/MAV:A/MAT:X/MVC:X/MVI:H/MSC:H/MSA:L',
      7.2,
    ],
    ['CVSS:4.0/AV:L/AC:H/AT:N/PR:N/UI:N/VC:H/VI:L/VA:H/SC:H/SI:N/SA:N/E:X/CR:L/MPR:N/MVI:N/MVA:N/MSC:L', 4.6],
    ['CVSS:4.0/AV:P/AC:H/AT:N/PR:H/UI:P/VC:N/VI:L/VA:H/SC:L/SI:L/SA:N/MAV:A/MAT:N/MUI:P/MSI:N/MSA:H', 5.7],
    ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:P/VC:N/VI:L/VA:H/SC:L/SI:L/SA:H/E:P/AR:H/MAV:A/MAT:X/MPR:L/MSC:L/MSA:S', 7],
  ];
  for (const [vector, score] of table) assert.equal(scoreCvss4(vector), score, vector);
});

test('scoreCvss4() refuses what is no vector of version 4', () => {
  for (const vector of [
    '',
    'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H',
    'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N',
    'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:S/SI:N/SA:N',
    'CVSS:4.0/AV:N/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N',
    'CVSS:4.0/AV:NA/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N',
    'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:Z',
  ]) {
    assert.throws(() => scoreCvss4(vector), FormatError, vector);
  }
});
