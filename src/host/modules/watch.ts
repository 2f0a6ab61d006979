import { parseLoadedModules } from '../gather.ts';
import { MODULE_LOADS_MAX } from '../limits.ts';
import type { PatchHost } from '../livepatch/driver.ts';

const TRACE = '/sys/kernel/tracing';
/** What was seen of a machine's modules since the last look. */
export interface ModuleSight {
  /** Of this start of the machine: /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
  readonly modules: readonly {
    readonly name: string;
    /** Something refers to it: another module, an open socket or file, a mount. */
    readonly isUsed: boolean;
  }[];
  /** Loads and unloads in between, with the program that asked; those of modules that came and went are seen so alone. */
  readonly events: readonly { readonly module: string; readonly change: 'load' | 'unload'; readonly by: string }[];
  /** Null: loads in between are seen. Else why they are not. */
  readonly blind: string | null;
}

/**
 * Looks at modules again and again: which are there and in use (/proc/modules), and through the kernel's own events
 * (module:module_load, module:module_free of tracefs) which came and went between two looks, and for whom.
 */
export class ModuleWatch {
  readonly #host: PatchHost;
  /** An instance of one's own: nobody else's tracing is touched, not even that of another platform on this machine. */
  readonly #own: string;
  /** Null: events are read; a text: why not; undefined: not tried yet. */
  #blind: string | null | undefined;

  /** @param name of the platform's instance */
  constructor(host: PatchHost, name: string) {
    this.#host = host;
    this.#own = `${TRACE}/instances/darsena-modules-${name}`;
  }

  /** Null: this kernel loads no modules. */
  async look(): Promise<ModuleSight | null> {
    const text = await this.#host.read('/proc/modules');
    if (text === null) return null;
    if (this.#blind === undefined) this.#blind = await this.#begin();
    const events = this.#blind === null ? await this.#drain() : [];
    const modules = parseLoadedModules(text).map(({ name, references, usedBy }) => ({
      name,
      isUsed: references > 0 || usedBy.length > 0,
    }));
    const bootId = ((await this.#host.read('/proc/sys/kernel/random/boot_id')) ?? '').trim();
    return { bootId, modules, events, blind: this.#blind };
  }

  async close(): Promise<void> {
    if (this.#blind === null) await this.#host.run('rmdir', [this.#own]);
    this.#blind = undefined;
  }

  /** Null: events are read from now on. Else why not. */
  async #begin(): Promise<string | null> {
    if ((await this.#host.read(`${TRACE}/available_events`)) === null) {
      return 'tracefs is not mounted at /sys/kernel/tracing';
    }
    const { code, output } = await this.#host.run('mkdir', ['-p', this.#own]);
    if (code !== 0) return output.trim();
    try {
      await this.#host.write(`${this.#own}/events/module/module_load/enable`, '1');
      await this.#host.write(`${this.#own}/events/module/module_free/enable`, '1');
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return null;
  }

  async #drain(): Promise<ModuleSight['events'][number][]> {
    const text = (await this.#host.read(`${this.#own}/trace`)) ?? '';
    await this.#host.write(`${this.#own}/trace`, '');
    return parseModuleEvents(text).slice(0, MODULE_LOADS_MAX);
  }
}

/** Lines of ftrace: `modprobe-123 [000] ..... 1.5: module_load: sctp E`. */
export function parseModuleEvents(text: string): ModuleSight['events'][number][] {
  const found: ModuleSight['events'][number][] = [];
  for (const [, by = '', change, module = ''] of text.matchAll(
    /^\s*(.{1,16}?)-\d+\s+\[\d+\].*?: module_(load|free): ([A-Za-z0-9_-]{1,64})/gm,
  )) {
    found.push({ module: module.replaceAll('-', '_'), change: change === 'load' ? 'load' : 'unload', by: by.trim() });
  }
  return found;
}
