/** Where the engine put the platform's containers: the cgroups of their first processes, which it names. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { OwnPlace } from '../../observe/index.ts';

const ROOT = '/sys/fs/cgroup';
/** A process has a line for each hierarchy, and a path has 4 KB at most. */
const CGROUPS_LENGTH_MAX = 128 * 1024;
const NOWHERE: OwnPlace = { unified: 0n, pids: 0n };

/**
 * What was found of a container's first process is kept while the engine names the same one, and after its end. One that has not
 * begun has no place: what begins it acts before the engine can say which its first process is.
 */
export class OwnPlaces {
  #kept = new Map<string, { readonly pid: number; readonly place: OwnPlace }>();

  of(words: readonly { readonly id: string; readonly pid?: number | null }[]): Map<string, OwnPlace> {
    const kept = new Map<string, { readonly pid: number; readonly place: OwnPlace }>();
    for (const { id, pid } of words) {
      const before = this.#kept.get(id);
      if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) {
        if (before !== undefined) kept.set(id, before);
        continue;
      }
      const isKnown = before?.pid === pid && before.place !== NOWHERE;
      kept.set(id, isKnown ? before : { pid, place: placeOf(id, pid) ?? NOWHERE });
    }
    this.#kept = kept;
    return new Map([...kept].map(([id, { place }]) => [id, place]));
  }
}

function placeOf(id: string, pid: number): OwnPlace | null {
  try {
    return placeIn(id, readFileSync(`/proc/${pid}/cgroup`, 'utf8').slice(0, CGROUPS_LENGTH_MAX), numberOf);
  } catch {
    return null; // it ended meanwhile
  }
}

/** @param number of the cgroup at a path of a hierarchy; 0 where there is none */
export function placeIn(
  id: string,
  cgroups: string,
  number: (hierarchy: keyof OwnPlace, path: string) => bigint,
): OwnPlace | null {
  const place = { unified: 0n, pids: 0n };
  for (const line of cgroups.split('\n')) {
    const [order, controllers = '', ...rest] = line.split(':');
    const hierarchy = order === '0' ? 'unified' : controllers.split(',').includes('pids') ? 'pids' : null;
    if (hierarchy === null) continue;
    const names = rest.join(':').split('/');
    // What a container names below its own says nothing: the first one is the engine's.
    const at = names.findIndex((name) => name.includes(id));
    if (at !== -1) place[hierarchy] = number(hierarchy, names.slice(0, at + 1).join('/'));
  }
  return place.unified === 0n && place.pids === 0n ? null : place;
}

/** By which the kernel knows a cgroup is the number of its folder. */
function numberOf(hierarchy: keyof OwnPlace, path: string): bigint {
  const unified = existsSync(join(ROOT, 'cgroup.controllers')) ? ROOT : join(ROOT, 'unified');
  try {
    return statSync(join(hierarchy === 'pids' ? join(ROOT, 'pids') : unified, path), { bigint: true }).ino;
  } catch {
    return 0n; // it is mounted elsewhere, or gone
  }
}
