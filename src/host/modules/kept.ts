/** Where modules that enforce security lie below a kernel's folder: its security modules, and the chip that holds keys. */
const SECURITY_FOLDERS = ['kernel/security/', 'kernel/drivers/char/tpm/'] as const;

/** Modules that enforce or attest security, wherever a kernel puts them. None of them is ever kept out. */
const SECURITY =
  /^(?:apparmor|selinux|smack|tomoyo|yama|loadpin|safesetid|lockdown|landlock|bpf_lsm|ima|evm|integrity|audit\w*|tpm\w*|trusted|encrypted_keys|dm_verity|dm_integrity|dm_crypt|nf_tables\w*|nft_\w+|nf_conntrack\w*|nf_nat\w*|nf_log\w*|nf_reject\w*|nfnetlink\w*|x_tables|xt_\w+|ip6?_tables|ip6?table_\w+|arp_tables|ebtables?\w*|ip_set\w*|br_netfilter)$/;

/** What containers of the platform need at their next start, even where none runs now. */
const ENGINE =
  /^(?:overlay|fuse|tun|veth|bridge|stp|llc|macvlan|ipvlan|vxlan|loop|erofs|squashfs|cls_\w+|sch_\w+|dummy)$/;

/** What a module is kept for whatever was observed; null: nothing. @param path in its kernel's folder, where it is known */
export function keptFor(name: string, path: string | null): 'security' | 'engine' | null {
  if (SECURITY.test(name) || SECURITY_FOLDERS.some((folder) => path?.startsWith(folder))) return 'security';
  return ENGINE.test(name) ? 'engine' : null;
}

export interface ModuleOnDisk {
  readonly name: string;
  /** Such as kernel/net/sctp/sctp.ko.xz */
  readonly path: string;
  /** Names of those that it needs. */
  readonly needs: readonly string[];
}

const nameOf = (path: string): string =>
  (path.split('/').pop() ?? '').replace(/\.ko(?:\.(?:gz|xz|zst))?$/, '').replaceAll('-', '_');

/** modules.dep(5): a path, a colon, and the paths that it needs. */
export function parseModulesDep(text: string): ModuleOnDisk[] {
  return text.split('\n').flatMap((line) => {
    const at = line.indexOf(':');
    if (at <= 0) return [];
    const path = line.slice(0, at);
    const needs = line
      .slice(at + 1)
      .split(' ')
      .filter((one) => one !== '')
      .map(nameOf);
    return [{ name: nameOf(path), path, needs }];
  });
}

/** The names given and all that they need, directly or not. */
export function withNeeds(names: Iterable<string>, onDisk: readonly ModuleOnDisk[]): Set<string> {
  const byName = new Map(onDisk.map((one) => [one.name, one]));
  const all = new Set<string>();
  const queue = [...names];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (all.has(next)) continue;
    all.add(next);
    queue.push(...(byName.get(next)?.needs ?? []));
  }
  return all;
}
