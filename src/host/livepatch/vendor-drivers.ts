import type { Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import type { LivePatchDriver, PatchHost, PatchOrder, PatchState } from './driver.ts';

/** Tools that bring their own patches: only their command lines are spoken to, as their documentation has them. */
const missing = (file: string): Text => ({ en: `${file} is not installed`, es: `${file} no está instalado` });

async function isThere(host: PatchHost, file: string): Promise<boolean> {
  return (await host.run('sh', ['-c', `command -v ${file}`])).code === 0;
}

async function must(host: PatchHost, name: string, file: string, args: readonly string[]): Promise<string> {
  const { code, output } = await host.run(file, args);
  if (code !== 0)
    throw hostFault('host.patch-refused', { name, why: output.trim().slice(0, 300) || `${file}: ${code}` });
  return output;
}

/** kpatch(1): `list` has a paragraph of loaded modules, a line each as `NAME [enabled]`; load takes a file or name. */
export class KpatchDriver implements LivePatchDriver {
  readonly kind = 'kpatch';
  readonly #host: PatchHost;

  constructor(host: PatchHost) {
    this.#host = host;
  }

  async unusable(): Promise<Text | null> {
    return (await isThere(this.#host, 'kpatch')) ? null : missing('kpatch');
  }

  async list(): Promise<readonly PatchState[]> {
    const output = await must(this.#host, 'kpatch', 'kpatch', ['list']);
    const loaded = /^Loaded patch modules:\n((?:.+\n?)*)/m.exec(output)?.[1] ?? '';
    return [...loaded.matchAll(/^(\S+)(?: \[(enabled|disabled|enabling\S*|disabling\S*)\])?/gm)].map(
      ([, name = '', state = 'enabled']) => ({
        name,
        state: state === 'enabled' ? 'on' : state === 'disabled' ? 'off' : 'transition',
        cves: [],
      }),
    );
  }

  async apply({ name, module, buildIds }: PatchOrder): Promise<void> {
    if (module === null) throw hostFault('host.patch-unreadable', { name, why: 'no module' });
    const build = await this.#host.buildId();
    if (build === null || !buildIds.includes(build)) {
      throw hostFault('host.patch-other-kernel', { name, wanted: buildIds.join(', ') || '-', seen: build ?? '-' });
    }
    const path = `/var/lib/darsena-patches/${name}.ko`;
    await this.#host.put(path, module);
    await must(this.#host, name, 'kpatch', ['load', path]);
    // Loaded again at each start of the machine by kpatch's own unit.
    await must(this.#host, name, 'kpatch', ['install', path]);
  }

  async revert(name: string): Promise<void> {
    await must(this.#host, name, 'kpatch', ['unload', name]);
    await this.#host.run('kpatch', ['uninstall', name]);
    await this.#host.remove(`/var/lib/darsena-patches/${name}.ko`);
  }
}

/** KernelCare: one set of patches, fetched and loaded by `kcarectl`; its exit codes and `--patch-info` are the firm part. */
export class KernelCareDriver implements LivePatchDriver {
  readonly kind = 'kernelcare';
  readonly #host: PatchHost;

  constructor(host: PatchHost) {
    this.#host = host;
  }

  async unusable(): Promise<Text | null> {
    if (!(await isThere(this.#host, 'kcarectl'))) return missing('kcarectl');
    const { code } = await this.#host.run('kcarectl', ['--status']);
    return code === 3 ? { en: 'KernelCare does not know this kernel', es: 'KernelCare no conoce este núcleo' } : null;
  }

  async list(): Promise<readonly PatchState[]> {
    const { code } = await this.#host.run('kcarectl', ['--status']);
    if (code === 1 || code === 3) return [];
    const blocks = parsePatchInfo(await must(this.#host, 'kernelcare', 'kcarectl', ['--patch-info']));
    const name = (await must(this.#host, 'kernelcare', 'kcarectl', ['--uname'])).trim();
    const cves = blocks.map((block) => block['kpatch-cve'] ?? '').filter((cve) => /^CVE-\d{4}-\d{4,9}$/.test(cve));
    return [{ name, state: 'on', cves: [...new Set(cves)] }];
  }

  /** The newest set that its policy allows; which one is the vendor's to say. */
  async apply({ name }: PatchOrder): Promise<void> {
    await must(this.#host, name, 'kcarectl', ['--update']);
    const { code } = await this.#host.run('kcarectl', ['--status']);
    if (code !== 0) throw hostFault('host.patch-refused', { name, why: `kcarectl --status: ${code}` });
  }

  async revert(name: string): Promise<void> {
    await must(this.#host, name, 'kcarectl', ['--unload']);
  }
}

/** Blocks of `key: value` lines, parted by empty lines; the first one is the head. */
export function parsePatchInfo(text: string): Record<string, string>[] {
  return text
    .split(/\n\s*\n/)
    .map((block) =>
      Object.fromEntries(
        [...block.matchAll(/^([\w-]+):[ \t]*(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
      ),
    )
    .filter((block) => 'kpatch-name' in block);
}

/** Canonical Livepatch: `canonical-livepatch status --format json`; the kernel that runs carries version and fixes. */
export class CanonicalDriver implements LivePatchDriver {
  readonly kind = 'canonical-livepatch';
  readonly #host: PatchHost;

  constructor(host: PatchHost) {
    this.#host = host;
  }

  async unusable(): Promise<Text | null> {
    return (await isThere(this.#host, 'canonical-livepatch')) ? null : missing('canonical-livepatch');
  }

  async list(): Promise<readonly PatchState[]> {
    return parseLivepatchStatus(
      await must(this.#host, 'canonical-livepatch', 'canonical-livepatch', ['status', '--format', 'json']),
    );
  }

  async apply({ name }: PatchOrder): Promise<void> {
    await must(this.#host, name, 'canonical-livepatch', ['refresh']);
    const [first] = await this.list();
    if (first === undefined || first.state === 'off') {
      throw hostFault('host.patch-refused', { name, why: 'canonical-livepatch status: nothing applied' });
    }
  }

  /** The client takes nothing out while the machine runs: it is disabled, and the patch goes with the next start. */
  async revert(name: string): Promise<void> {
    throw hostFault('host.patch-refused', {
      name,
      why: 'canonical-livepatch cannot take a patch out of a running kernel',
    });
  }
}

interface LivepatchStatus {
  readonly Status?: readonly {
    readonly Running?: boolean;
    readonly Livepatch?: {
      readonly State?: string;
      readonly Version?: string;
      readonly Fixes?: readonly { readonly Name?: string; readonly Patched?: boolean }[] | string;
    };
  }[];
}

/** @throws Fault host.patch-refused when it is no such JSON */
export function parseLivepatchStatus(text: string): PatchState[] {
  let answer: LivepatchStatus;
  try {
    answer = JSON.parse(text) as LivepatchStatus;
  } catch (cause) {
    throw hostFault('host.patch-refused', { name: 'canonical-livepatch', why: 'its status is no JSON' }, { cause });
  }
  return (answer.Status ?? []).flatMap(({ Running, Livepatch }) => {
    if (Running !== true || Livepatch === undefined || !/^appl/.test(Livepatch.State ?? '')) return [];
    const { State = '', Version = '', Fixes = [] } = Livepatch;
    const cves =
      typeof Fixes === 'string'
        ? (Fixes.match(/CVE-\d{4}-\d{4,9}/g) ?? [])
        : Fixes.flatMap(({ Name = '', Patched }) =>
            Patched === false ? [] : (Name.match(/CVE-\d{4}-\d{4,9}/gi) ?? []).map((cve) => cve.toUpperCase()),
          );
    return [
      {
        name: Version || 'livepatch',
        state: State === 'applied' ? ('on' as const) : ('transition' as const),
        cves: [...new Set(cves)],
      },
    ];
  });
}
