/** A question to the database: under which ecosystem, name and version to look. */
export interface Lookup {
  readonly ecosystem: string;
  readonly name: string;
  readonly version: string;
}

interface Asked {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly source: { readonly name: string; readonly version: string } | null;
  readonly distribution: {
    readonly id: string;
    readonly version: string;
    readonly idLike?: readonly string[];
  } | null;
}

/** What stands behind an ecosystem whose names are those of source packages. */
const SOURCE_MARK = '#src';

/** OSV's ecosystem of each purl type whose packages mean the same everywhere. */
const ECOSYSTEMS: Readonly<Record<string, readonly string[]>> = {
  npm: ['npm'],
  pypi: ['PyPI'],
  maven: ['Maven'],
  golang: ['Go'],
  cargo: ['crates.io'],
  gem: ['RubyGems'],
  composer: ['Packagist'],
  nuget: ['NuGet'],
  conan: ['ConanCenter'],
  swift: ['SwiftURL'],
  pub: ['Pub'],
  hex: ['Hex'],
  cran: ['CRAN'],
  hackage: ['Hackage'],
  julia: ['Julia'],
  githubactions: ['GitHub Actions'],
  javascript: ['JavaScript'],
  bitnami: ['Bitnami'],
  // A program found without its package: what its project says, then Bitnami, who follow many projects.
  generic: ['Binary', 'Bitnami'],
};

/** Distributions by `ID` of os-release(5); `release` makes the suffix of `VERSION_ID`. */
interface Family {
  readonly names: readonly string[];
  readonly release: (version: string) => string;
}

const major = (version: string): string => `:${version.split('.')[0] ?? ''}`;
const minor = (version: string): string => `:${version.split('.').slice(0, 2).join('.')}`;
const whole = (version: string): string => `:${version}`;
const rolling = (): string => '';

const FAMILIES: Readonly<Record<string, Family>> = {
  debian: { names: ['Debian'], release: major },
  raspbian: { names: ['Debian'], release: major },
  ubuntu: { names: ['Ubuntu'], release: whole },
  alpine: { names: ['Alpine'], release: (version) => (/^\d/.test(version) ? `:v${minor(version).slice(1)}` : ':edge') },
  wolfi: { names: ['Wolfi'], release: rolling },
  chainguard: { names: ['Chainguard', 'Wolfi'], release: rolling },
  minimos: { names: ['MinimOS'], release: rolling },
  alpaquita: { names: ['Alpaquita'], release: whole },
  rhel: { names: ['Red Hat'], release: major },
  redhat: { names: ['Red Hat'], release: major },
  centos: { names: ['CentOS', 'Red Hat'], release: major },
  fedora: { names: ['Fedora'], release: major },
  almalinux: { names: ['AlmaLinux'], release: major },
  rocky: { names: ['Rocky Linux'], release: major },
  ol: { names: ['Oracle Linux'], release: major },
  oracle: { names: ['Oracle Linux'], release: major },
  amzn: { names: ['Amazon Linux'], release: (version) => (version.startsWith('2018') ? ':1' : major(version)) },
  azurelinux: { names: ['Azure Linux'], release: major },
  mariner: { names: ['Azure Linux'], release: major },
  photon: { names: ['Photon OS'], release: minor },
  mageia: { names: ['Mageia'], release: major },
  openeuler: { names: ['openEuler'], release: whole },
  sles: { names: ['SUSE'], release: minor },
  sled: { names: ['SUSE'], release: minor },
  'opensuse-leap': { names: ['openSUSE', 'SUSE'], release: minor },
  'opensuse-tumbleweed': { names: ['openSUSE'], release: () => ':Tumbleweed' },
  arch: { names: ['Arch Linux'], release: rolling },
};

/** Rebuilds of these that publish nothing of their own are judged by them. */
const LIKE: readonly string[] = ['rhel', 'arch'];

const OS_TYPES: readonly string[] = ['deb', 'rpm', 'apk', 'alpm'];

/** Families of OSV whose records name source packages. */
const SOURCE_FAMILIES: readonly string[] = [
  'Debian',
  'Ubuntu',
  'Alpine',
  'Wolfi',
  'Chainguard',
  'MinimOS',
  'Alpaquita',
  'Rocky Linux',
  'SUSE',
  'openSUSE',
  'Mageia',
  'openEuler',
  'Azure Linux',
];

/** The ecosystems that speak of a package, best first; a distribution's packages are judged by its own release only. */
export function ecosystemsOf({ type, distribution }: Pick<Asked, 'type' | 'distribution'>): string[] {
  if (!OS_TYPES.includes(type)) return [...(ownOf(ECOSYSTEMS, type) ?? [])];
  if (!distribution) return [];
  const like = LIKE.find((one) => distribution.idLike?.includes(one));
  const family = ownOf(FAMILIES, distribution.id) ?? ownOf(FAMILIES, like ?? '');
  if (!family || (family.release !== rolling && distribution.version === '')) return [];
  const release = family.release(distribution.version);
  return family.names.map((name) => `${name}${release}`);
}

/** Names come out of images, where one may be `constructor`. */
function ownOf<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Every place where advisories about a package may be. */
export function lookupsOf(query: Asked): Lookup[] {
  const { type, version, source } = query;
  const lookups: Lookup[] = [];
  for (const ecosystem of ecosystemsOf(query)) {
    const name =
      type === 'generic' && ecosystem === 'Bitnami' ? (ownOf(BITNAMI_NAMES, query.name) ?? query.name) : query.name;
    lookups.push({ ecosystem, name: normaliseName(ecosystem, name), version });
    if (!OS_TYPES.includes(type)) continue;
    lookups.push({
      ecosystem: `${ecosystem}${SOURCE_MARK}`,
      name: source?.name ?? name,
      version: source ? withEpoch(source.version, version) : version,
    });
  }
  return lookups;
}

/** The file name of a source rpm has no epoch; it is that of what was built from it. */
function withEpoch(source: string, binary: string): string {
  const [, epoch] = /^(\d+):/.exec(binary) ?? [];
  return epoch === undefined || source.includes(':') ? source : `${epoch}:${source}`;
}

/** Programs under the name that Bitnami gives them. */
const BITNAMI_NAMES: Readonly<Record<string, string>> = {
  openjdk: 'java',
  jdk: 'java',
  jre: 'java',
  nodejs: 'node',
  httpd: 'apache',
  postgres: 'postgresql',
  go: 'golang',
  'memcached-server': 'memcached',
};

/** The ecosystem under which a record's package is stored. */
export function storedEcosystem(stated: string, level: 'binary' | 'source' | undefined): string {
  const ecosystem = normaliseEcosystem(stated);
  const family = ecosystem.split(':')[0] ?? '';
  const isSource = level === undefined ? SOURCE_FAMILIES.includes(family) : level === 'source';
  return isSource && OS_FAMILIES.has(family) ? `${ecosystem}${SOURCE_MARK}` : ecosystem;
}

const OS_FAMILIES = new Set(Object.values(FAMILIES).flatMap(({ names }) => names));

/** One spelling for what feeds write in several ways. */
export function normaliseEcosystem(ecosystem: string): string {
  const [family = '', ...rest] = ecosystem.split(':');
  switch (family) {
    case 'Ubuntu':
      // Releases of paid support ("Ubuntu:Pro:…") stay apart.
      return ecosystem.replace(/:LTS$/, '');
    case 'Red Hat': {
      // "Red Hat:enterprise_linux:9::baseos"; streams of extended support stay apart.
      const [, release] = /^Red Hat:enterprise_linux:(\d+)(?:\.\d+)?(?:::.*)?$/.exec(ecosystem) ?? [];
      return release === undefined ? ecosystem : `Red Hat:${release}`;
    }
    case 'openSUSE': {
      const [, release] = /^openSUSE:Leap (\d+\.\d+)/.exec(ecosystem) ?? [];
      return release === undefined ? ecosystem : `openSUSE:${release}`;
    }
    case 'SUSE': {
      // "SUSE:Linux Enterprise Server 15 SP5", "SUSE:Linux Enterprise Module for Basesystem 15 SP5"
      const [, release, pack] =
        /Linux Enterprise (?!Live)[A-Za-z /-]*?(\d+)(?: SP(\d+))?(?:-LTSS|-ESPOS)?$/.exec(ecosystem) ?? [];
      return release === undefined ? ecosystem : `SUSE:${release}.${pack ?? '0'}`;
    }
    case 'Maven':
      // The suffix names a repository other than Maven Central.
      return 'Maven';
    case 'Azure Linux':
    case 'Mageia':
    case 'Rocky Linux':
    case 'AlmaLinux':
      return rest.length === 0 ? ecosystem : `${family}:${(rest[0] ?? '').split('.')[0]}`;
    default:
      return ecosystem;
  }
}

/** Names that registries take for equal. */
export function normaliseName(ecosystem: string, name: string): string {
  switch (ecosystem) {
    case 'PyPI': // PEP 503
      return name.toLowerCase().replace(/[-_.]+/g, '-');
    case 'NuGet':
    case 'Packagist':
    case 'Binary':
    case 'Bitnami':
      return name.toLowerCase();
    case 'crates.io': // cargo takes "_" and "-" for one when it looks a crate up
      return name.replaceAll('_', '-');
    case 'SwiftURL': // with or without the scheme and ".git"
      return name
        .toLowerCase()
        .replace(/^https?:\/\//, '')
        .replace(/\.git$/, '');
    default:
      return name;
  }
}

/** Headers, documentation and tools that come out of the kernel's source are no kernel: nothing in them runs in it. */
export function isKernelHeaders({ type, name, source }: Pick<Asked, 'type' | 'name' | 'source'>): boolean {
  switch (type) {
    case 'deb':
      // "linux" is the source itself, as bills of sources name it; no binary package is called so.
      return KERNEL_SOURCE.test(source?.name ?? name) && !/^linux(?:-(?:image|modules).*)?$/.test(name);
    case 'rpm':
      return /^(?:kernel(?:-\w+)*-(?:headers|devel|devel-matched|doc|docs|abi-\w+|source|syms)|kernel-macros|glibc-kernheaders|linux-glibc-devel)$/.test(
        name,
      );
    case 'apk':
      return /^linux-(?:headers|\w+-dev|\w+-doc)$/.test(name);
    case 'alpm':
      return /^(?:linux-api-headers|linux(?:-\w+)?-(?:headers|docs))$/.test(name);
    default:
      return false;
  }
}

/** 'linux', 'linux-6.1', 'linux-signed-amd64', 'linux-aws-hwe-6.5'; not 'linux-pam' nor 'linux-atm'. */
const KERNEL_SOURCE =
  /^linux(?:-\d|-signed|-meta|-aws|-azure|-gcp|-gke|-gkeop|-hwe|-ibm|-kvm|-lowlatency|-nvidia|-oem|-oracle|-raspi|-riscv|-grsec|-lts|-latest|-bluefield|-fips|-intel|-xilinx|-realtime|-starfive|-laptop|-allwinner|$)/;
