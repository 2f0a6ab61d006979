import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPurl, type PurlParts } from './purl.ts';

test('formatPurl() writes what the specification shows', () => {
  const table: [PurlParts, string][] = [
    [{ type: 'npm', name: 'foobar', version: '12.3.1' }, 'pkg:npm/foobar@12.3.1'],
    [
      { type: 'npm', namespace: '@angular', name: 'animation', version: '12.3.1' },
      'pkg:npm/%40angular/animation@12.3.1',
    ],
    [
      {
        type: 'deb',
        namespace: 'debian',
        name: 'attr',
        version: '1:2.4.47-2+b1~x',
        qualifiers: { arch: 'amd64', none: null },
      },
      'pkg:deb/debian/attr@1:2.4.47-2%2Bb1~x?arch=amd64',
    ],
    [
      { type: 'deb', namespace: 'debian', name: 'g++', qualifiers: { distro: 'debian-12', arch: 'all' } },
      'pkg:deb/debian/g%2B%2B?arch=all&distro=debian-12',
    ],
    [{ type: 'golang', namespace: 'github.com/a', name: 'b', version: 'v1.0.0' }, 'pkg:golang/github.com/a/b@v1.0.0'],
  ];
  for (const [parts, expected] of table) assert.equal(formatPurl(parts), expected);
});
