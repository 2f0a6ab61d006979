import { parseKernelRelease } from '../advisories/index.ts';
import type { Text } from '../system/index.ts';
import type { MachineFacts } from './facts.ts';
import type { BuildFacts, KbuildTable } from './kbuild/table.ts';

/** Why code of the kernel cannot be reached on a machine. */
export type UnreachableReason = 'architecture' | 'configuration' | 'module-absent' | 'module-blocked' | 'path-closed';

export interface Unreachable {
  readonly reason: UnreachableReason;
  readonly evidence: Text;
}

/** Machine names of `uname -m` by their folder below arch/. */
const MACHINES: Readonly<Record<string, RegExp>> = {
  x86: /^(?:x86_64|amd64|i[3-6]86)$/,
  arm64: /^(?:aarch64|arm64)$/,
  arm: /^arm(?!64)/,
  riscv: /^riscv/,
  powerpc: /^(?:ppc|powerpc)/,
  s390: /^s390/,
  mips: /^mips/,
  loongarch: /^loongarch/,
};

/**
 * Files that nobody without the right gets to when a switch is closed. Only switches that close the whole file are here.
 * Sources: Documentation/admin-guide/sysctl/kernel.rst of the kernel.
 */
const CLOSED: readonly {
  readonly path: RegExp;
  readonly sysctl: string;
  readonly closed: (value: string) => boolean;
  readonly why: Text;
}[] = [
  {
    path: /^(?:io_uring\/|fs\/io_uring\.c$|fs\/io-wq\.)/,
    sysctl: 'kernel.io_uring_disabled',
    closed: (value) => value === '2',
    why: { en: 'no process may use io_uring', es: 'ningún proceso puede usar io_uring' },
  },
  {
    path: /^kernel\/bpf\/(?:verifier|btf|arraymap|hashtab|ringbuf|devmap|cpumap|helpers|log|map_iter|task_iter)\./,
    sysctl: 'kernel.unprivileged_bpf_disabled',
    closed: (value) => value === '1' || value === '2',
    why: {
      en: 'only processes with CAP_BPF of the host may load BPF programs',
      es: 'solo los procesos con CAP_BPF del host pueden cargar programas BPF',
    },
  },
  {
    path: /^kernel\/kexec/,
    sysctl: 'kernel.kexec_load_disabled',
    closed: (value) => value === '1',
    why: { en: 'no kernel may be loaded for kexec', es: 'no se puede cargar ningún núcleo para kexec' },
  },
];

/** Kernels older than the table's by more than this lack too many of its options for their absence to mean anything. */
const OLDEST = 4.4;

/** Answers for one machine whether the code of a file can run there. Answers are kept: files come back in many records. */
export class Reach {
  readonly #facts: MachineFacts;
  readonly #table: KbuildTable;
  readonly #isOldKernel: boolean;
  readonly #present: ReadonlySet<string> | null;
  readonly #loaded: ReadonlySet<string>;
  readonly #blocked: ReadonlyMap<string, string>;
  readonly #noLoading: string | null;
  readonly #known = new Map<string, Unreachable | null>();

  constructor(facts: MachineFacts, table: KbuildTable) {
    this.#facts = facts;
    this.#table = table;
    const branch = parseKernelRelease(facts.kernel.upstream ?? facts.kernel.release)?.branch ?? '0';
    this.#isOldKernel = Number.parseFloat(branch) < OLDEST;
    const { loaded, available, blocked } = facts.modules;
    this.#loaded = new Set((loaded ?? []).map(({ name }) => name));
    this.#present = available === null ? null : new Set([...available, ...this.#loaded]);
    this.#blocked = new Map(blocked.map(({ name, by }) => [name, by]));
    this.#noLoading = loaded === null ? null : loadingClosed(facts);
  }

  /** Null: it can be reached, or nobody knows that it cannot. All files that a fix changed have to be out of reach. */
  ofFiles(files: readonly string[]): Unreachable | null {
    const code = files.filter((path) => !/^(?:Documentation|tools|samples|scripts)\//.test(path));
    let first: Unreachable | null = null;
    for (const path of code) {
      const found = this.#ofFile(path);
      if (found === null) return null;
      first ??= found;
    }
    return first;
  }

  #ofFile(path: string): Unreachable | null {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const found = this.#judge(path);
    this.#known.set(path, found);
    return found;
  }

  #judge(path: string): Unreachable | null {
    const { machine } = this.#facts.kernel;
    const [, arch] = /^arch\/([^/]+)\//.exec(path) ?? [];
    if (arch !== undefined && !(MACHINES[arch]?.test(machine) ?? false)) {
      return {
        reason: 'architecture',
        evidence: {
          en: `${path} is for ${arch}; this machine is ${machine}`,
          es: `${path} es para ${arch}; esta máquina es ${machine}`,
        },
      };
    }
    const build = this.#table.find(path);
    if (build !== null) {
      const found = this.#ofBuild(path, build);
      if (found !== null) return found;
    }
    for (const { path: pattern, sysctl, closed, why } of CLOSED) {
      const value = this.#facts.sysctls[sysctl];
      if (value === undefined || !pattern.test(path) || !closed(value)) continue;
      return {
        reason: 'path-closed',
        evidence: { en: `${sysctl} = ${value}: ${why.en} (${path})`, es: `${sysctl} = ${value}: ${why.es} (${path})` },
      };
    }
    return null;
  }

  #ofBuild(path: string, { ways, modules, isExact }: BuildFacts): Unreachable | null {
    const { config } = this.#facts;
    if (config === null) return null;
    const offs: string[] = [];
    let isModule = false;
    for (const way of ways) {
      const off = way.find((symbol) => this.#isOff(symbol));
      if (off === undefined) {
        isModule = way.some((symbol) => config.options[symbol] === 'm');
        if (!isModule) return null;
        offs.length = 0;
        break;
      }
      offs.push(off);
    }
    if (!isModule) {
      const list = [...new Set(offs)].map((symbol) => `CONFIG_${symbol}`).join(', ');
      const place = isExact ? path : path.slice(0, path.lastIndexOf('/') + 1);
      return {
        reason: 'configuration',
        evidence: {
          en: `${list} is not set (${config.source}), and ${place} is built only with it`,
          es: `${list} no está activado (${config.source}), y ${place} solo se construye con él`,
        },
      };
    }
    return this.#ofModules(path, modules);
  }

  #ofModules(path: string, modules: readonly string[]): Unreachable | null {
    if (modules.length === 0 || modules.some((name) => this.#loaded.has(name))) return null;
    const list = modules.join(', ');
    if (this.#present !== null && !modules.some((name) => this.#present?.has(name))) {
      return {
        reason: 'module-absent',
        evidence: {
          en: `${path} is in the module ${list}, which is neither loaded nor on disk`,
          es: `${path} está en el módulo ${list}, que no está cargado ni en el disco`,
        },
      };
    }
    if (this.#facts.modules.loaded === null) return null;
    const by = modules.map((name) => this.#blocked.get(name));
    const closed = by.every((one) => one !== undefined) ? by[0] : this.#noLoading;
    if (closed === null || closed === undefined) return null;
    return {
      reason: 'module-blocked',
      evidence: {
        en: `${path} is in the module ${list}, which is not loaded and may not be (${closed})`,
        es: `${path} está en el módulo ${list}, que no está cargado ni se puede cargar (${closed})`,
      },
    };
  }

  #isOff(symbol: string): boolean {
    const config = this.#facts.config;
    if (config === null) return false;
    const value = config.options[symbol];
    if (value !== undefined) return value === 'n';
    // Not named: what it depends on is off, or an old kernel does not have it and builds the file all the same.
    return config.isWhole && !this.#isOldKernel;
  }
}

/** What keeps any module from being loaded; null: nothing. */
function loadingClosed({ config, commandLine, sysctls }: MachineFacts): string | null {
  if (config?.options['MODULES'] === 'n' || (config?.isWhole && config.options['MODULES'] === undefined)) {
    return `CONFIG_MODULES, ${config.source}`;
  }
  if (/(?:^|\s)nomodule(?:\s|$)/.test(commandLine ?? '')) return 'nomodule, /proc/cmdline';
  return sysctls['kernel.modules_disabled'] === '1' ? 'kernel.modules_disabled = 1' : null;
}
