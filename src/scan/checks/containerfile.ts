import type { Misconfiguration } from '../report.ts';
import { type Check, check, isSwitch, misconfigured, namesSecret } from './check.ts';
import {
  type Containerfile,
  commandsOf,
  type Instruction,
  readContainerfile,
  type Stage,
} from './containerfile-reader.ts';

interface Found {
  readonly line: number;
  readonly detail?: string;
}

interface ContainerfileCheck extends Check {
  readonly find: (file: Containerfile) => readonly Found[];
}

const all = (file: Containerfile, name: string): Instruction[] => file.instructions.filter((one) => one.name === name);
const last = (file: Containerfile): Stage | undefined => file.stages.at(-1);
const lineOf = ({ line }: Instruction): Found => ({ line });

/** Commands of every RUN whose first word (behind sudo, env and variables) is that program. */
function runs(
  file: Containerfile,
  find: (words: readonly string[], command: string, one: Instruction) => boolean,
): Found[] {
  return all(file, 'RUN')
    .filter((one) => commandsOf(one).some((command) => find(wordsOf(command), command, one)))
    .map(lineOf);
}

function wordsOf(command: string): string[] {
  const words = command.split(/\s+/);
  while (
    words[0] !== undefined &&
    (/^(?:sudo|env|time|exec|then|do|if|else|\(|\{|!)$/.test(words[0]) || /^[A-Za-z_][A-Za-z0-9_]*=/.test(words[0]))
  )
    words.shift();
  return words;
}

const program = (words: readonly string[]): string => (words[0] ?? '').split('/').at(-1) ?? '';
const uses = (words: readonly string[], names: readonly string[], ...subs: string[]): boolean =>
  names.includes(program(words)) && (subs.length === 0 || words.slice(1).some((word) => subs.includes(word)));
const hasOption = (words: readonly string[], short: string, long: string): boolean =>
  words.some(
    (word) =>
      word === `--${long}` ||
      word.startsWith(`--${long}=`) ||
      (short !== '' && new RegExp(`^-[a-zA-Z]*${short}`).test(word)),
  );
/** Packages that an install names, without options. */
const named = (words: readonly string[], verb: string): string[] =>
  words.slice(words.indexOf(verb) + 1).filter((word) => !word.startsWith('-') && !/[$`"'\\]/.test(word));
const APT = ['apt-get', 'apt'];
const DNF = ['dnf', 'yum', 'microdnf', 'tdnf'];

/** Reference without its tag and digest; stages before are no images. */
function images(file: Containerfile): { stage: Stage; image: string }[] {
  const stages = new Set<string>();
  return file.stages.flatMap((stage) => {
    const isStage = stages.has(stage.image.toLowerCase());
    if (stage.name !== null) stages.add(stage.name.toLowerCase());
    return isStage || stage.image === 'scratch' ? [] : [{ stage, image: stage.image }];
  });
}

/** `FROM name:$TAG` with the default that an ARG gives. */
function resolve(image: string, file: Containerfile): string {
  return image.replace(/\$\{?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}?/g, (whole, name: string, fallback?: string) => {
    const given = file.globals.find(({ name: one, text }) => one === 'ARG' && text.startsWith(`${name}=`));
    return given?.text.slice(name.length + 1).replace(/^["']|["']$/g, '') ?? fallback ?? whole;
  });
}

const tagOf = (image: string): string | null => {
  if (image.includes('@')) return null;
  const end = image.slice(image.lastIndexOf('/') + 1);
  return end.includes(':') ? end.slice(end.indexOf(':') + 1) : '';
};

/** The last one of an instruction in the stage that becomes the image. */
const final = (file: Containerfile, name: string): Instruction | undefined =>
  last(file)
    ?.instructions.filter((one) => one.name === name)
    .at(-1);

export const CONTAINERFILE_CHECKS: readonly ContainerfileCheck[] = [
  {
    ...check(
      'file-user-missing',
      'high',
      'CIS Docker 4.1',
      ['never says USER: the container runs as root', 'no indica USER: el contenedor se ejecuta como root'],
      ['add USER with a number above 0', 'añadir USER con un número mayor que 0'],
    ),
    find: (file) => {
      const stage = last(file);
      return stage === undefined || final(file, 'USER') !== undefined ? [] : [lineOf(stage.from)];
    },
  },
  {
    ...check(
      'file-user-root',
      'high',
      'CIS Docker 4.1',
      ['ends as USER root', 'termina como USER root'],
      ['end with USER and a number above 0', 'terminar con USER y un número mayor que 0'],
    ),
    find: (file) => {
      const user = final(file, 'USER');
      return user !== undefined && /^(?:root|0+)(?::|$)/.test(user.words[0] ?? '') ? [lineOf(user)] : [];
    },
  },
  {
    ...check(
      'file-user-name',
      'low',
      'PSS restricted',
      [
        'names its user: the platform cannot prove that it is not root',
        'nombra su usuario: la plataforma no puede probar que no es root',
      ],
      ['write the number of the user', 'escribir el número del usuario'],
    ),
    find: (file) => {
      const user = final(file, 'USER');
      return user !== undefined &&
        /^[a-z_][a-z0-9_-]*(?::|$)/i.test(user.words[0] ?? '') &&
        !/^root/.test(user.words[0] ?? '')
        ? [lineOf(user)]
        : [];
    },
  },
  {
    ...check(
      'file-base-latest',
      'medium',
      'CIS Docker 4.2',
      ['builds on the tag latest or none', 'construye sobre la etiqueta latest o ninguna'],
      ['name a version, better a digest', 'indicar una versión, mejor un digest'],
    ),
    find: (file) =>
      images(file)
        .filter(
          ({ image }) =>
            ['', 'latest'].includes(tagOf(resolve(image, file)) ?? '-') && !resolve(image, file).includes('$'),
        )
        .map(({ stage }) => lineOf(stage.from)),
  },
  {
    ...check(
      'file-base-digest',
      'low',
      'CIS Docker 4.2',
      ['builds on an image that is not pinned by digest', 'construye sobre una imagen que no está fijada por digest'],
      ['write IMAGE@sha256:…', 'escribir IMAGEN@sha256:…'],
    ),
    find: (file) =>
      images(file)
        .filter(({ image }) => !image.includes('@'))
        .map(({ stage }) => lineOf(stage.from)),
  },
  {
    ...check(
      'file-base-platform',
      'low',
      'hadolint DL3029',
      ['fixes the platform of its base', 'fija la plataforma de su base'],
      ['remove --platform, or use $BUILDPLATFORM', 'quitar --platform, o usar $BUILDPLATFORM'],
    ),
    find: (file) =>
      file.stages
        .filter(({ from }) => from.flags.some((flag) => /^--platform=[^$]/.test(flag)))
        .map(({ from }) => lineOf(from)),
  },
  {
    ...check(
      'file-healthcheck',
      'low',
      'CIS Docker 4.6',
      [
        'has no HEALTHCHECK: where no probe is set nobody sees that it hangs',
        'no tiene HEALTHCHECK: donde no hay sonda nadie ve si se cuelga',
      ],
      ['add HEALTHCHECK, or probes in the manifest', 'añadir HEALTHCHECK, o sondas en el manifiesto'],
    ),
    find: (file) => {
      const stage = last(file);
      return stage === undefined || final(file, 'HEALTHCHECK') !== undefined ? [] : [lineOf(stage.from)];
    },
  },
  {
    ...check(
      'file-add',
      'low',
      'CIS Docker 4.9, hadolint DL3020',
      ['uses ADD where COPY is meant', 'usa ADD donde basta COPY'],
      ['use COPY', 'usar COPY'],
    ),
    find: (file) =>
      all(file, 'ADD')
        .filter(
          ({ words, flags }) =>
            flags.length === 0 &&
            !words.some(
              (word) =>
                /^(?:https?:|git@|git:)/.test(word) ||
                /\.(?:tar|tgz|tbz2?|txz|tzst)(?:\.\w+)?$|\.(?:gz|bz2|xz|zst)$/.test(word),
            ),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-add-remote',
      'medium',
      'CIS Docker 4.9',
      ['adds something from the network that nobody checks', 'añade algo de la red que nadie comprueba'],
      ['give --checksum, or copy a file that you keep', 'indicar --checksum, o copiar un archivo propio'],
    ),
    find: (file) =>
      all(file, 'ADD')
        .filter(
          ({ words, flags }) =>
            words.slice(0, -1).some((word) => /^https?:/.test(word)) &&
            !flags.some((flag) => flag.startsWith('--checksum=')),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-add-plain-http',
      'high',
      'CIS Docker 4.9',
      ['fetches over plain HTTP', 'descarga por HTTP sin cifrar'],
      ['use https', 'usar https'],
    ),
    find: (file) => [
      ...all(file, 'ADD')
        .filter(({ text }) => /\bhttp:\/\//.test(text))
        .map(lineOf),
      ...runs(
        file,
        (words, command) => uses(words, ['curl', 'wget']) && /\bhttp:\/\/(?!localhost|127\.)/.test(command),
      ),
    ],
  },
  {
    ...check(
      'file-copy-everything',
      'medium',
      'CIS Docker 4.10',
      [
        'copies the whole folder, with what should stay out',
        'copia toda la carpeta, también lo que debería quedar fuera',
      ],
      ['name the files, or keep a .containerignore', 'nombrar los archivos, o mantener un .containerignore'],
    ),
    find: (file) =>
      (last(file)?.instructions ?? [])
        .filter(
          ({ name, words, flags }) =>
            (name === 'COPY' || name === 'ADD') &&
            /^\.\/?$/.test(words[0] ?? '') &&
            !flags.some((flag) => flag.startsWith('--from')),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-copy-secret',
      'critical',
      'CIS Docker 4.10',
      ['copies a private key or credentials into the image', 'copia una clave privada o credenciales a la imagen'],
      ['use RUN --mount=type=secret', 'usar RUN --mount=type=secret'],
    ),
    find: (file) =>
      [...all(file, 'COPY'), ...all(file, 'ADD')]
        .filter(({ words }) =>
          words
            .slice(0, -1)
            .some((word) =>
              /(?:^|\/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.npmrc|\.pypirc|\.git-credentials|\.aws|\.ssh|\.docker\/config\.json|\.env|.*\.(?:p12|pfx|jks|key)|credentials)$/.test(
                word,
              ),
            ),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-copy-world-writable',
      'medium',
      'CIS Docker 4.8',
      ['copies files that everybody may change', 'copia archivos que cualquiera puede cambiar'],
      ['give --chmod a mode without write for others', 'indicar en --chmod un modo sin escritura para otros'],
    ),
    find: (file) =>
      [...all(file, 'COPY'), ...all(file, 'ADD')]
        .filter(({ flags }) => flags.some((flag) => /^--chmod=0?[0-7]?[0-7][0-7][2367]$/.test(flag)))
        .map(lineOf),
  },
  {
    ...check(
      'file-copy-from-self',
      'high',
      'hadolint DL3023',
      ['copies from the stage it is in', 'copia de la propia etapa'],
      ['name another stage', 'nombrar otra etapa'],
    ),
    find: (file) =>
      file.stages.flatMap(({ name, instructions }) =>
        name === null
          ? []
          : instructions.filter((one) => one.name === 'COPY' && one.flags.includes(`--from=${name}`)).map(lineOf),
      ),
  },
  {
    ...check(
      'file-copy-from-latest',
      'low',
      'CIS Docker 4.2',
      ['copies out of an image without a version', 'copia de una imagen sin versión'],
      ['name a version, better a digest', 'indicar una versión, mejor un digest'],
    ),
    find: (file) => {
      const names = new Set(
        file.stages.flatMap(({ name }, index) => [String(index), ...(name === null ? [] : [name.toLowerCase()])]),
      );
      return all(file, 'COPY')
        .filter(({ flags }) => {
          const from = flags.find((flag) => flag.startsWith('--from='))?.slice(7) ?? '';
          return (
            from !== '' &&
            !from.includes('$') &&
            !names.has(from.toLowerCase()) &&
            ['', 'latest'].includes(tagOf(from) ?? '-')
          );
        })
        .map(lineOf);
    },
  },
  {
    ...check(
      'file-env-secret',
      'critical',
      'CIS Docker 4.10',
      ['writes a credential into the image', 'escribe una credencial en la imagen'],
      ['give it at run time as a Secret', 'darla en ejecución como Secret'],
    ),
    find: (file) =>
      [...all(file, 'ENV'), ...all(file, 'LABEL')].flatMap((one) => {
        const pairs =
          one.name === 'ENV' && !/^[A-Za-z_][\w.-]*=/.test(one.text)
            ? [[one.words[0] ?? '', one.words[1] ?? ''] as const]
            : [...one.text.matchAll(/([A-Za-z_][\w.-]*)=("[^"]*"|'[^']*'|\S*)/g)].map(
                ([, name = '', value = '']) => [name, value] as const,
              );
        const name = pairs.find(
          ([key, value]) => namesSecret(key) && !/^["']?(?:\$|["']?$)/.test(value) && value !== '' && !isSwitch(value),
        )?.[0];
        return name === undefined ? [] : [{ line: one.line, detail: name }];
      }),
  },
  {
    ...check(
      'file-arg-secret',
      'high',
      'CIS Docker 4.10',
      [
        'takes a credential as a build argument, which the history keeps',
        'recibe una credencial como argumento de construcción, que queda en el historial',
      ],
      ['use RUN --mount=type=secret', 'usar RUN --mount=type=secret'],
    ),
    find: (file) =>
      all(file, 'ARG').flatMap((one) => {
        const name = (one.words[0] ?? '').split('=')[0] ?? '';
        return namesSecret(name) ? [{ line: one.line, detail: name }] : [];
      }),
  },
  {
    ...check(
      'file-sudo',
      'medium',
      'CIS Docker 4.8, hadolint DL3004',
      ['uses sudo', 'usa sudo'],
      ['be root only for the steps that need it (USER)', 'ser root solo en los pasos que lo necesitan (USER)'],
    ),
    find: (file) => runs(file, (_words, command) => /^(?:\S+=\S*\s+)*sudo\s/.test(command)),
  },
  {
    ...check(
      'file-sudo-install',
      'medium',
      'CIS Docker 4.8',
      ['installs sudo', 'instala sudo'],
      ['leave sudo out', 'no instalar sudo'],
    ),
    find: (file) =>
      runs(
        file,
        (words) =>
          uses(words, [...APT, ...DNF, 'apk', 'zypper'], 'install', 'add') &&
          words.some((word) => /^sudo(?:=|$)/.test(word)),
      ),
  },
  {
    ...check(
      'file-ssh-server',
      'medium',
      'CIS Docker 4.3',
      ['installs an SSH server', 'instala un servidor SSH'],
      ['use darsena exec', 'usar darsena exec'],
    ),
    find: (file) =>
      runs(
        file,
        (words) =>
          uses(words, [...APT, ...DNF, 'apk', 'zypper'], 'install', 'add') &&
          words.some((word) => /^(?:openssh-server|openssh|dropbear|ssh)$/.test(word)),
      ),
  },
  {
    ...check(
      'file-expose-ssh',
      'medium',
      'CIS Docker 5.7',
      ['exposes SSH', 'expone SSH'],
      ['remove EXPOSE 22', 'quitar EXPOSE 22'],
    ),
    find: (file) =>
      all(file, 'EXPOSE')
        .filter(({ words }) => words.some((word) => /^22(?:\/tcp)?$/.test(word)))
        .map(lineOf),
  },
  {
    ...check(
      'file-expose-range',
      'low',
      'hadolint DL3011',
      ['exposes a port that cannot be', 'expone un puerto imposible'],
      ['use a port from 1 to 65535', 'usar un puerto de 1 a 65535'],
    ),
    find: (file) =>
      all(file, 'EXPOSE')
        .filter(({ words }) => words.some((word) => /^\d+/.test(word) && Number.parseInt(word, 10) > 65_535))
        .map(lineOf),
  },
  {
    ...check(
      'file-workdir-relative',
      'low',
      'hadolint DL3000',
      ['has a WORKDIR that depends on the one before', 'tiene un WORKDIR que depende del anterior'],
      ['write the whole path', 'escribir la ruta completa'],
    ),
    find: (file) =>
      all(file, 'WORKDIR')
        .filter(({ words }) => !/^["']?(?:\/|\$|[A-Za-z]:)/.test(words[0] ?? ''))
        .map(lineOf),
  },
  {
    ...check(
      'file-cd',
      'low',
      'hadolint DL3003',
      ['changes the folder with cd', 'cambia de carpeta con cd'],
      ['use WORKDIR', 'usar WORKDIR'],
    ),
    find: (file) => runs(file, (words) => program(words) === 'cd'),
  },
  {
    ...check(
      'file-maintainer',
      'low',
      'hadolint DL4000',
      ['uses MAINTAINER, which is gone', 'usa MAINTAINER, que ya no existe'],
      ['use LABEL org.opencontainers.image.authors', 'usar LABEL org.opencontainers.image.authors'],
    ),
    find: (file) => all(file, 'MAINTAINER').map(lineOf),
  },
  ...(['CMD', 'ENTRYPOINT', 'HEALTHCHECK'] as const).map(
    (name): ContainerfileCheck => ({
      ...check(
        `file-many-${name.toLowerCase()}`,
        'low',
        'hadolint DL4003',
        [`has several ${name}: only the last counts`, `tiene varios ${name}: solo cuenta el último`],
        ['keep one', 'dejar uno'],
      ),
      find: (file) =>
        file.stages.flatMap(({ instructions }) =>
          instructions
            .filter((one) => one.name === name)
            .slice(0, -1)
            .map(lineOf),
        ),
    }),
  ),
  ...(['CMD', 'ENTRYPOINT'] as const).map(
    (name): ContainerfileCheck => ({
      ...check(
        `file-shell-${name.toLowerCase()}`,
        'low',
        'hadolint DL3025',
        [
          `has its ${name} in the shell form: signals to stop do not reach the program`,
          `tiene su ${name} en forma de shell: las señales de parada no llegan al programa`,
        ],
        [`write ${name} ["program", "argument"]`, `escribir ${name} ["programa", "argumento"]`],
      ),
      find: (file) => (last(file)?.instructions ?? []).filter((one) => one.name === name && !one.isJson).map(lineOf),
    }),
  ),
  {
    ...check(
      'file-stage-twice',
      'medium',
      'hadolint DL3024',
      ['gives two stages one name', 'da el mismo nombre a dos etapas'],
      ['give each its own name', 'dar a cada una su nombre'],
    ),
    find: (file) =>
      file.stages
        .filter(
          ({ name }, index) =>
            name !== null && file.stages.findIndex((one) => one.name?.toLowerCase() === name.toLowerCase()) < index,
        )
        .map(({ from }) => lineOf(from)),
  },
  {
    ...check(
      'file-onbuild',
      'low',
      'hadolint DL3043',
      [
        'leaves instructions to images that build on it',
        'deja instrucciones para las imágenes que construyan sobre ella',
      ],
      ['write them where they are needed', 'escribirlas donde hagan falta'],
    ),
    find: (file) => all(file, 'ONBUILD').map(lineOf),
  },
  {
    ...check(
      'file-volume-system',
      'medium',
      'CIS Docker 5.5',
      ['makes a folder of the system a volume', 'convierte una carpeta del sistema en un volumen'],
      ['use a folder of the program', 'usar una carpeta del programa'],
    ),
    find: (file) =>
      all(file, 'VOLUME')
        .filter(({ words }) =>
          words.some((word) => /^\/(?:etc|bin|sbin|lib|usr|proc|sys|dev|boot|root)?\/?$/.test(word)),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-pipe-shell',
      'high',
      '',
      ['runs what it downloads without looking at it', 'ejecuta lo que descarga sin comprobarlo'],
      ['download, check its digest, then run it', 'descargarlo, comprobar su digest y luego ejecutarlo'],
    ),
    find: (file) =>
      all(file, 'RUN')
        .filter(({ text }) =>
          /\b(?:curl|wget)\b[^|;&\n]*\|\s*(?:sudo\s+)?(?:ba|da|a|z)?sh\b|\b(?:ba|da|a|z)?sh\s+-c\s+["']?\$\((?:curl|wget)\b|<\((?:curl|wget)\b/.test(
            text,
          ),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-tls-off',
      'high',
      '',
      ['downloads without checking who answers', 'descarga sin comprobar quién responde'],
      ['remove the option that switches certificates off', 'quitar la opción que desactiva los certificados'],
    ),
    find: (file) =>
      runs(
        file,
        (words, command) =>
          (uses(words, ['curl']) && (hasOption(words, 'k', 'insecure') || hasOption(words, '', 'proxy-insecure'))) ||
          (uses(words, ['wget']) && hasOption(words, '', 'no-check-certificate')) ||
          /\b(?:npm|yarn|pnpm)\b.*strict-ssl[ =]false|--trusted-host\b|http\.sslVerify[ =]false|GIT_SSL_NO_VERIFY=|NODE_TLS_REJECT_UNAUTHORIZED=0|PYTHONHTTPSVERIFY=0/.test(
            command,
          ),
      ),
  },
  {
    ...check(
      'file-env-tls-off',
      'high',
      '',
      ['switches the check of certificates off for everything', 'desactiva la comprobación de certificados para todo'],
      ['remove the variable', 'quitar la variable'],
    ),
    find: (file) =>
      all(file, 'ENV')
        .filter(({ text }) =>
          /\b(?:NODE_TLS_REJECT_UNAUTHORIZED|PYTHONHTTPSVERIFY)[ =]["']?0|\b(?:GIT_SSL_NO_VERIFY)[ =]|\bNPM_CONFIG_STRICT_SSL[ =]["']?false/.test(
            text,
          ),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-signatures-off',
      'high',
      '',
      ['installs packages without checking their signatures', 'instala paquetes sin comprobar sus firmas'],
      ['remove the option that switches signatures off', 'quitar la opción que desactiva las firmas'],
    ),
    find: (file) =>
      runs(
        file,
        (words, command) =>
          (uses(words, APT) &&
            /--allow-unauthenticated|--force-yes|--allow-insecure-repositories|AllowInsecureRepositories/.test(
              command,
            )) ||
          (uses(words, DNF) && /--nogpgcheck|--no-gpgchecks/.test(command)) ||
          (uses(words, ['apk']) && command.includes('--allow-untrusted')) ||
          (uses(words, ['zypper']) && /--no-gpg-checks|--gpg-auto-import-keys/.test(command)) ||
          (uses(words, ['rpm']) && /--nosignature|--nodigest/.test(command)),
      ),
  },
  {
    ...check(
      'file-apt-key',
      'medium',
      '',
      ['uses apt-key, which trusts a key for every source', 'usa apt-key, que confía una clave a todas las fuentes'],
      [
        'put the key into /etc/apt/keyrings and name it with signed-by',
        'poner la clave en /etc/apt/keyrings y nombrarla con signed-by',
      ],
    ),
    find: (file) => runs(file, (words) => program(words) === 'apt-key'),
  },
  {
    ...check(
      'file-apt-update-alone',
      'medium',
      'CIS Docker 4.7',
      [
        'updates the package list in a step of its own, which the cache keeps for ever',
        'actualiza la lista de paquetes en un paso propio, que la caché guarda para siempre',
      ],
      ['update and install in one RUN', 'actualizar e instalar en un mismo RUN'],
    ),
    find: (file) =>
      all(file, 'RUN')
        .filter((one) => {
          const commands = commandsOf(one).map(wordsOf);
          const [update, install] = [
            commands.some((words) => uses(words, [...APT, ...DNF, 'apk', 'zypper'], 'update', 'refresh')),
            commands.some((words) =>
              uses(words, [...APT, ...DNF, 'apk', 'zypper'], 'install', 'add', 'upgrade', 'dist-upgrade', 'build-dep'),
            ),
          ];
          const isDnf = commands.some((words) => uses(words, DNF));
          return update && !install && !isDnf;
        })
        .map(lineOf),
  },
  {
    ...check(
      'file-apt-not-updated',
      'low',
      '',
      ['installs packages without updating the list first', 'instala paquetes sin actualizar antes la lista'],
      ['update and install in one RUN', 'actualizar e instalar en un mismo RUN'],
    ),
    find: (file) =>
      all(file, 'RUN')
        .filter((one) => {
          const commands = commandsOf(one).map(wordsOf);
          return (
            commands.some(
              (words) =>
                uses(words, APT, 'install') &&
                named(words, 'install').length > 0 &&
                !words.some((word) => /\.deb$/.test(word)),
            ) &&
            !commands.some((words) => uses(words, APT, 'update')) &&
            !one.flags.some((flag) => flag.startsWith('--mount=type=cache'))
          );
        })
        .map(lineOf),
  },
  {
    ...check(
      'file-apt-yes',
      'low',
      'hadolint DL3014',
      ['installs packages with a question that nobody answers', 'instala paquetes con una pregunta que nadie responde'],
      ['add -y', 'añadir -y'],
    ),
    find: (file) =>
      runs(
        file,
        (words) =>
          uses(words, APT, 'install') &&
          !hasOption(words, 'y', 'yes') &&
          !hasOption(words, '', 'assume-yes') &&
          !words.some((word) => /^-qq|^-[a-z]*qq/.test(word)),
      ),
  },
  {
    ...check(
      'file-apt-recommends',
      'low',
      'CIS Docker 4.3, hadolint DL3015',
      ['installs packages that are only recommended', 'instala paquetes que solo se recomiendan'],
      ['add --no-install-recommends', 'añadir --no-install-recommends'],
    ),
    find: (file) =>
      runs(
        file,
        (words, command) => uses(words, APT, 'install') && !/--no-install-recommends|Install-Recommends/.test(command),
      ),
  },
  {
    ...check(
      'file-apt-lists',
      'low',
      'hadolint DL3009',
      ['leaves package lists in the image', 'deja listas de paquetes en la imagen'],
      ['end the RUN with rm -rf /var/lib/apt/lists/*', 'terminar el RUN con rm -rf /var/lib/apt/lists/*'],
    ),
    find: (file) =>
      (last(file)?.instructions ?? [])
        .filter(
          (one) =>
            one.name === 'RUN' &&
            !one.flags.some((flag) => flag.startsWith('--mount=type=cache')) &&
            commandsOf(one)
              .map(wordsOf)
              .some((words) => uses(words, APT, 'update')) &&
            !/rm\s+-[a-zA-Z]*r[a-zA-Z]*\s+[^;&|]*\/var\/lib\/apt/.test(one.text),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-apt-interactive',
      'low',
      'hadolint DL3027',
      ['uses apt, which is made for people', 'usa apt, que es para personas'],
      ['use apt-get', 'usar apt-get'],
    ),
    find: (file) => runs(file, (words) => program(words) === 'apt' && words.length > 1),
  },
  {
    ...check(
      'file-dist-upgrade',
      'low',
      'hadolint DL3005',
      [
        'upgrades the whole system: two builds of one file differ',
        'actualiza todo el sistema: dos construcciones del mismo archivo difieren',
      ],
      ['build on a newer base', 'construir sobre una base más nueva'],
    ),
    find: (file) =>
      runs(
        file,
        (words) => uses(words, APT, 'dist-upgrade', 'full-upgrade') || uses(words, ['zypper'], 'dist-upgrade', 'dup'),
      ),
  },
  {
    ...check(
      'file-versions-open',
      'low',
      'CIS Docker 4.3, hadolint DL3008',
      ['installs packages without a version', 'instala paquetes sin versión'],
      ['name versions, or pin the base by digest', 'indicar versiones, o fijar la base por digest'],
    ),
    find: (file) =>
      runs(file, (words) => {
        if (uses(words, APT, 'install')) return named(words, 'install').some((word) => !/[=/]|\.deb$/.test(word));
        if (uses(words, ['apk'], 'add'))
          return named(words, 'add').some((word) => /^[a-z0-9]/.test(word) && !/[=<>~]/.test(word));
        if (uses(words, ['pip', 'pip3'], 'install'))
          return (
            !words.some((word) => /^(?:-r|--requirement|--constraint|-c|-e|\.|--require-hashes)/.test(word)) &&
            named(words, 'install').some((word) => !/[=<>~@/]|\.(?:whl|tar\.gz)$/.test(word) && word !== 'pip')
          );
        if (uses(words, ['npm'], 'install', 'i', 'add'))
          return (
            words.some((word) => word === '-g' || word === '--global') &&
            named(words, words.find((word) => ['install', 'i', 'add'].includes(word)) ?? 'install').some(
              (word) => !/.@|^[./]/.test(word),
            )
          );
        return (
          uses(words, ['gem'], 'install') &&
          !hasOption(words, 'v', 'version') &&
          named(words, 'install').some((word) => !word.includes(':'))
        );
      }),
  },
  {
    ...check(
      'file-pip-cache',
      'low',
      'hadolint DL3042',
      ['leaves the cache of pip in the image', 'deja la caché de pip en la imagen'],
      ['add --no-cache-dir', 'añadir --no-cache-dir'],
    ),
    find: (file) =>
      (last(file)?.instructions ?? [])
        .filter(
          (one) =>
            one.name === 'RUN' &&
            !one.flags.some((flag) => flag.startsWith('--mount=type=cache')) &&
            commandsOf(one)
              .map(wordsOf)
              .some((words) => uses(words, ['pip', 'pip3'], 'install') && !words.includes('--no-cache-dir')),
        )
        .map(lineOf)
        .filter(
          () =>
            !file.instructions.some(
              ({ name, text }) => (name === 'ENV' || name === 'ARG') && /PIP_NO_CACHE_DIR/.test(text),
            ),
        ),
  },
  {
    ...check(
      'file-apk-cache',
      'low',
      'hadolint DL3019',
      ['leaves the cache of apk in the image', 'deja la caché de apk en la imagen'],
      ['add --no-cache', 'añadir --no-cache'],
    ),
    find: (file) =>
      (last(file)?.instructions ?? [])
        .filter(
          (one) =>
            one.name === 'RUN' &&
            !one.flags.some((flag) => flag.startsWith('--mount=type=cache')) &&
            !/rm\s+-[a-z]*r[a-z]*\s+[^;&|]*\/var\/cache\/apk/.test(one.text) &&
            commandsOf(one)
              .map(wordsOf)
              .some((words) => uses(words, ['apk'], 'add') && !words.includes('--no-cache')),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-dnf-cache',
      'low',
      'hadolint DL3032',
      ['leaves the cache of dnf or yum in the image', 'deja la caché de dnf o yum en la imagen'],
      ['end the RUN with dnf clean all', 'terminar el RUN con dnf clean all'],
    ),
    find: (file) =>
      (last(file)?.instructions ?? [])
        .filter(
          (one) =>
            one.name === 'RUN' &&
            !one.flags.some((flag) => flag.startsWith('--mount=type=cache')) &&
            commandsOf(one)
              .map(wordsOf)
              .some((words) => uses(words, DNF, 'install')) &&
            !/clean\s+all|rm\s+-[a-z]*r[a-z]*\s+[^;&|]*\/var\/cache\/(?:dnf|yum)/.test(one.text),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-dnf-yes',
      'low',
      'hadolint DL3030',
      ['installs packages with a question that nobody answers', 'instala paquetes con una pregunta que nadie responde'],
      ['add -y', 'añadir -y'],
    ),
    find: (file) =>
      runs(file, (words) => uses(words, ['dnf', 'yum', 'microdnf'], 'install') && !hasOption(words, 'y', 'assumeyes')),
  },
  {
    ...check(
      'file-zypper-yes',
      'low',
      'hadolint DL3034',
      ['installs packages with a question that nobody answers', 'instala paquetes con una pregunta que nadie responde'],
      ['add -n or -y', 'añadir -n o -y'],
    ),
    find: (file) =>
      runs(
        file,
        (words) =>
          uses(words, ['zypper'], 'install', 'in') &&
          !hasOption(words, '[ny]', 'non-interactive') &&
          !hasOption(words, '', 'no-confirm'),
      ),
  },
  {
    ...check(
      'file-zypper-cache',
      'low',
      'hadolint DL3036',
      ['leaves the cache of zypper in the image', 'deja la caché de zypper en la imagen'],
      ['end the RUN with zypper clean', 'terminar el RUN con zypper clean'],
    ),
    find: (file) =>
      (last(file)?.instructions ?? [])
        .filter(
          (one) =>
            one.name === 'RUN' &&
            commandsOf(one)
              .map(wordsOf)
              .some((words) => uses(words, ['zypper'], 'install', 'in')) &&
            !/zypper\s+(?:clean|cc)/.test(one.text),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-npm-install',
      'low',
      '',
      ['installs other versions than the lock file names', 'instala otras versiones que las del archivo de bloqueo'],
      ['use npm ci', 'usar npm ci'],
    ),
    find: (file) =>
      runs(
        file,
        (words) =>
          program(words) === 'npm' &&
          /^(?:install|i)$/.test(words[1] ?? '') &&
          words.slice(2).every((word) => word.startsWith('-')) &&
          !words.includes('-g') &&
          !words.includes('--global'),
      ),
  },
  {
    ...check(
      'file-chmod-open',
      'medium',
      'CIS Docker 4.8',
      ['lets everybody change files', 'deja que cualquiera cambie archivos'],
      ['give write only to who needs it', 'dar escritura solo a quien la necesita'],
    ),
    find: (file) =>
      runs(
        file,
        (words) =>
          uses(words, ['chmod']) &&
          words.some((word) => /^[0-7]?[0-7][0-7][2367]$/.test(word) || /^(?:a|o|ugo|go)?\+[rx]*w/.test(word)),
      ),
  },
  {
    ...check(
      'file-setuid',
      'high',
      'CIS Docker 4.8',
      ['makes a program run as another user (setuid)', 'hace que un programa se ejecute como otro usuario (setuid)'],
      ['do without setuid', 'prescindir de setuid'],
    ),
    find: (file) =>
      runs(
        file,
        (words) =>
          uses(words, ['chmod']) && words.some((word) => /^[4627][0-7]{3}$/.test(word) || /^[ug]*\+[rwx]*s/.test(word)),
      ),
  },
  {
    ...check(
      'file-setcap',
      'medium',
      'CIS Docker 4.8',
      ['gives a file capabilities of the kernel', 'da capacidades del núcleo a un archivo'],
      ['listen on a port from 1024 on instead', 'escuchar en un puerto a partir del 1024'],
    ),
    find: (file) => runs(file, (words) => uses(words, ['setcap'])),
  },
  {
    ...check(
      'file-password',
      'high',
      'CIS Docker 4.10',
      ['sets a password in the image', 'fija una contraseña en la imagen'],
      ['leave accounts without a password', 'dejar las cuentas sin contraseña'],
    ),
    find: (file) =>
      all(file, 'RUN')
        .filter(({ text }) =>
          /\b(?:chpasswd|passwd\s+--stdin|usermod\s+(?:-p|--password))\b|\buseradd\b[^;&|]*\s(?:-p|--password)\s/.test(
            text,
          ),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-command-secret',
      'high',
      'CIS Docker 4.10',
      [
        'has a credential in a command, which the history keeps',
        'tiene una credencial en una orden, que queda en el historial',
      ],
      ['use RUN --mount=type=secret', 'usar RUN --mount=type=secret'],
    ),
    find: (file) =>
      all(file, 'RUN')
        .filter(
          ({ text }) =>
            /https?:\/\/[^\s/:@$]+:[^\s/@$]+@/.test(text) ||
            [...text.matchAll(/(?:^|\s)(?:export\s+)?([A-Za-z_]\w*)=("[^"$]+"|'[^']+'|[^\s$"';&|]+)/g)].some(
              ([, name = '', value = '']) => namesSecret(name) && value.length > 2,
            ) ||
            [
              ...text.matchAll(/--([\w-]*(?:password|token|secret)[\w-]*)[= ]("[^"$]+"|'[^']+'|[^\s$"'-][^\s"']*)/gi),
            ].some(([, name = '']) => namesSecret(name)),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-shell-pipefail',
      'low',
      'hadolint DL4006',
      ['goes on when the first part of a pipe fails', 'sigue aunque falle la primera parte de una tubería'],
      ['set SHELL ["/bin/bash", "-o", "pipefail", "-c"]', 'fijar SHELL ["/bin/bash", "-o", "pipefail", "-c"]'],
    ),
    find: (file) =>
      all(file, 'SHELL').some(({ text }) => text.includes('pipefail'))
        ? []
        : all(file, 'RUN')
            .filter(
              ({ text, isJson }) =>
                !isJson && /[^|]\|[^|]/.test(text.replace(/"[^"]*"|'[^']*'/g, '')) && !text.includes('pipefail'),
            )
            .map(lineOf),
  },
  {
    ...check(
      'file-curl-and-wget',
      'low',
      'hadolint DL4001',
      ['uses both curl and wget', 'usa tanto curl como wget'],
      ['use one of them', 'usar uno de los dos'],
    ),
    find: (file) => {
      const curl = runs(file, (words) => uses(words, ['curl']));
      return curl.length > 0 && runs(file, (words) => uses(words, ['wget'])).length > 0 ? curl.slice(0, 1) : [];
    },
  },
  {
    ...check(
      'file-useless-command',
      'low',
      'hadolint DL3001',
      ['runs a command that means nothing in a build', 'ejecuta una orden que no tiene sentido al construir'],
      ['remove it', 'quitarla'],
    ),
    find: (file) =>
      runs(file, (words) =>
        ['ssh', 'vim', 'shutdown', 'service', 'ps', 'free', 'top', 'kill', 'mount', 'systemctl'].includes(
          program(words),
        ),
      ),
  },
  {
    ...check(
      'file-git-clone',
      'low',
      '',
      [
        'clones a branch: two builds of one file differ',
        'clona una rama: dos construcciones del mismo archivo difieren',
      ],
      ['check a commit out, or ADD it with --checksum', 'usar un commit concreto, o ADD con --checksum'],
    ),
    find: (file) =>
      all(file, 'RUN')
        .filter(
          ({ text }) => /\bgit\s+clone\b/.test(text) && !/\bgit\s+(?:-C\s+\S+\s+)?(?:checkout|reset)\b/.test(text),
        )
        .map(lineOf),
  },
  {
    ...check(
      'file-label-missing',
      'low',
      '',
      ['does not say where it comes from', 'no dice de dónde viene'],
      ['add LABEL org.opencontainers.image.source', 'añadir LABEL org.opencontainers.image.source'],
    ),
    find: (file) => {
      const stage = last(file);
      return stage === undefined || all(file, 'LABEL').some(({ text }) => text.includes('org.opencontainers.image'))
        ? []
        : [lineOf(stage.from)];
    },
  },
];

/**
 * What is wrong with a Containerfile. A line `# darsena:ignore=ID[,ID]` above an instruction takes those checks away there.
 * @throws RangeError when it is too large to be one
 */
export function checkContainerfile(text: string, path: string | null): Misconfiguration[] {
  const file = readContainerfile(text);
  const ignored = ignoredAt(text, file);
  return CONTAINERFILE_CHECKS.flatMap((one) =>
    one
      .find(file)
      .filter(({ line }) => !(ignored.get(line)?.has(one.id) ?? false))
      .map(({ line, detail }) =>
        misconfigured(one, { path, line, subject: null, ...(detail === undefined ? {} : { detail }) }),
      ),
  ).sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

function ignoredAt(text: string, file: Containerfile): Map<number, Set<string>> {
  const lines = text.split(/\r?\n/);
  return new Map(
    file.instructions.map(({ line }) => {
      const [, ids = ''] = /#\s*darsena:ignore=([\w,-]+)/.exec(lines[line - 2] ?? '') ?? [];
      return [line, new Set(ids.split(','))];
    }),
  );
}
