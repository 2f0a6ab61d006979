import type { Text } from '../../system/index.ts';

/** What stands in the way of a fault. All controls of an entry are set; each that is host-wide stops it by itself. */
export type ShieldControl =
  | {
      readonly kind: 'sysctl';
      readonly name: string;
      readonly set: string;
      /** Values that close the way as well. */
      readonly closed: readonly string[];
    }
  /** Kept out by modprobe.d, and unloaded where nobody uses them. */
  | { readonly kind: 'module'; readonly names: readonly string[] }
  /** For containers that start from now on: socket families (AF_…), or whole system calls. */
  | { readonly kind: 'seccomp'; readonly families: readonly number[]; readonly calls: readonly string[] };

export interface ShieldEntry {
  readonly id: string;
  readonly title: Text;
  readonly cves: readonly string[];
  /** What a kernel must have for the entry to mean anything there: an option (without CONFIG_), set to y or m. */
  readonly option: string;
  readonly controls: readonly ShieldControl[];
  /** Calls, and families of sockets, by which a recorded workload is known to use what it shuts. */
  readonly uses?: { readonly calls: readonly string[]; readonly families: readonly number[] };
  /** What stops working. */
  readonly cost: Text;
  /** Where the facts come from. */
  readonly sources: readonly string[];
}

/** Address families of linux/socket.h. */
const AF_TIPC = 30;
const AF_ALG = 38;
const AF_VSOCK = 40;

/**
 * Mitigations that really stop what they name, each by closing the only way to it that somebody without rights has. An
 * entry names CVEs one by one: that a fault lies in the same folder is no reason to believe that a switch stops it.
 */
export const SHIELD: readonly ShieldEntry[] = [
  {
    id: 'user-namespaces',
    title: {
      en: 'no user namespaces for those without rights: the way to nf_tables, packet schedulers, fsconfig and overlayfs',
      es: 'sin espacios de nombres de usuario para quien no tiene permisos: el camino a nf_tables, colas de red, fsconfig y overlayfs',
    },
    cves: [
      'CVE-2021-22555',
      'CVE-2022-0185',
      'CVE-2022-0492',
      'CVE-2022-2586',
      'CVE-2022-2588',
      'CVE-2022-27666',
      'CVE-2022-34918',
      'CVE-2023-0386',
      'CVE-2023-1829',
      'CVE-2023-3390',
      'CVE-2023-3609',
      'CVE-2023-3776',
      'CVE-2023-4244',
      'CVE-2023-4623',
      'CVE-2023-31248',
      'CVE-2023-32233',
      'CVE-2023-35001',
      'CVE-2023-52620',
      'CVE-2024-1086',
      'CVE-2024-26581',
      'CVE-2024-26642',
      'CVE-2024-26643',
      'CVE-2024-26808',
      'CVE-2024-26809',
      'CVE-2024-26925',
      'CVE-2024-27397',
      'CVE-2024-39503',
      'CVE-2024-53141',
      'CVE-2024-57947',
      'CVE-2025-37797',
      'CVE-2025-37798',
      'CVE-2025-38001',
      'CVE-2025-38477',
      'CVE-2025-38617',
    ],
    option: 'USER_NS',
    controls: [{ kind: 'sysctl', name: 'user.max_user_namespaces', set: '0', closed: ['0'] }],
    uses: { calls: ['unshare'], families: [] },
    cost: {
      en: 'rootless Podman and Buildah, unshare -U and sandboxes of browsers stop working; builds of the platform are rootless and stop too',
      es: 'dejan de funcionar Podman y Buildah sin root, unshare -U y los entornos aislados de navegadores; también las construcciones de la plataforma, que son sin root',
    },
    sources: [
      'Documentation/admin-guide/sysctl/user.rst (max_user_namespaces)',
      'net/netfilter/nfnetlink.c, net/sched/*.c: netlink_net_capable and ns_capable ask CAP_NET_ADMIN of the user namespace of the network',
      'fs/fsopen.c: fsopen asks CAP_SYS_ADMIN of the user namespace of the mounts; fs/overlayfs: FS_USERNS_MOUNT',
      'https://google.github.io/security-research/kernelctf/rules.html (user namespaces are the way in)',
    ],
  },
  {
    id: 'bpf',
    title: {
      en: 'no BPF programs of those without rights: faults of the verifier',
      es: 'sin programas BPF de quien no tiene permisos: fallos del verificador',
    },
    cves: ['CVE-2021-3490', 'CVE-2021-4204', 'CVE-2022-23222'],
    option: 'BPF_SYSCALL',
    controls: [{ kind: 'sysctl', name: 'kernel.unprivileged_bpf_disabled', set: '2', closed: ['1', '2'] }],
    uses: { calls: ['bpf'], families: [] },
    cost: {
      en: 'programs without CAP_BPF that attach filters by bpf(2); classic socket filters stay',
      es: 'programas sin CAP_BPF que ponen filtros con bpf(2); los filtros clásicos de sockets siguen',
    },
    sources: ['Documentation/admin-guide/sysctl/kernel.rst (unprivileged_bpf_disabled)'],
  },
  {
    id: 'io-uring',
    title: { en: 'no io_uring', es: 'sin io_uring' },
    cves: ['CVE-2021-41073', 'CVE-2022-1043', 'CVE-2022-29582', 'CVE-2023-2598', 'CVE-2024-0582'],
    option: 'IO_URING',
    controls: [
      { kind: 'sysctl', name: 'kernel.io_uring_disabled', set: '2', closed: ['2'] },
      { kind: 'seccomp', families: [], calls: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'] },
    ],
    cost: {
      en: 'databases and servers that were told to use io_uring; most fall back by themselves. Kernels before 6.6 have no such switch: there containers alone are kept from it',
      es: 'bases de datos y servidores configurados para usar io_uring; la mayoría recurre a otra vía. Los núcleos anteriores a 6.6 no tienen ese interruptor: allí solo se impide a los contenedores',
    },
    sources: [
      'Documentation/admin-guide/sysctl/kernel.rst (io_uring_disabled, since 6.6)',
      'https://security.googleblog.com/2023/06/learnings-from-kctf-vrps-42-linux.html',
    ],
  },
  {
    id: 'af-alg',
    title: {
      en: 'no AF_ALG sockets: the kernel’s ciphers for programs',
      es: 'sin sockets AF_ALG: los cifrados del núcleo para programas',
    },
    cves: ['CVE-2026-31431'],
    option: 'CRYPTO_USER_API',
    controls: [
      { kind: 'module', names: ['af_alg', 'algif_aead', 'algif_hash', 'algif_rng', 'algif_skcipher'] },
      { kind: 'seccomp', families: [AF_ALG], calls: [] },
    ],
    cost: {
      en: 'cryptsetup benchmark, iwd, and programs that use libkcapi; OpenSSL does so only with its afalg engine',
      es: 'cryptsetup benchmark, iwd y los programas que usan libkcapi; OpenSSL solo con su motor afalg',
    },
    sources: [
      'CVE-2026-31431 of the kernel’s CNA: crypto/af_alg.c, algif_aead.c',
      'Documentation/crypto/userspace-if.rst',
    ],
  },
  {
    id: 'vsock',
    title: {
      en: 'no AF_VSOCK sockets: talk between a machine and its hypervisor',
      es: 'sin sockets AF_VSOCK: la comunicación con el hipervisor',
    },
    cves: ['CVE-2024-50264', 'CVE-2025-21756'],
    option: 'VSOCKETS',
    controls: [
      {
        kind: 'module',
        names: [
          'vsock',
          'vsock_loopback',
          'vsock_diag',
          'vmw_vsock_virtio_transport',
          'vmw_vsock_vmci_transport',
          'vhost_vsock',
          'hv_sock',
        ],
      },
      { kind: 'seccomp', families: [AF_VSOCK], calls: [] },
    ],
    cost: {
      en: 'agents of the hypervisor in a virtual machine that speak over vsock, and virtual machines with vsock on this host',
      es: 'los agentes del hipervisor en una máquina virtual que hablan por vsock, y las máquinas virtuales con vsock en este host',
    },
    sources: ['CVE-2024-50264 and CVE-2025-21756 of the kernel’s CNA: net/vmw_vsock/'],
  },
  {
    id: 'n-gsm',
    title: { en: 'no GSM multiplexer on terminals', es: 'sin multiplexor GSM en terminales' },
    cves: ['CVE-2023-6546'],
    option: 'N_GSM',
    controls: [{ kind: 'module', names: ['n_gsm'] }],
    cost: { en: 'cellular modems on a serial line', es: 'módems móviles en una línea serie' },
    sources: ['drivers/tty/n_gsm.c; https://nvd.nist.gov/vuln/detail/CVE-2023-6546'],
  },
  {
    id: 'tipc',
    title: { en: 'no TIPC', es: 'sin TIPC' },
    cves: ['CVE-2021-43267', 'CVE-2022-0435'],
    option: 'TIPC',
    controls: [{ kind: 'module', names: ['tipc'] }],
    uses: { calls: [], families: [AF_TIPC] },
    cost: { en: 'clusters that talk over TIPC', es: 'clústeres que hablan por TIPC' },
    sources: ['net/tipc/; https://nvd.nist.gov/vuln/detail/CVE-2022-0435'],
  },
];

/** Faults that people look for here and that no such rule stops; said rather than left out. */
export const UNSTOPPABLE: readonly { readonly cve: string; readonly why: Text }[] = [
  {
    cve: 'CVE-2022-0847',
    why: {
      en: 'Dirty Pipe needs pipes, splice(2) and a readable file, which every program may use: only a fixed kernel or a live patch helps',
      es: 'Dirty Pipe necesita tuberías, splice(2) y un archivo legible, que todo programa puede usar: solo ayuda un núcleo corregido o un parche en vivo',
    },
  },
  {
    cve: 'CVE-2016-5195',
    why: {
      en: 'Dirty COW needs madvise(2) and a private mapping of a readable file: only a fixed kernel or a live patch helps',
      es: 'Dirty COW necesita madvise(2) y una proyección privada de un archivo legible: solo ayuda un núcleo corregido o un parche en vivo',
    },
  },
  {
    cve: 'CVE-2024-36972',
    why: {
      en: 'it is in AF_UNIX, which every program needs: only a fixed kernel or a live patch helps',
      es: 'está en AF_UNIX, que todo programa necesita: solo ayuda un núcleo corregido o un parche en vivo',
    },
  },
];
