import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Text } from '../../../system/index.ts';
import { RUNTIME_CLASSES, type RuntimeClass } from '../../model.ts';

/** An OCI run-time that a workload may ask for by `runtimeClassName`, as this host has it. */
export interface RuntimeFacts {
  readonly name: RuntimeClass;
  /** How the engine calls it. */
  readonly handler: string;
  /** Null: containers run with it here; otherwise why not. */
  readonly missing: Text | null;
}

/** The names under which CRI servers are configured with each of them. */
const HANDLERS: Readonly<Record<RuntimeClass, readonly string[]>> = {
  runc: ['runc'],
  crun: ['crun'],
  runsc: ['runsc', 'gvisor'],
  kata: ['kata', 'kata-qemu', 'kata-clh', 'kata-fc', 'kata-runtime'],
};

const PROGRAMS: Readonly<Record<RuntimeClass, string>> = {
  runc: 'runc',
  crun: 'crun',
  runsc: 'runsc',
  kata: 'kata-runtime',
};

/** Debian's and those of the vendors' own packages. */
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/opt/kata/bin'];

/**
 * gVisor below Podman, as a program of its own, because Podman hands a run-time no options of a container's. Intercepting
 * by ptrace works where a virtual machine cannot be had; `host` is the network that Podman made for the pod, with its
 * rules; the filter of system calls is loaded for the program inside as well, which runsc leaves out unless asked.
 *
 * Podman's mark of a container that belongs to a pod has runsc look for the pod's sandbox; the pod's first container runs
 * with the host's own run-time, and conmon could not wait for a process of another sandbox. So each container is a
 * sandbox of its own in the pod's network. And runsc refuses a word of Podman's own among the options of a mount, which
 * runc passes over, and conmon's word for a terminal, which the process's own file says as well. Both patterns can match structure only: inside a JSON string quotes are escaped.
 */
export function runscWrapper({ rootless }: { readonly rootless: boolean }): string {
  const options = `--platform=ptrace --network=host --oci-seccomp${rootless ? ' --ignore-cgroups' : ''}`;
  const mark = '"io.kubernetes.cri-o.ContainerType":';
  const edits = [
    `s/${mark}"container"/${mark}"sandbox"/`,
    's/\\("options":\\[[^]]*\\),"nocopy"/\\1/g',
    's/"options":\\["nocopy",/"options":[/g',
  ];
  return `#!/bin/sh
is= bundle=
for word do
  shift
  [ -z "$is" ] || bundle=$word
  is=
  case $word in
    --bundle) is=1 ;;
    --tty) continue ;;
  esac
  set -- "$@" "$word"
done
[ -z "$bundle" ] || sed -i '${edits.join(';')}' "$bundle/config.json" || exit 1
exec runsc ${options} "$@"
`;
}

/** What a CRI server is configured with. */
export function knownRuntimes(handlers: readonly string[]): RuntimeFacts[] {
  return RUNTIME_CLASSES.map((name) => {
    const handler = HANDLERS[name].find((one) => handlers.includes(one));
    const missing: Text = {
      en: `the CRI server of this host has no runtime handler for it (${HANDLERS[name].join(', ')})`,
      es: `el servidor CRI de este host no tiene un manejador para él (${HANDLERS[name].join(', ')})`,
    };
    return handler === undefined ? { name, handler: name, missing } : { name, handler, missing: null };
  });
}

/** What is installed beside Podman, and whether it can work on a host with these control groups. */
export async function findRuntimes(host: PodmanHost): Promise<RuntimeFacts[]> {
  return await Promise.all(
    RUNTIME_CLASSES.map(async (name) => ({ name, handler: name, missing: await whyMissing(name, host) })),
  );
}

/** What is to be known of a host with Podman. */
export interface PodmanHost {
  readonly cgroupVersion: 1 | 2;
  readonly rootless: boolean;
  /** The run-time of all containers that ask for none. */
  readonly standard: string;
  /** Whether another one can be had for a single container: through its API, or a service of its own for each. */
  readonly takesAnother: boolean;
}

async function whyMissing(name: RuntimeClass, host: PodmanHost): Promise<Text | null> {
  if (name === host.standard) return null;
  // Before whether it is installed: to install it would not help.
  if (name === 'crun' && host.cgroupVersion !== 2) {
    return { en: 'crun needs cgroup v2, and this host has v1', es: 'crun necesita cgroup v2, y este host tiene v1' };
  }
  const program = PROGRAMS[name];
  if (!(await isInstalled(program))) {
    return { en: `the program ${program} is not installed`, es: `el programa ${program} no está instalado` };
  }
  if (name === 'crun' && !host.rootless && !(await mayRaiseLimits())) {
    return {
      en: 'crun raises limits, and that is not allowed on this host (no CAP_SYS_RESOURCE)',
      es: 'crun sube límites, y eso no se permite en este host (sin CAP_SYS_RESOURCE)',
    };
  }
  if (!host.takesAnother) {
    return {
      en: `Podman 4 takes no run-time for a single container through its API; all run with ${host.standard}`,
      es: `Podman 4 no admite por su API un entorno para un solo contenedor; todos usan ${host.standard}`,
    };
  }
  if (name === 'kata' && !(await isThere('/dev/kvm', constants.R_OK | constants.W_OK))) {
    return {
      en: 'kata runs virtual machines, and /dev/kvm is not open on this host',
      es: 'kata ejecuta máquinas virtuales, y /dev/kvm no está abierto en este host',
    };
  }
  return null;
}

async function isInstalled(program: string): Promise<boolean> {
  for (const folder of FOLDERS) if (await isThere(join(folder, program), constants.X_OK)) return true;
  return false;
}

async function isThere(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** capabilities(7): bit 24 of include/uapi/linux/capability.h. */
async function mayRaiseLimits(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((effective >> 24n) & 1n) === 1n;
}
