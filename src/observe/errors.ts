import { defineFaults } from '../system/fault.ts';

export const observeFault = defineFaults({
  'observe.not-wanted': {
    kind: 'needs',
    en: { what: 'BPF programs are switched off', why: 'the configuration of the sensor asks for "fallback"' },
    es: { what: 'los programas BPF están desactivados', why: 'la configuración del sensor pide "fallback"' },
  },
  'observe.no-fallback': {
    kind: 'needs',
    en: {
      what: 'nothing of this machine can be watched',
      why: '{reason}',
      remedy: 'run the sensor as root, or with CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH',
    },
    es: {
      what: 'no se puede observar nada de esta máquina',
      why: '{reason}',
      remedy: 'ejecutar el sensor como root, o con CAP_SYS_ADMIN, CAP_SYS_PTRACE y CAP_DAC_READ_SEARCH',
    },
  },
  'observe.no-btf': {
    kind: 'needs',
    en: {
      what: 'the kernel does not describe its types (no /sys/kernel/btf/vmlinux)',
      why: 'the sensor fits its programs to the running kernel with them',
      remedy: 'run a kernel built with CONFIG_DEBUG_INFO_BTF (Debian 12 and every current distribution)',
    },
    es: {
      what: 'el núcleo no describe sus tipos (falta /sys/kernel/btf/vmlinux)',
      why: 'el sensor adapta con ellos sus programas al núcleo en marcha',
      remedy: 'usar un núcleo compilado con CONFIG_DEBUG_INFO_BTF (Debian 12 y toda distribución actual)',
    },
  },
  'observe.no-rights': {
    kind: 'needs',
    en: {
      what: 'the kernel refuses to load BPF programs',
      why: '{reason}; missing: {capabilities}',
      remedy: 'run the sensor as root, or with CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH',
    },
    es: {
      what: 'el núcleo se niega a cargar programas BPF',
      why: '{reason}; falta: {capabilities}',
      remedy: 'ejecutar el sensor como root, o con CAP_BPF, CAP_PERFMON y CAP_DAC_READ_SEARCH',
    },
  },
  'observe.no-object': {
    kind: 'needs',
    en: {
      what: 'there are no BPF programs for the processor {processor}',
      why: '{file} is missing',
      remedy: 'npm run build:bpf (needs clang, llvm and libbpf-dev)',
    },
    es: {
      what: 'no hay programas BPF para el procesador {processor}',
      why: 'falta {file}',
      remedy: 'npm run build:bpf (necesita clang, llvm y libbpf-dev)',
    },
  },
  'observe.load-failed': {
    kind: 'unavailable',
    en: { what: 'the BPF programs cannot be loaded', why: '{reason}', remedy: 'darsena doctor' },
    es: { what: 'no se pueden cargar los programas BPF', why: '{reason}', remedy: 'darsena doctor' },
  },
  'observe.nothing-attached': {
    kind: 'unavailable',
    en: {
      what: 'no BPF program could be attached',
      why: '{reason}',
      remedy: 'mount tracefs: mount -t tracefs nodev /sys/kernel/tracing',
    },
    es: {
      what: 'no se pudo enganchar ningún programa BPF',
      why: '{reason}',
      remedy: 'montar tracefs: mount -t tracefs nodev /sys/kernel/tracing',
    },
  },
});
