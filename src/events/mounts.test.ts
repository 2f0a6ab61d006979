import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostMounts, matchesPattern, mountOf, mountText } from './mounts.ts';

const HOST = `
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /proc rw,nosuid shared:5 - proc proc rw
23 21 0:21 / /sys rw shared:6 - sysfs sysfs rw
24 21 8:2 / /var/lib/a\\040b rw shared:7 - xfs /dev/sdb rw
25 21 0:50 / /var/lib/store/overlay/x/merged rw - overlay overlay rw
26 21 8:2 /deep/part /srv/part rw - xfs /dev/sdb rw
`;
const CONTAINER = `
100 90 0:50 / / rw - overlay overlay rw
101 100 0:60 / /proc rw - proc proc rw
102 100 0:21 / /sys ro - sysfs sysfs ro
103 100 8:1 /etc /host-etc ro,relatime master:1 - ext4 /dev/sda1 rw
104 100 8:1 / /host rw - ext4 /dev/sda1 rw
105 100 0:20 / /hostproc rw,nosuid - proc proc rw
106 100 8:2 /deep/part/x /x rw shared:9 - xfs /dev/sdb rw
107 100 8:2 /other /o\\134ther rw - xfs /dev/sdb rw
108 100 0:70 / /tmp rw - tmpfs tmpfs rw
`;

test('what a container has from its host is told by the names of both, and nothing else is', () => {
  assert.deepEqual(hostMounts(CONTAINER, HOST)?.map(mountText), [
    '/etc:/host-etc::false:rslave',
    '/:/host::true:rprivate',
    '/proc:/hostproc::true:rprivate',
    '/srv/part/x:/x::true:rshared',
    '/var/lib/a b/other:/o\\ther::true:rprivate',
  ]);
});

test('a mount is asked for by its source, its source by the destination, and either by a pattern or a number', () => {
  const mounts = hostMounts(CONTAINER, HOST) ?? [];
  assert.equal(mountOf(mounts, '/proc*', 'source')?.destination, '/hostproc');
  assert.equal(mountOf(mounts, '/', 'source')?.destination, '/host');
  assert.equal(mountOf(mounts, '/host-etc', 'destination')?.source, '/etc');
  assert.equal(mountOf(mounts, '0', 'source')?.destination, '/host-etc');
  for (const none of ['/root*', '/etc/kubernetes', '99', '', 'constructor', '__proto__'])
    assert.equal(mountOf(mounts, none, 'source'), undefined, none);
});

test('what has the root of the host still is no container yet', () => {
  assert.equal(hostMounts(HOST, HOST), null);
});

test('lists that make no sense, or no end, are read to a bound and never fail', () => {
  for (const text of ['', '\n\n', 'x', '1 2 3', '1 2 8:1 / / rw', '1 2 8:1 / / rw -', '\0'.repeat(99)])
    assert.deepEqual(hostMounts(text, text), []);
  const many = Array.from({ length: 50_000 }, (_, i) => `${i} 1 8:1 / /m${i} rw - ext4 d rw`).join('\n');
  assert.equal(hostMounts(many, HOST)?.length, 1_024);
});

test('patterns match as fnmatch does', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['/proc', '/proc*', true],
    ['/proc/1/ns', '/proc*', true],
    ['/pro', '/proc*', false],
    ['/etc/x', '/*/?', true],
    ['/etc/xy', '/*/?', false],
    ['', '*', true],
    ['', '?', false],
    ['abc', 'a*c*', true],
    ['a.c', 'a[.]c', false],
  ];
  for (const [text, pattern, holds] of cases) assert.equal(matchesPattern(text, pattern), holds, `${text} ${pattern}`);
  assert.equal(matchesPattern('a'.repeat(4_096), `${'*a'.repeat(500)}b`), false);
});
