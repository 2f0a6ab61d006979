import type { Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { TRANSITION_MAX_MS, TRANSITION_POLL_MS } from '../limits.ts';
import { PATCH_RECORDS } from '../live-patches.ts';
import type { LivePatchDriver, PatchHost, PatchOrder, PatchState } from './driver.ts';
import { ModuleFileError, readModuleFile } from './module-file.ts';

const SYS = '/sys/kernel/livepatch';
const RECORDS = `/${PATCH_RECORDS}`;

/** What the machine keeps of a patch, in a folder of root's: written before the kernel is touched. */
interface PatchRecord {
  readonly name: string;
  /** `loading`: whoever reads this does not know how far it came, and looks at the kernel. */
  readonly state: 'loading' | 'on' | 'leaving';
  readonly buildIds: readonly string[];
  readonly cves: readonly string[];
  readonly digest: string | null;
}

export interface RestoredPatches {
  readonly restored: readonly string[];
  readonly left: readonly { readonly name: string; readonly why: Text }[];
}

/** Whether a module was signed by a key that this machine believes; null: it was. Asked before the kernel is. */
export type CheckSignature = (file: {
  readonly body: Uint8Array;
  readonly signature: Uint8Array | null;
}) => Promise<Text | null>;

/**
 * The kernel's own interface (Documentation/livepatch/livepatch.rst): the module is matched to the running build, checked,
 * loaded by finit_module (insmod), and its transition watched to the end. One that stalls is turned round. The kernel
 * compares no build by itself when symbols have versions, so this does, and never loads for another one.
 */
export class KernelDriver implements LivePatchDriver {
  readonly kind = 'livepatch';
  readonly #host: PatchHost;
  readonly #check: CheckSignature;
  readonly #transitionMaxMs: number;

  constructor(
    host: PatchHost,
    options: { readonly checkSignature: CheckSignature; readonly transitionMaxMs?: number },
  ) {
    this.#host = host;
    this.#check = options.checkSignature;
    this.#transitionMaxMs = options.transitionMaxMs ?? TRANSITION_MAX_MS;
  }

  async unusable(): Promise<Text | null> {
    // The folder is there once the kernel has live patching, patched or not.
    const known = await this.#host.run('test', ['-d', SYS]);
    return known.code === 0
      ? null
      : { en: 'this kernel was built without live patching', es: 'este núcleo se construyó sin parches en vivo' };
  }

  async list(): Promise<readonly PatchState[]> {
    const names = await this.#host.list(SYS);
    return Promise.all(
      names.map(async (name) => {
        const [enabled, transition] = [await this.#flag(name, 'enabled'), await this.#flag(name, 'transition')];
        const state = transition === '1' ? 'transition' : enabled === '1' ? 'on' : 'off';
        return { name, state, cves: (await this.#record(name))?.cves ?? [] };
      }),
    );
  }

  async apply(order: PatchOrder): Promise<void> {
    const { name, module } = order;
    if (module === null) throw hostFault('host.patch-unreadable', { name, why: 'no module' });
    await this.#refuseWrongKernel(order);
    await this.#refuseBadModule(name, module);
    await this.#refuseWhileOther(name);
    await this.#alone(name, () => this.#apply(order, module));
  }

  async #apply(order: PatchOrder, module: Uint8Array): Promise<void> {
    const { name } = order;
    const standing = await this.#refuseWhileOther(name);
    const isOn = (await this.#flag(name, 'enabled')) === '1';
    if (standing !== undefined || isOn) {
      const kept = await this.#record(name);
      const known = kept?.digest ?? null;
      if (known !== null && order.digest !== null && known !== order.digest)
        throw hostFault('host.patch-refused', { name, why: 'another one of this name is in force: take it out first' });
      if (standing === undefined) {
        // Who began to take it out did not get there: the next start would.
        if (kept?.state === 'leaving') await this.#keep({ ...kept, state: 'on' });
        return;
      }
    }
    const before = await this.#host.list(SYS);
    const { buildIds, cves, digest } = order;
    const record: PatchRecord = { name, state: 'loading', buildIds, cves, digest };
    await this.#host.put(`${RECORDS}/${name}.ko`, module);
    await this.#keep(record);
    if (standing === undefined) await this.#load(record);
    await this.#watch(name, '1');
    await this.#keep({ ...record, state: 'on' });
    await this.#dropReplaced(name, before);
  }

  async revert(name: string): Promise<void> {
    await this.#alone(name, () => this.#revert(name));
  }

  async #revert(name: string): Promise<void> {
    const record = await this.#record(name);
    if (record !== null) await this.#keep({ ...record, state: 'leaving' });
    if ((await this.#host.list(SYS)).includes(name)) {
      if ((await this.#flag(name, 'enabled')) === '1') await this.#host.write(`${SYS}/${name}/enabled`, '0');
      await this.#watch(name, '0');
    }
    await this.#unload(name);
    await this.#forget(name);
  }

  /**
   * Brings the machine to what its records say: after a start of the machine, so before any workload, all that were in
   * force are loaded again; after the end of an agent in the middle of its work, what it began is ended. Patches for
   * another kernel than the running one are left alone.
   */
  restore(): Promise<RestoredPatches> {
    return this.#alone('-', () => this.#restore());
  }

  async #restore(): Promise<RestoredPatches> {
    const restored: string[] = [];
    const left: { name: string; why: Text }[] = [];
    const build = await this.#host.buildId();
    for (const file of (await this.#host.list(RECORDS)).filter((name) => name.endsWith('.json')).sort()) {
      const record = await this.#record(file.slice(0, -'.json'.length));
      if (record === null) continue;
      const { name } = record;
      const isThere = (await this.#host.list(SYS)).includes(name);
      if (record.state === 'leaving') {
        await this.#revert(name);
        continue;
      }
      if (build === null || !record.buildIds.includes(build)) {
        left.push({ name, why: { en: 'it is for another kernel', es: 'es para otro núcleo' } });
        continue;
      }
      if (!isThere) await this.#load(record);
      await this.#watch(name, '1');
      await this.#keep({ ...record, state: 'on' });
      restored.push(name);
    }
    return { restored, left };
  }

  /** What is done to the machine's patches is done by one program at a time. @throws Fault host.patch-busy */
  async #alone<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#host.alone === undefined) return work();
    const done = await this.#host.alone(async () => ({ answer: await work() }));
    if (done !== null) return done.answer;
    const other = (await this.list()).find(({ state }) => state === 'transition')?.name;
    throw hostFault('host.patch-busy', { name, other: other ?? '-' });
  }

  /** @returns this patch, where it is on its way already @throws Fault host.patch-busy */
  async #refuseWhileOther(name: string): Promise<PatchState | undefined> {
    const standing = (await this.list()).find((one) => one.state === 'transition');
    if (standing === undefined || standing.name === name) return standing;
    throw hostFault('host.patch-busy', { name, other: standing.name });
  }

  async #refuseWrongKernel({ name, buildIds }: PatchOrder): Promise<void> {
    const build = await this.#host.buildId();
    if (build !== null && buildIds.includes(build)) return;
    throw hostFault('host.patch-other-kernel', { name, wanted: buildIds.join(', ') || '-', seen: build ?? '-' });
  }

  async #refuseBadModule(name: string, bytes: Uint8Array): Promise<void> {
    let file: ReturnType<typeof readModuleFile>;
    try {
      file = readModuleFile(bytes);
    } catch (cause) {
      if (!(cause instanceof ModuleFileError)) throw cause;
      throw hostFault('host.patch-unreadable', { name, why: cause.message }, { cause });
    }
    if (!file.isLivePatch) throw hostFault('host.patch-unreadable', { name, why: 'it is a module, but no live patch' });
    if (file.name.replaceAll('-', '_') !== name.replaceAll('-', '_')) {
      throw hostFault('host.patch-unreadable', { name, why: `the module calls itself ${file.name}` });
    }
    const why = await this.#check(file);
    if (why !== null) throw hostFault('host.patch-untrusted', { name, why });
  }

  async #load({ name }: PatchRecord): Promise<void> {
    const { code, output } = await this.#host.run('insmod', [`${RECORDS}/${name}.ko`]);
    if (code === 0) return;
    await this.#forget(name);
    throw hostFault('host.patch-refused', { name, why: output.trim().slice(0, 300) || `insmod: ${code}` });
  }

  /** Waits for the end of a transition; one that takes too long is turned round, and who held it is named. */
  async #watch(name: string, wanted: '0' | '1'): Promise<void> {
    if (await this.#settled(name, wanted, this.#transitionMaxMs)) return;
    const blockers = await this.#blockers();
    await this.#host.write(`${SYS}/${name}/enabled`, wanted === '1' ? '0' : '1');
    const isBack = await this.#settled(name, wanted === '1' ? '0' : '1', this.#transitionMaxMs);
    if (isBack && wanted === '1') {
      await this.#unload(name);
      await this.#forget(name);
    }
    throw hostFault('host.patch-stalled', { name, blockers: blockers.join(', ') || '-' });
  }

  async #settled(name: string, wanted: '0' | '1', withinMs: number): Promise<boolean> {
    const end = this.#host.nowMs() + withinMs;
    for (;;) {
      const transition = await this.#flag(name, 'transition');
      // The folder of a patch that is taken out goes when the last task has left it.
      if (transition === null) return wanted === '0';
      if (transition === '0' && (await this.#flag(name, 'enabled')) === wanted) return true;
      if (this.#host.nowMs() >= end) return false;
      await this.#host.sleep(TRANSITION_POLL_MS);
    }
  }

  /** Tasks that are not where the transition leads: 0 while patching (proc(5): patch_state). */
  async #blockers(): Promise<string[]> {
    const { output } = await this.#host.run('sh', [
      '-c',
      'for p in /proc/[0-9]*; do [ "$(cat $p/patch_state 2>/dev/null)" = 0 ] && echo "$p $(cat $p/comm 2>/dev/null)"; done; true',
    ]);
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace('/proc/', ''))
      .slice(0, 10);
  }

  /** A cumulative patch takes the others out of force; their modules stay until they are unloaded. */
  async #dropReplaced(name: string, before: readonly string[]): Promise<void> {
    const now = new Set(await this.#host.list(SYS));
    for (const other of before) {
      if (other === name || now.has(other)) continue;
      await this.#unload(other);
      await this.#forget(other);
    }
  }

  async #unload(name: string): Promise<void> {
    await this.#host.run('rmmod', [name]);
  }

  async #flag(name: string, file: 'enabled' | 'transition'): Promise<string | null> {
    return (await this.#host.read(`${SYS}/${name}/${file}`))?.trim() ?? null;
  }

  async #record(name: string): Promise<PatchRecord | null> {
    const text = await this.#host.read(`${RECORDS}/${name}.json`);
    return text === null || text.trim() === '' ? null : (JSON.parse(text) as PatchRecord);
  }

  #keep(record: PatchRecord): Promise<void> {
    return this.#host.put(`${RECORDS}/${record.name}.json`, Buffer.from(JSON.stringify(record)));
  }

  async #forget(name: string): Promise<void> {
    await this.#host.remove(`${RECORDS}/${name}.json`);
    await this.#host.remove(`${RECORDS}/${name}.ko`);
  }
}
