import { posix } from 'node:path';
import type { Digest } from '../../oci/index.ts';
import type { Json } from '../../system/index.ts';
import type { ExposedFile, KernelLink } from '../package.ts';
import type { Misconfiguration } from '../report.ts';
import { areUsual, capabilityNames } from './capabilities.ts';
import { type Check, check, isSwitch, misconfigured, namesSecret } from './check.ts';
import { type Members, members, textOf, texts } from './values.ts';

/** What is looked at: the configuration (image-spec 1.1 config.md) and the files with unusual rights. */
export interface ImageFacts {
  readonly config: Json;
  /** Null: nobody looked. */
  readonly files: readonly ExposedFile[] | null;
  /** Links in the place of the kernel's folders. Null: nobody looked. */
  readonly links?: readonly KernelLink[] | null;
  /** The link by which its WORKDIR leads into one of those. */
  readonly workingDirLink?: KernelLink | null;
}

interface Found {
  readonly path?: string;
  readonly layer?: Digest;
  readonly detail?: string;
}

interface ImageCheck extends Check {
  readonly find: (facts: ImageFacts) => readonly Found[];
}

const configOf = ({ config }: ImageFacts): Members => members(members(config)['config']);
const environment = (facts: ImageFacts): [string, string][] =>
  texts(configOf(facts)['Env']).map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]);
const history = ({ config }: ImageFacts): string[] => {
  const steps = members(config)['history'];
  return Array.isArray(steps) ? steps.map((step) => textOf(members(step)['created_by'])) : [];
};
const onlyIf = (holds: boolean, detail?: string): Found[] => (holds ? [detail === undefined ? {} : { detail }] : []);
const files = (facts: ImageFacts, keep: (file: ExposedFile) => boolean): Found[] =>
  (facts.files ?? [])
    .filter(keep)
    .slice(0, FILES_SHOWN_MAX)
    .map(({ path, layer, mode }) => ({ path, layer, detail: mode.toString(8).padStart(4, '0') }));

/** Files with capabilities of the kernel, with their names as the detail. */
function capableFiles(facts: ImageFacts, wanted: (names: readonly string[]) => boolean): Found[] {
  return (facts.files ?? [])
    .flatMap(({ path, layer, capabilities = 0 }) => {
      const names = capabilityNames(capabilities);
      return names.length > 0 && wanted(names) ? [{ path, layer, detail: names.join(', ') }] : [];
    })
    .slice(0, FILES_SHOWN_MAX);
}

/** Of each kind; a base image has a dozen setuid programs, a broken one has thousands of open files. */
const FILES_SHOWN_MAX = 50;

/** Set-uid programs that every base system has: they are told with less weight. */
const USUAL_SETUID =
  /^(?:usr\/)?(?:bin|sbin|libexec|lib)\/(?:su|sudo|mount|umount|passwd|chsh|chfn|chage|expiry|gpasswd|newgrp|unix_chkpwd|pam_timestamp_check|wall|write|bsd-write|openssh\/ssh-keysign|dbus-1\.0\/dbus-daemon-launch-helper|ssh-agent|crontab|pkexec|fusermount3?|ping|userhelper|utempter\/utempter|bbsuid)$/;

/** `/proc`, `/sys`, `/dev` and all below, as a run-time would come to it from the root. */
function isKernels(path: string): boolean {
  return /^\/(?:proc|sys|dev)(?:\/|$)/.test(posix.normalize(`/${path}`));
}

export const IMAGE_CHECKS: readonly ImageCheck[] = [
  {
    ...check(
      'image-workdir-kernel',
      'critical',
      'CVE-2024-21626',
      [
        'starts in a folder of the kernel: a run-time that opens it may hand over the host',
        'arranca en una carpeta del núcleo: un entorno que la abra puede entregar el host',
      ],
      ['set WORKDIR to a folder of the image', 'fijar WORKDIR en una carpeta de la imagen'],
    ),
    find: (facts) => {
      const folder = textOf(configOf(facts)['WorkingDir']);
      if (folder === '') return [];
      const link = facts.workingDirLink ?? null;
      if (link !== null) return [{ path: link.path, layer: link.layer, detail: link.target }];
      return onlyIf(isKernels(folder), posix.normalize(`/${folder}`));
    },
  },
  {
    ...check(
      'image-kernel-link',
      'critical',
      'CVE-2025-31133',
      [
        'has a link in the place of /dev, /proc or /sys, where the run-time mounts',
        'tiene un enlace en el lugar de /dev, /proc o /sys, donde monta el entorno de ejecución',
      ],
      ['make it a folder', 'hacer que sea una carpeta'],
    ),
    find: ({ links }) => (links ?? []).map(({ path, layer, target }) => ({ path, layer, detail: target })),
  },
  {
    ...check(
      'image-root-user',
      'high',
      'CIS Docker 4.1',
      ['runs as root', 'se ejecuta como root'],
      ['add USER with a number above 0 to the Containerfile', 'añadir USER con un número mayor que 0 al Containerfile'],
    ),
    find: (facts) => onlyIf(/^(?:|root|0+)(?::|$)/.test(textOf(configOf(facts)['User']))),
  },
  {
    ...check(
      'image-user-name',
      'low',
      'PSS restricted',
      ['names its user: nothing proves that it is not root', 'nombra su usuario: nada prueba que no sea root'],
      ['write the number of the user', 'escribir el número del usuario'],
    ),
    find: (facts) =>
      onlyIf(/^(?!root(?::|$))[a-z_]/i.test(textOf(configOf(facts)['User'])), textOf(configOf(facts)['User'])),
  },
  {
    ...check(
      'image-healthcheck',
      'low',
      'CIS Docker 4.6',
      [
        'has no health check: where no probe is set nobody sees that it hangs',
        'no tiene comprobación de salud: donde no hay sonda nadie ve si se cuelga',
      ],
      ['add HEALTHCHECK, or probes in the manifest', 'añadir HEALTHCHECK, o sondas en el manifiesto'],
    ),
    find: (facts) =>
      onlyIf(texts(members(configOf(facts)['Healthcheck'])['Test']).filter((word) => word !== 'NONE').length === 0),
  },
  {
    ...check(
      'image-env-secret',
      'critical',
      'CIS Docker 4.10',
      ['has a credential in its environment', 'tiene una credencial en su entorno'],
      [
        'give it at run time as a Secret, and replace it: whoever has the image has it',
        'darla en ejecución como Secret, y cambiarla: quien tiene la imagen la tiene',
      ],
    ),
    find: (facts) =>
      environment(facts)
        .filter(([name, value]) => namesSecret(name) && value !== '' && !isSwitch(value))
        .map(([name]) => ({ detail: name })),
  },
  {
    ...check(
      'image-label-secret',
      'high',
      'CIS Docker 4.10',
      ['has a credential in a label', 'tiene una credencial en una etiqueta'],
      ['remove the label', 'quitar la etiqueta'],
    ),
    find: (facts) =>
      Object.entries(members(configOf(facts)['Labels']))
        .filter(([name, value]) => namesSecret(name) && value !== '')
        .map(([name]) => ({ detail: name })),
  },
  {
    ...check(
      'image-build-secret',
      'high',
      'CIS Docker 4.10',
      ['keeps a credential in its history', 'guarda una credencial en su historial'],
      [
        'use RUN --mount=type=secret, and replace the credential',
        'usar RUN --mount=type=secret, y cambiar la credencial',
      ],
    ),
    find: (facts) =>
      history(facts).flatMap((step) => {
        const [, count = '0'] = /^(?:RUN )?\|(\d+) /.exec(step) ?? [];
        const given = step
          .replace(/^(?:RUN )?\|\d+ /, '')
          .split(' ')
          .slice(0, Number(count));
        const name = given
          .map((word) => word.split('='))
          .find(([key = '', value = '']) => namesSecret(key) && value !== '')?.[0];
        return name === undefined ? [] : [{ detail: name }];
      }),
  },
  {
    ...check(
      'image-add-remote',
      'low',
      'CIS Docker 4.9',
      ['adds something from the network', 'añade algo de la red'],
      ['copy a file that you keep', 'copiar un archivo propio'],
    ),
    find: (facts) => onlyIf(history(facts).some((step) => /\bADD\b.*https?:\/\//.test(step))),
  },
  {
    ...check(
      'image-base-latest',
      'low',
      'CIS Docker 4.2',
      ['was built on the tag latest of its base', 'se construyó sobre la etiqueta latest de su base'],
      ['name a version, better a digest', 'indicar una versión, mejor un digest'],
    ),
    find: (facts) => {
      const name = textOf(members(configOf(facts)['Labels'])['org.opencontainers.image.base.name']);
      const end = name.slice(name.lastIndexOf('/') + 1);
      return onlyIf(name !== '' && !name.includes('@') && (!end.includes(':') || end.endsWith(':latest')), name);
    },
  },
  {
    ...check(
      'image-ssh',
      'medium',
      'CIS Docker 5.7',
      ['exposes SSH', 'expone SSH'],
      ['take the SSH server out; use darsena exec', 'quitar el servidor SSH; usar darsena exec'],
    ),
    find: (facts) =>
      onlyIf(Object.keys(members(configOf(facts)['ExposedPorts'])).some((port) => /^22(?:\/tcp)?$/.test(port))),
  },
  {
    ...check(
      'image-privileged-port',
      'low',
      'CIS Docker 5.8',
      ['listens on a port below 1024', 'escucha en un puerto menor que 1024'],
      ['let it listen on a port from 1024 on', 'que escuche en un puerto a partir del 1024'],
    ),
    find: (facts) =>
      Object.keys(members(configOf(facts)['ExposedPorts']))
        .filter((port) => Number.parseInt(port, 10) < 1024 && !/^22(?:\/tcp)?$/.test(port))
        .slice(0, 1)
        .map((port) => ({ detail: port })),
  },
  {
    ...check(
      'image-volume-system',
      'medium',
      'CIS Docker 5.5',
      ['makes a folder of the system a volume', 'convierte una carpeta del sistema en un volumen'],
      ['use a folder of the program', 'usar una carpeta del programa'],
    ),
    find: (facts) =>
      Object.keys(members(configOf(facts)['Volumes']))
        .filter((path) => /^\/(?:etc|bin|sbin|lib|usr|proc|sys|dev|boot|root)?\/?$/.test(path))
        .map((path) => ({ detail: path })),
  },
  {
    ...check(
      'image-path-open',
      'high',
      '',
      [
        'looks for programs in a folder that anybody may write',
        'busca programas en una carpeta en la que cualquiera puede escribir',
      ],
      ['take the folder out of PATH', 'quitar la carpeta de PATH'],
    ),
    find: (facts) => {
      const path = environment(facts).find(([name]) => name === 'PATH')?.[1] ?? '';
      const open = path
        .split(':')
        .find((folder) => folder === '' || folder === '.' || /^\/(?:tmp|var\/tmp|dev\/shm)(?:\/|$)/.test(folder));
      return onlyIf(path !== '' && open !== undefined, open === '' ? '.' : open);
    },
  },
  {
    ...check(
      'image-preload',
      'high',
      '',
      ['loads a library into every program', 'carga una biblioteca en todos los programas'],
      ['remove LD_PRELOAD', 'quitar LD_PRELOAD'],
    ),
    find: (facts) =>
      environment(facts)
        .filter(([name, value]) => name === 'LD_PRELOAD' && value !== '')
        .map(([, value]) => ({ detail: value.slice(0, 200) })),
  },
  {
    ...check(
      'image-shell-form',
      'low',
      'hadolint DL3025',
      [
        'starts through a shell: signals to stop do not reach the program',
        'arranca a través de un shell: las señales de parada no llegan al programa',
      ],
      ['write ENTRYPOINT ["program", "argument"]', 'escribir ENTRYPOINT ["programa", "argumento"]'],
    ),
    find: (facts) => {
      const words = [...texts(configOf(facts)['Entrypoint']), ...texts(configOf(facts)['Cmd'])];
      return onlyIf(/^\/bin\/(?:ba)?sh$/.test(words[0] ?? '') && words[1] === '-c');
    },
  },
  {
    ...check(
      'image-on-build',
      'low',
      'hadolint DL3043',
      [
        'leaves instructions to images that build on it',
        'deja instrucciones para las imágenes que construyan sobre ella',
      ],
      ['write them where they are needed', 'escribirlas donde hagan falta'],
    ),
    find: (facts) => onlyIf(texts(configOf(facts)['OnBuild']).length > 0),
  },
  {
    ...check(
      'image-setuid',
      'medium',
      'CIS Docker 4.8',
      [
        'has a program that runs as another user (setuid or setgid)',
        'tiene un programa que se ejecuta como otro usuario (setuid o setgid)',
      ],
      ['remove the bit: chmod a-s', 'quitar el bit: chmod a-s'],
    ),
    find: (facts) =>
      files(facts, ({ kind, mode, path }) => kind === 'file' && (mode & 0o6000) !== 0 && !USUAL_SETUID.test(path)),
  },
  {
    ...check(
      'image-setuid-usual',
      'low',
      'CIS Docker 4.8',
      ['has a set-uid program of the base system', 'tiene un programa set-uid del sistema base'],
      ['remove the bit where nobody needs it: chmod a-s', 'quitar el bit donde nadie lo necesite: chmod a-s'],
    ),
    find: (facts) =>
      files(facts, ({ kind, mode, path }) => kind === 'file' && (mode & 0o6000) !== 0 && USUAL_SETUID.test(path)),
  },
  {
    ...check(
      'image-file-capabilities',
      'medium',
      'CIS Docker 4.8',
      [
        'has a program that gives whoever executes it capabilities of the kernel',
        'tiene un programa que da capacidades del núcleo a quien lo ejecuta',
      ],
      [
        'take them away: setcap -r, or copy the file without them',
        'quitarlas: setcap -r, o copiar el archivo sin ellas',
      ],
    ),
    find: (facts) => capableFiles(facts, (names) => !areUsual(names)),
  },
  {
    ...check(
      'image-file-capabilities-usual',
      'low',
      'CIS Docker 4.8',
      [
        'has a program with capabilities of the kernel that do little harm',
        'tiene un programa con capacidades del núcleo que hacen poco daño',
      ],
      ['take them away where nobody needs them: setcap -r', 'quitarlas donde nadie las necesite: setcap -r'],
    ),
    find: (facts) => capableFiles(facts, areUsual),
  },
  {
    ...check(
      'image-world-writable-file',
      'medium',
      'CIS Docker 4.8',
      ['has a file that everybody may change', 'tiene un archivo que cualquiera puede cambiar'],
      ['take the right to write away: chmod o-w', 'quitar el permiso de escritura: chmod o-w'],
    ),
    find: (facts) => files(facts, ({ kind, mode }) => kind === 'file' && (mode & 0o002) !== 0),
  },
  {
    ...check(
      'image-world-writable-folder',
      'low',
      'CIS Docker 4.8',
      [
        'has a folder in which everybody may replace the files of others',
        'tiene una carpeta en la que cualquiera puede sustituir archivos ajenos',
      ],
      ['set the sticky bit: chmod +t, or chmod o-w', 'poner el bit sticky: chmod +t, o chmod o-w'],
    ),
    find: (facts) =>
      files(facts, ({ kind, mode }) => kind === 'directory' && (mode & 0o002) !== 0 && (mode & 0o1000) === 0),
  },
  {
    ...check(
      'image-open-account-file',
      'critical',
      'CIS Docker 4.8',
      [
        'lets everybody change accounts or what runs as root',
        'deja que cualquiera cambie cuentas o lo que se ejecuta como root',
      ],
      ['take the right to write away: chmod o-w', 'quitar el permiso de escritura: chmod o-w'],
    ),
    find: (facts) =>
      files(
        facts,
        ({ mode, path }) =>
          (mode & 0o002) !== 0 &&
          /^etc\/(?:passwd|shadow|group|gshadow|sudoers(?:\.d\/.*)?|crontab|cron\.[a-z]+\/.*|ld\.so\.preload|profile(?:\.d\/.*)?)$/.test(
            path,
          ),
      ),
  },
  {
    ...check(
      'image-readable-shadow',
      'high',
      'CIS Docker 4.8',
      ['lets everybody read the hashes of passwords', 'deja que cualquiera lea los hash de las contraseñas'],
      ['chmod 0640 /etc/shadow', 'chmod 0640 /etc/shadow'],
    ),
    find: (facts) => files(facts, ({ mode, path }) => (mode & 0o004) !== 0 && /^etc\/g?shadow-?$/.test(path)),
  },
  {
    ...check(
      'image-sudo',
      'low',
      'CIS Docker 4.8',
      ['has sudo', 'tiene sudo'],
      ['build without sudo', 'construir sin sudo'],
    ),
    find: (facts) => files(facts, ({ path }) => /^(?:usr\/)?bin\/(?:sudo|doas)$/.test(path)),
  },
  {
    ...check(
      'image-private-key',
      'high',
      'CIS Docker 4.10',
      ['has a private key of SSH', 'tiene una clave privada de SSH'],
      ['remove it, and replace the key', 'quitarla, y cambiar la clave'],
    ),
    find: (facts) =>
      files(facts, ({ path }) => /(?:^|\/)(?:\.ssh\/id_[a-z0-9]+|etc\/ssh\/ssh_host_[a-z0-9]+_key)$/.test(path)),
  },
  {
    ...check(
      'image-package-cache',
      'low',
      'hadolint DL3009',
      ['carries caches of its package manager', 'lleva cachés de su gestor de paquetes'],
      ['remove them in the same RUN', 'quitarlas en el mismo RUN'],
    ),
    find: (facts) => files(facts, ({ cache }) => cache).slice(0, 1),
  },
];

/** What is wrong with starting an image in a folder. */
export function checkWorkingFolder(folder: string, workingDirLink: KernelLink | null): Misconfiguration[] {
  const facts = { config: { config: { WorkingDir: folder } }, files: null, workingDirLink };
  return checkImage(facts).filter(({ id }) => id === 'image-workdir-kernel');
}

/** What is wrong with an image, by its configuration and the rights of its files. */
export function checkImage(facts: ImageFacts): Misconfiguration[] {
  return IMAGE_CHECKS.flatMap((one) =>
    one.find(facts).map(({ path, layer, detail }) => ({
      ...misconfigured(one, {
        path: path === undefined ? null : `/${path}`,
        line: null,
        subject: path === undefined ? null : `/${path}`,
        ...(detail === undefined ? {} : { detail }),
      }),
      layer: layer ?? null,
    })),
  );
}
