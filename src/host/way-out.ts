import type { KernelAdvisory } from '../advisories/index.ts';
import type { Text } from '../system/index.ts';
import type { MachineFacts } from './facts.ts';
import { kbuildTable } from './kbuild/table.ts';
import type { ShieldEntry } from './shield/feed.ts';
import type { KernelTruth } from './truth.ts';

/** What closes an issue on a host, the cheapest first in the order of the kinds. */
export interface WayOut {
  readonly kind: 'block-module' | 'live-patch' | 'shield' | 'reboot' | 'upgrade' | 'wait';
  readonly text: Text;
}

/** A live patch that the platform holds and believes. */
export interface HeldPatch {
  readonly name: string;
  readonly buildIds: readonly string[];
  readonly cves: readonly string[];
}

/** What the platform itself could do about it. */
export interface Means {
  readonly patches: readonly HeldPatch[];
  readonly shield: readonly ShieldEntry[];
}

/**
 * The least that closes an open issue: a module that nobody uses is kept out; else a live patch for this very build goes in;
 * else the shield shuts the way; else a newer kernel that waits on disk is booted; else one has to be installed; else there
 * is nothing yet. Null for what is not open.
 */
export function wayOutOf(
  truth: KernelTruth,
  advisory: KernelAdvisory,
  facts: MachineFacts,
  { patches, shield }: Means = { patches: [], shield: [] },
): WayOut | null {
  if (truth.state !== 'exposed' && truth.state !== 'unknown') return null;
  const modules = modulesOf(advisory, facts);
  const loaded = new Map((facts.modules.loaded ?? []).map((one) => [one.name, one]));
  const used = modules.filter((name) => loaded.has(name));
  if (modules.length > 0 && used.length === 0 && facts.modules.loaded !== null) {
    const list = modules.join(', ');
    return {
      kind: 'block-module',
      text: {
        en: `keep the module ${list} out, which is not loaded: install ${modules[0]} /bin/false in /etc/modprobe.d`,
        es: `impedir la carga del módulo ${list}, que no está cargado: install ${modules[0]} /bin/false en /etc/modprobe.d`,
      },
    };
  }
  const { buildId } = facts.kernel;
  const inForce = new Set(facts.livePatches.map(({ name }) => name));
  const patch = patches.find(
    ({ name, buildIds, cves }) =>
      buildId !== null && buildIds.includes(buildId) && cves.includes(truth.cve) && !inForce.has(name),
  );
  if (patch !== undefined) {
    return {
      kind: 'live-patch',
      text: {
        en: `bring the live patch ${patch.name} into force, without a restart: darsena kernel rollout start ${patch.name}`,
        es: `activar el parche en vivo ${patch.name}, sin reiniciar: darsena kernel rollout start ${patch.name}`,
      },
    };
  }
  const entry = shield.find((one) => one.cves.includes(truth.cve) && canShut(one, facts));
  if (entry !== undefined) {
    return {
      kind: 'shield',
      text: {
        en: `shut the way until it is mended: darsena kernel shield apply ${entry.id} (costs: ${entry.cost.en})`,
        es: `cerrar el camino hasta que se corrija: darsena kernel shield apply ${entry.id} (cuesta: ${entry.cost.es})`,
      },
    };
  }
  if (facts.reboot.isRequired) {
    return {
      kind: 'reboot',
      text: {
        en: `restart: a newer kernel is installed (${facts.reboot.because.join(', ') || 'reboot-required'})`,
        es: `reiniciar: hay un núcleo más nuevo instalado (${facts.reboot.because.join(', ') || 'reboot-required'})`,
      },
    };
  }
  if (truth.fixedIn !== null) {
    return {
      kind: 'upgrade',
      text: {
        en: `install a kernel with ${truth.fixedIn} or later and restart`,
        es: `instalar un núcleo con ${truth.fixedIn} o posterior y reiniciar`,
      },
    };
  }
  return {
    kind: 'wait',
    text: { en: 'there is no release with a fix yet', es: 'todavía no hay ninguna versión con corrección' },
  };
}

/** Whether an entry changes more of this host than what containers start with, which alone mitigates nothing. */
function canShut({ controls }: ShieldEntry, { sysctls, modules }: MachineFacts): boolean {
  return controls.some((control) => {
    if (control.kind === 'sysctl') return sysctls[control.name] !== undefined;
    return control.kind === 'module' && control.names.some((name) => modules.available?.includes(name) ?? false);
  });
}

/** The modules in which all of the changed code lies; none when a part of it is in the kernel itself. */
function modulesOf({ files }: KernelAdvisory, { config }: MachineFacts): string[] {
  if (config === null) return [];
  const found = new Set<string>();
  for (const path of files.filter((one) => one.endsWith('.c'))) {
    const build = kbuildTable().find(path);
    const isModule = build?.ways.some((way) => way.some((symbol) => config.options[symbol] === 'm')) ?? false;
    if (build === null || !isModule || build.modules.length === 0) return [];
    for (const name of build.modules) found.add(name);
  }
  return [...found];
}
