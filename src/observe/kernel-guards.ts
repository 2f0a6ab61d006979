/** What the kernel's own programs prevent: the tables that tell them what, the hooks that they hang on, and what they met. */
import { closeSync, openSync } from 'node:fs';
import { deleteMapEntry, mapKeys, readMapEntry, writeMapEntry } from '../system/native.ts';
import { HOOKS, type KernelPart } from './kernel-part.ts';
import type { KernelSettings } from './kernel-settings.ts';
import type { RingReader } from './ring.ts';

/** As prevent.h has them. */
const ID_BYTES = 64;
const GUARD_BYTES = 16;
const KEY_BYTES = 256;
const DENIAL_BYTES = 8;
const GUARDS_MAX = 1_024;
const DENIALS_MAX = 4_096;
const KINDS = { name: 1, path: 2, except: 3, file: 4 } as const;
const OFFSET = {
  time: 0,
  pid: 44,
  ppid: 48,
  uid: 52,
  rule: 56,
  act: 60,
  isDrift: 62,
  done: 64,
  id: 72,
  comm: 136,
} as const;
const PARENT_OFFSET = 152;
const TEXT_OFFSET = 176;
const TEXT_BYTES = 248;
const OUTCOMES = ['reported', 'blocked', 'killed'] as const;

export type KernelEffect = 'report' | 'act';

export interface KernelDenial {
  readonly kind: keyof typeof KINDS;
  /** A name, or a path from the root of the container. */
  readonly text: string;
  readonly effect: KernelEffect;
  /** Comes back with what was met. */
  readonly rule: number;
}

/** What is forbidden in one container. */
export interface KernelGuard {
  readonly containerId: string;
  /** About programs that are not in the image. */
  readonly drift: { readonly effect: KernelEffect; readonly rule: number } | null;
  readonly denials: readonly KernelDenial[];
}

/** How far the kernel goes with what is forbidden. */
export interface KernelReach {
  readonly exec: HookReach;
  readonly open: HookReach;
  /** Containers whose guard the tables had no room for. */
  readonly left: readonly string[];
}

export interface HookReach {
  /** `bpf-signal`: the act happens, and its process is killed for it. */
  readonly means: 'bpf-lsm' | 'bpf-return' | 'bpf-signal' | null;
  /** Why the call does not fail; null when it does. */
  readonly why: string | null;
}

export interface KernelMet {
  readonly containerId: string;
  readonly rule: number;
  readonly act: 'exec' | 'open';
  readonly outcome: (typeof OUTCOMES)[number];
  readonly path: string;
  readonly timeNs: number;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly name: string;
  readonly parentName: string;
}

export class KernelGuards {
  readonly #part: KernelPart;
  readonly #ring: RingReader;
  readonly #settings: KernelSettings;
  readonly #view: DataView;
  readonly #bytes: Buffer;
  #group = 0;
  #reach: Pick<KernelReach, 'exec' | 'open'> | null = null;

  constructor(part: KernelPart, ring: RingReader, settings: KernelSettings) {
    this.#part = part;
    this.#ring = ring;
    this.#settings = settings;
    this.#view = new DataView(ring.data);
    this.#bytes = Buffer.from(ring.data);
    // What a sensor before this one set stays in force until other orders come.
    const before = mapKeys(part.map('guards'), ID_BYTES, GUARDS_MAX);
    for (const key of mapKeys(part.map('denials'), KEY_BYTES, DENIALS_MAX))
      this.#group = Math.max(this.#group, key.readUInt32LE(0));
    this.#settings.change({ guards: before.length > 0 });
  }

  /**
   * Forbids this from now on, and nothing else. What was in force holds until what follows it stands.
   * @returns how far the kernel goes
   */
  set(guards: readonly KernelGuard[]): KernelReach {
    const oldKeys = mapKeys(this.#part.map('denials'), KEY_BYTES, DENIALS_MAX);
    const left: string[] = [];
    const groups = new Map<string, number>();
    const known = new Set<string>();
    if (guards.length > 0) this.#attach(guards);
    else this.#detach();
    for (const guard of guards) {
      // A container in the table's old word keeps it until the new one is whole.
      const text = JSON.stringify(guard.denials);
      const group = groups.get(text) ?? this.#writeDenials(guard.denials);
      if (group === null || !this.#writeGuard(guard, group)) {
        left.push(guard.containerId);
        continue;
      }
      groups.set(text, group);
      known.add(guard.containerId);
    }
    for (const key of mapKeys(this.#part.map('guards'), ID_BYTES, GUARDS_MAX))
      if (!known.has(key.toString('latin1'))) deleteMapEntry(this.#part.map('guards'), key);
    const inUse = new Set(groups.values());
    for (const key of oldKeys) if (!inUse.has(key.readUInt32LE(0))) deleteMapEntry(this.#part.map('denials'), key);
    this.#settings.change({ guards: known.size > 0 });
    return { ...this.reach(), left };
  }

  /** What this kernel can do at best; tried once. */
  reach(): Pick<KernelReach, 'exec' | 'open'> {
    if (this.#reach !== null) return this.#reach;
    const open = this.#tryHook();
    const exec = open.means === 'bpf-signal' || open.means === null ? open : this.#likeOpen(open);
    this.#reach = { exec, open };
    return this.#reach;
  }

  /** Hands on what the programs met since the last call. */
  drain(handler: (met: KernelMet) => void): void {
    for (;;) {
      const at = this.#ring.peek();
      if (at === -1) break;
      handler(this.#read(at));
      this.#ring.advance();
    }
    this.#ring.release();
  }

  #read(at: number): KernelMet {
    const view = this.#view;
    const text = (from: number, bytes: number): string => {
      const part = this.#bytes.subarray(at + from, at + from + bytes);
      const end = part.indexOf(0);
      return part.toString('utf8', 0, end === -1 ? bytes : end);
    };
    const names = this.#bytes.toString('utf8', at + TEXT_OFFSET, at + TEXT_OFFSET + TEXT_BYTES).split('\0');
    return {
      containerId: this.#bytes.toString('latin1', at + OFFSET.id, at + OFFSET.id + ID_BYTES),
      rule: view.getUint32(at + OFFSET.rule, true),
      act: view.getUint16(at + OFFSET.act, true) === 1 ? 'exec' : 'open',
      outcome: OUTCOMES[view.getUint16(at + OFFSET.done, true)] ?? 'reported',
      path: pathOf(names),
      timeNs: Number(view.getBigUint64(at + OFFSET.time, true)),
      pid: view.getUint32(at + OFFSET.pid, true),
      ppid: view.getUint32(at + OFFSET.ppid, true),
      uid: view.getUint32(at + OFFSET.uid, true),
      name: text(OFFSET.comm, 16),
      parentName: text(PARENT_OFFSET, 16),
    };
  }

  /** @returns the number of the group; null when there is no room */
  #writeDenials(denials: readonly KernelDenial[]): number | null {
    const group = ++this.#group;
    for (const { kind, text, effect, rule } of denials) {
      const key = Buffer.alloc(KEY_BYTES);
      key.writeUInt32LE(group, 0);
      key.writeUInt32LE(KINDS[kind], 4);
      if (leafFirst(kind, text).copy(key, 8) >= TEXT_BYTES) return null;
      const value = Buffer.alloc(DENIAL_BYTES);
      value.writeUInt32LE(effect === 'act' ? 2 : 1, 0);
      value.writeUInt32LE(rule, 4);
      // Where two policies name the same, who enforces comes first.
      if (readMapEntry(this.#part.map('denials'), key, Buffer.alloc(DENIAL_BYTES))) continue;
      if (!writeMapEntry(this.#part.map('denials'), key, value)) return null;
    }
    return group;
  }

  #writeGuard({ containerId, drift, denials }: KernelGuard, group: number): boolean {
    const value = Buffer.alloc(GUARD_BYTES);
    value.writeUInt32LE(group, 0);
    value.writeUInt32LE(drift === null ? 0 : drift.effect === 'act' ? 2 : 1, 4);
    value.writeUInt32LE(drift?.rule ?? 0, 8);
    value.writeUInt32LE(denials.some(({ kind }) => kind === 'file') ? 1 : 0, 12);
    return writeMapEntry(this.#part.map('guards'), Buffer.from(containerId, 'latin1'), value);
  }

  /** Every open on the host passes by an open hook, so it hangs there only while a file is denied. */
  #attach(guards: readonly KernelGuard[]): void {
    const { exec, open } = this.reach();
    if (exec.means === 'bpf-lsm') this.#part.attachHook(HOOKS.exec.lsm);
    else if (exec.means === 'bpf-return') this.#part.attachHook(HOOKS.exec.return);
    const isAny = guards.some(({ denials }) => denials.some(({ kind }) => kind === 'file'));
    const hook = open.means === 'bpf-lsm' ? HOOKS.open.lsm : open.means === 'bpf-return' ? HOOKS.open.return : null;
    if (hook === null) return;
    if (isAny) this.#part.attachHook(hook);
    else this.#part.detachHook(hook);
  }

  #detach(): void {
    for (const hook of Object.values(HOOKS)) for (const name of Object.values(hook)) this.#part.detachHook(name);
  }

  /**
   * A kernel without "bpf" in its list of LSMs takes a program for a hook and never calls it; so a file is opened, and the
   * program has to have been asked.
   */
  #tryHook(): HookReach {
    const reasons: string[] = [];
    for (const [means, name] of [
      ['bpf-lsm', HOOKS.open.lsm],
      ['bpf-return', HOOKS.open.return],
    ] as const) {
      const refused = this.#part.attachHook(name);
      if (refused !== null) {
        reasons.push(`${means}: ${refused}`);
        continue;
      }
      const before = this.#calls(1);
      closeSync(openSync('/proc/self/stat', 'r'));
      const wasAsked = this.#calls(1) > before;
      this.#part.detachHook(name);
      if (wasAsked) return { means, why: null };
      reasons.push(`${means}: the kernel never asks it`);
    }
    const canKill = this.#part.attached.includes('on_exec_guarded');
    return { means: canKill ? 'bpf-signal' : null, why: reasons.join('; ') };
  }

  /** The other hook is taken or refused by itself; that it is called is the same matter. */
  #likeOpen({ means }: HookReach): HookReach {
    const name = means === 'bpf-lsm' ? HOOKS.exec.lsm : HOOKS.exec.return;
    const why = this.#part.attachHook(name);
    if (why !== null) return { means: 'bpf-signal', why: `${means}: ${why}` };
    this.#part.detachHook(name);
    return { means, why: null };
  }

  #calls(hook: number): bigint {
    const [key, value] = [Buffer.alloc(4), Buffer.alloc(8)];
    key.writeUInt32LE(hook);
    return readMapEntry(this.#part.map('hook_calls'), key, value) ? value.readBigUInt64LE() : 0n;
  }
}

/** The kernel climbs from the leaf: each name with its zero byte. */
function leafFirst(kind: KernelDenial['kind'], text: string): Buffer {
  if (kind === 'name') return Buffer.from(text);
  return Buffer.from(
    text
      .split('/')
      .filter((part) => part !== '')
      .reverse()
      .map((part) => `${part}\0`)
      .join(''),
  );
}

function pathOf(leafFirstNames: readonly string[]): string {
  const names = leafFirstNames.filter((name) => name !== '');
  return `/${names.reverse().join('/')}`;
}
