/** A program or library that tells its version in its bytes, for where no package manager speaks of it. */
export interface KnownProgram {
  /** The name in `pkg:generic/…`. */
  readonly name: string;
  /** Vendor and product as CVE records and CPE names have them. */
  readonly cpe: string;
  /** Names of its file. */
  readonly files: RegExp;
  /** Searched first, as bytes; '' when there is nothing fixed in it: only for files of some MiB. */
  readonly anchor: string;
  /** Tried on the text from a little before the anchor; the first group is the version. */
  readonly pattern: RegExp;
}

/** Dots and digits up to a NUL, as the constant of a C program is stored; another constant may end just before it. */
const constant = (version: string): RegExp => new RegExp(`(?<![\\w.])(${version})\\0`);
const library = (name: string): RegExp => new RegExp(`^${name}\\.so(?:\\.[0-9.]+)?$`);

/** Rows were tried on builds of their programs, all but openresty and valkey; test/real/scan-programs.test.ts tries those that the machine has. */
export const KNOWN_PROGRAMS: readonly KnownProgram[] = [
  {
    name: 'node',
    cpe: 'nodejs:node.js',
    files: /^(?:node|nodejs|libnode\.so\.\d+)$/,
    anchor: 'node.js/v',
    pattern: /node\.js\/v(\d+\.\d+\.\d+)/,
  },
  {
    name: 'python',
    cpe: 'python:python',
    files: /^(?:python[23](?:\.\d+)?|libpython[23]\.\d+m?\.so(?:\.1\.0)?)$/,
    anchor: '',
    pattern: constant('[23]\\.\\d{1,2}\\.\\d{1,2}(?:(?:a|b|rc)\\d|\\+)?'),
  },
  {
    name: 'busybox',
    cpe: 'busybox:busybox',
    files: /^busybox(?:\.\w+)?$/,
    anchor: 'BusyBox v',
    pattern: /BusyBox v(\d+\.\d+\.\d+)/,
  },
  {
    name: 'nginx',
    cpe: 'f5:nginx',
    files: /^nginx(?:-debug)?$/,
    anchor: 'nginx version: nginx/',
    pattern: /nginx version: nginx\/(\d+\.\d+\.\d+)/,
  },
  {
    name: 'openresty',
    cpe: 'openresty:openresty',
    files: /^(?:nginx|openresty)$/,
    anchor: 'nginx version: openresty/',
    pattern: /nginx version: openresty\/(\d+\.\d+\.\d+(?:\.\d+)?)/,
  },
  {
    name: 'redis',
    cpe: 'redis:redis',
    files: /^redis-(?:server|cli|sentinel|check-aof|check-rdb|benchmark)$/,
    anchor: '',
    // The version, then where and when it was built: a host with its letters, or the ten digits of a time alone.
    pattern: /(?<![\d.])(\d{1,2}\.\d{1,2}\.\d{1,2}?)(?:[A-Za-z][\w.-]{0,80}-)?1\d{9}[01][0-9a-f]{8}\0/,
  },
  {
    name: 'valkey',
    cpe: 'lfprojects:valkey',
    files: /^valkey-(?:server|cli|sentinel|check-aof|check-rdb|benchmark)$/,
    anchor: '',
    pattern: /(?<![\d.])(\d{1,2}\.\d{1,2}\.\d{1,2}?)(?:[A-Za-z][\w.-]{0,80}-)?1\d{9}[01][0-9a-f]{8}\0/,
  },
  {
    name: 'memcached',
    cpe: 'memcached:memcached',
    files: /^memcached$/,
    anchor: 'memcached 1.',
    pattern: /memcached (1\.\d+\.\d+)/,
  },
  {
    name: 'php',
    cpe: 'php:php',
    files: /^(?:php(?:[\d.]+)?|php-fpm[\d.]*|php-cgi[\d.]*|libphp[\d.]*\.so)$/,
    anchor: 'X-Powered-By: PHP/',
    pattern: /X-Powered-By: PHP\/(\d+\.\d+\.\d+)/,
  },
  {
    name: 'openssl',
    cpe: 'openssl:openssl',
    files: /^(?:openssl|libcrypto\.so(?:\.[0-9.]+)?)$/,
    anchor: 'OpenSSL ',
    pattern: /OpenSSL (\d\.\d\.\d{1,2}[a-z]{0,2}) {1,2}\d{1,2} [A-Z]/,
  },
  {
    name: 'haproxy',
    cpe: 'haproxy:haproxy',
    files: /^haproxy$/,
    anchor: '',
    pattern: /(?<![\w.])(\d\.\d{1,2}\.\d{1,2})-[0-9a-z][0-9a-z.+~]{0,40}\0/,
  },
  {
    name: 'httpd',
    cpe: 'apache:http_server',
    files: /^(?:httpd|apache2)$/,
    anchor: 'Apache/2.',
    pattern: /Apache\/(2\.\d+\.\d+)/,
  },
  {
    name: 'mariadb',
    cpe: 'mariadb:mariadb',
    files: /^(?:mariadbd|mysqld|mariadb|mariadb-admin)$/,
    anchor: '-MariaDB',
    pattern: /(\d+\.\d+\.\d+)-MariaDB/,
  },
  {
    name: 'postgresql',
    cpe: 'postgresql:postgresql',
    files: /^postgres$/,
    anchor: 'postgres (PostgreSQL) ',
    pattern: /postgres \(PostgreSQL\) (\d+(?:\.\d+){1,2})/,
  },
  {
    name: 'perl',
    cpe: 'perl:perl',
    files: /^(?:perl(?:5\.\d+\.\d+)?|libperl\.so(?:\.[0-9.]+)?)$/,
    anchor: '\0v5.',
    pattern: /\0v(5\.\d+\.\d+)\0/,
  },
  {
    name: 'ruby',
    cpe: 'ruby-lang:ruby',
    files: /^(?:ruby(?:[\d.]+)?|libruby(?:-[\d.]+)?\.so\.[0-9.]+)$/,
    anchor: '\0ruby ',
    pattern: /\0ruby (\d\.\d\.\d{1,2})(?:p\d+|rc\d|preview\d)? \(/,
  },
  {
    name: 'curl',
    cpe: 'haxx:curl',
    files: /^(?:curl|libcurl(?:-gnutls)?\.so(?:\.[0-9.]+)?)$/,
    anchor: 'curl/',
    pattern: /curl\/(\d\.\d+\.\d+)/,
  },
  {
    name: 'bash',
    cpe: 'gnu:bash',
    files: /^bash$/,
    anchor: '@(#)Bash version ',
    pattern: /@\(#\)Bash version (\d\.\d+(?:\.\d+)?)/,
  },
  {
    name: 'git',
    cpe: 'git-scm:git',
    files: /^git$/,
    anchor: 'git/',
    pattern: /git\/(\d\.\d+\.\d+)\0/,
  },
  {
    name: 'sqlite',
    cpe: 'sqlite:sqlite',
    files: /^(?:sqlite3|libsqlite3\.so(?:\.[0-9.]+)?)$/,
    anchor: '',
    pattern: constant('3\\.\\d{1,2}\\.\\d{1,2}'),
  },
  {
    name: 'lighttpd',
    cpe: 'lighttpd:lighttpd',
    files: /^lighttpd$/,
    anchor: 'lighttpd/1.',
    pattern: /lighttpd\/(1\.\d+\.\d+)/,
  },
  {
    name: 'varnish',
    cpe: 'varnish_cache_project:varnish_cache',
    files: /^varnishd$/,
    anchor: 'varnish-',
    pattern: /varnish-(\d+\.\d+\.\d+) revision/,
  },
  {
    name: 'bind',
    cpe: 'isc:bind',
    files: /^named$/,
    anchor: 'BIND 9',
    pattern: /BIND (9\.\d+\.\d+)/,
  },
  {
    name: 'dnsmasq',
    cpe: 'thekelleys:dnsmasq',
    files: /^dnsmasq$/,
    anchor: 'dnsmasq-',
    pattern: /dnsmasq-(\d\.\d+)/,
  },
  {
    name: 'openssh',
    cpe: 'openbsd:openssh',
    files: /^(?:sshd|ssh|sshd-session)$/,
    anchor: 'OpenSSH_',
    pattern: /OpenSSH_(\d+\.\d+p\d+)/,
  },
  {
    name: 'sudo',
    cpe: 'sudo_project:sudo',
    files: /^sudo$/,
    anchor: '',
    pattern: constant('1\\.\\d{1,2}\\.\\d{1,2}(?:p\\d{1,2})?'),
  },
  {
    name: 'zlib',
    cpe: 'zlib:zlib',
    files: library('libz'),
    anchor: ' deflate 1.',
    pattern: / deflate (1\.\d+(?:\.\d+){0,2}) Copyright/,
  },
  {
    name: 'xz',
    cpe: 'tukaani:xz',
    files: library('liblzma'),
    anchor: '',
    pattern: constant('5\\.\\d\\.\\d{1,2}'),
  },
  {
    name: 'libexpat',
    cpe: 'libexpat_project:libexpat',
    files: library('libexpat'),
    anchor: 'expat_2.',
    pattern: /expat_(2\.\d+\.\d+)/,
  },
  {
    name: 'libpng',
    cpe: 'libpng:libpng',
    files: /^libpng1\d\.so(?:\.[0-9.]+)?$/,
    anchor: 'libpng version 1.',
    pattern: /libpng version (1\.\d+\.\d+)/,
  },
  {
    name: 'libtiff',
    cpe: 'libtiff:libtiff',
    files: library('libtiff'),
    anchor: 'LIBTIFF, Version ',
    pattern: /LIBTIFF, Version (\d\.\d+\.\d+)/,
  },
  {
    name: 'libjpeg-turbo',
    cpe: 'libjpeg-turbo:libjpeg-turbo',
    files: library('libjpeg'),
    anchor: 'libjpeg-turbo version ',
    pattern: /libjpeg-turbo version (\d\.\d+\.\d+)/,
  },
  {
    name: 'libssh',
    cpe: 'libssh:libssh',
    files: library('libssh'),
    anchor: 'SSH-2.0-libssh_',
    pattern: /SSH-2\.0-libssh_(\d\.\d+\.\d+)/,
  },
  {
    name: 'libpcap',
    cpe: 'tcpdump:libpcap',
    files: library('libpcap'),
    anchor: 'libpcap version ',
    pattern: /libpcap version (\d\.\d+\.\d+)/,
  },
  {
    name: 'lua',
    cpe: 'lua:lua',
    files: /^(?:lua(?:[\d.]+)?|liblua(?:[\d.]+)?\.so(?:\.[0-9.]+)?)$/,
    anchor: '$LuaVersion: Lua ',
    pattern: /\$LuaVersion: Lua (5\.\d\.\d)/,
  },
  {
    name: 'glibc',
    cpe: 'gnu:glibc',
    files: /^(?:libc\.so\.6|libc-2\.\d+\.so)$/,
    anchor: 'stable release version 2.',
    pattern: /stable release version (2\.\d+)/,
  },
];

/** All names in one: an image has thousands of programs, and forty expressions for each take longer than reading them. */
const ANY_FILE = new RegExp(KNOWN_PROGRAMS.map(({ files }) => files.source).join('|'));
const NONE: readonly KnownProgram[] = [];

/** Rows whose names a file has; nearly always none. */
export function programsNamed(fileName: string): readonly KnownProgram[] {
  return ANY_FILE.test(fileName) ? KNOWN_PROGRAMS.filter(({ files }) => files.test(fileName)) : NONE;
}
