import type { Inventory, InventoryPackage } from './package.ts';

/** Where each family of distributions puts what its own packages bring; what people install goes elsewhere. */
const PLACES: Readonly<Record<string, RegExp>> = {
  // Debian's Python policy 2.7: pip writes to /usr/local; Node.js, Java, Ruby and PHP policies alike.
  deb: /^usr\/(?:lib\/python3\/dist-packages|share\/(?:nodejs|java|maven-repo|rubygems-integration|php)|lib\/ruby\/(?:vendor_ruby|gems))\//,
  rpm: /^usr\/(?:lib(?:64)?\/python3\.\d+\/site-packages|share\/(?:java|maven-poms|gems|php))\//,
};

/**
 * Whether a library was brought by a package of the distribution. Then the distribution's advisories speak of it: it has
 * the fixes of later versions, and its number alone would accuse it wrongly.
 */
export function isDistributionsOwn({ type, name, path }: InventoryPackage, { packages }: Inventory): boolean {
  if (isSystemType(type) || type === 'generic') return false;
  const system = systemTypeOf(packages);
  if (system === 'apk') {
    // pip writes to the same folder there, so the package itself has to be found.
    const wanted = `py3-${name.toLowerCase().replace(/[-_.]+/g, '-')}`;
    return type === 'pypi' && /^usr\/lib\/python3\.\d+\//.test(path) && namesOf(packages).has(wanted);
  }
  return system !== null && (PLACES[system]?.test(path) ?? false);
}

/** Installed by the package manager of a distribution. */
export function isSystemType(type: string): boolean {
  return OS_TYPES.includes(type);
}

const OS_TYPES: readonly string[] = ['deb', 'rpm', 'apk', 'alpm'];

/** The kind of packages that the image's system is made of. */
export function systemTypeOf(packages: readonly InventoryPackage[]): string | null {
  return remember(SYSTEMS, packages, () => packages.find(({ type }) => isSystemType(type))?.type ?? null);
}

function namesOf(packages: readonly InventoryPackage[]): ReadonlySet<string> {
  return remember(
    NAMES,
    packages,
    () => new Set(packages.filter(({ type }) => type === 'apk').map(({ name }) => name)),
  );
}

const SYSTEMS = new WeakMap<readonly InventoryPackage[], string | null>();
const NAMES = new WeakMap<readonly InventoryPackage[], ReadonlySet<string>>();

function remember<Value>(
  memory: WeakMap<readonly InventoryPackage[], Value>,
  packages: readonly InventoryPackage[],
  find: () => Value,
): Value {
  const known = memory.get(packages);
  if (known !== undefined) return known;
  const value = find();
  memory.set(packages, value);
  return value;
}
