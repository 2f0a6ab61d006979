import type { KernelAdvisory } from '../advisories/index.ts';
import type { Text } from '../system/index.ts';
import type { MachineFacts } from './facts.ts';
import { kbuildTable } from './kbuild/table.ts';
import type { KernelTruth } from './truth.ts';

/** What closes an issue on a host, the cheapest first in the order of the kinds. */
export interface WayOut {
  readonly kind: 'block-module' | 'reboot' | 'upgrade' | 'wait';
  readonly text: Text;
}

/**
 * The least that closes an open issue: a module that nobody uses is kept out; else a newer kernel that waits on disk is
 * booted; else one has to be installed; else there is nothing yet. Null for what is not open.
 */
export function wayOutOf(truth: KernelTruth, advisory: KernelAdvisory, facts: MachineFacts): WayOut | null {
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
