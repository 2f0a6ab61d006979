import { rpmBerkeley, rpmHeader, rpmNdb, rpmSqlite } from './test-rpm.ts';
import type { AnalyserSample } from './test-samples.ts';

const text = (path: string, content: string): AnalyserSample => ({ path, bytes: Buffer.from(content) });

/** A package with files enough for several pages, and a small one of a module stream. */
export const RPM_HEADERS = [
  rpmHeader({
    1000: 'openssl-libs',
    1001: '3.2.2',
    1002: '6.el9_5',
    1003: [1],
    1011: 'Example Project',
    1014: 'ASL 2.0',
    1022: 'x86_64',
    1030: [0o040755, ...Array.from({ length: 300 }, () => 0o100755)],
    1044: 'openssl-3.2.2-6.el9_5.src.rpm',
    1116: [1, ...Array.from({ length: 300 }, () => 0)],
    1117: ['ssl', ...Array.from({ length: 300 }, (_, index) => `libssl.so.${index}`)],
    1118: ['/usr/lib64/', '/etc/'],
  }),
  rpmHeader({
    1000: 'nodejs',
    1001: '20.16.0',
    1002: '1.module+el9',
    1022: 'x86_64',
    1044: 'nodejs-20.16.0-1.module+el9.src.rpm',
    5096: 'nodejs:20:9040020240807:rhel9',
  }),
  rpmHeader({ 1000: 'gpg-pubkey', 1001: 'fd431d51', 1002: '4ae0493b' }),
];

/** Small true files of every analyser of operating systems. */
export const OS_SAMPLES: Readonly<Record<string, readonly AnalyserSample[]>> = {
  'os-release': [text('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n')],
  dpkg: [
    text(
      'var/lib/dpkg/status',
      'Package: a\nStatus: install ok installed\nVersion: 1:2.0-1+b1\nArchitecture: amd64\nSource: o (1:2.0-1)\nDescription: x\n y\n\nPackage: b\nStatus: deinstall ok config-files\nVersion: 4\n',
    ),
    text('var/lib/dpkg/status.d/base', 'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n'),
  ],
  apk: [
    text(
      'lib/apk/db/installed',
      'C:Q1qKcZ\nP:busybox\nV:1.37.0-r12\nA:x86_64\nL:GPL-2.0-only\no:busybox\nF:bin\nR:busybox\na:0:0:755\nZ:Q1x\n\nP:ssl_client\nV:1.37.0-r12\nA:x86_64\nL:GPL-2.0-only\no:busybox\nF:usr/bin\nR:ssl_client\n',
    ),
  ],
  rpm: [
    { path: 'var/lib/rpm/rpmdb.sqlite', bytes: rpmSqlite(RPM_HEADERS) },
    { path: 'usr/lib/sysimage/rpm/Packages.db', bytes: rpmNdb(RPM_HEADERS) },
    { path: 'var/lib/rpm/Packages', bytes: rpmBerkeley(RPM_HEADERS) },
  ],
  'rpm-log': [text('var/lib/rpm/rpmdb.sqlite-wal', 'x')],
  'rpm-manifest': [
    text(
      'var/lib/rpmmanifest/container-manifest-2',
      'glibc\t2.38-10.azl3\t1\t2\tMicrosoft Corporation\t(none)\t10\tx86_64\t0\tglibc-2.38-10.azl3.src.rpm\nlibgcc\t13.2.0-7.azl3\t1\t2\tMicrosoft Corporation\t1\t10\tx86_64\t1\tgcc-13.2.0-7.azl3.src.rpm\n',
    ),
  ],
  'dpkg-files': [
    text('var/lib/dpkg/info/zlib1g:amd64.list', '/.\n/usr\n/usr/lib\n/usr/lib/libz.so.1\n/usr/lib/libz.so.1.2.13\n'),
    text('var/lib/dpkg/status.d/tzdata.md5sums', `${'0'.repeat(32)}  usr/share/zoneinfo/CET\n`),
  ],
  'dpkg-licences': [
    text(
      'usr/share/doc/zlib1g/copyright',
      'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: zlib\n\nFiles: *\nCopyright: 1995 A\nLicense: Zlib\n\nFiles: contrib/*\nCopyright: 2001 B\nLicense: GPL-2+ or Expat\n text of it\n .\n more\n',
    ),
  ],
  alpm: [
    text(
      'var/lib/pacman/local/zlib-1:1.3.1-2/desc',
      '%NAME%\nzlib\n\n%VERSION%\n1:1.3.1-2\n\n%BASE%\nzlib\n\n%ARCH%\nx86_64\n\n%LICENSE%\nZlib\n\n',
    ),
    text('var/lib/pacman/local/zlib-1:1.3.1-2/files', '%FILES%\nusr/\nusr/lib/\nusr/lib/libz.so\n\n%BACKUP%\n'),
  ],
  opkg: [
    text(
      'usr/lib/opkg/status',
      'Package: libc\nVersion: 1.2.4-4\nStatus: install user installed\nArchitecture: x86_64\nLicense: MIT\n',
    ),
  ],
};
