import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MachineFacts } from '../facts.ts';
import type { Root } from '../root.ts';
import { judgeRuntimes } from '../runtimes.ts';
import { type CheckResult, finish, text } from './check.ts';
import type { EngineFacts } from './engine.ts';

/** Section 1 of the container benchmark but its watched files, and what a host needs whatever runs on it. */
export function checkHost(root: Root, facts: MachineFacts, engine: EngineFacts): CheckResult[] {
  const data = ['var/lib/docker', 'var/lib/containers'].filter((path) => root.has(path));
  const shared = data.filter((path) => sameDevice(root.at(path), dirname(root.at(path))));
  const group = /^docker:[^:]*:\d+:(.*)$/m.exec(root.text('etc/group') ?? '');
  const members = (group?.[1] ?? '').split(',').filter((name) => name !== '');
  const shadow = root.text('etc/shadow');
  const open = (shadow ?? '')
    .split('\n')
    .flatMap((line) => (/^([^:]+)::/.exec(line)?.[1] ? [line.split(':')[0] ?? ''] : []));
  const roots = (root.text('etc/passwd') ?? '').split('\n').flatMap((line) => {
    const [name = '', , uid] = line.split(':');
    return uid === '0' && name !== 'root' ? [name] : [];
  });
  const sshd = root.text('etc/ssh/sshd_config');
  const rootLogin =
    sshd === null ? null : (/^\s*PermitRootLogin\s+(\S+)/im.exec(sshd)?.[1]?.toLowerCase() ?? 'prohibit-password');
  const vulnerable = Object.entries(facts.cpu.vulnerabilities).filter(([, value]) => value.startsWith('Vulnerable'));
  const hasTime = [
    'usr/sbin/chronyd',
    'usr/lib/systemd/systemd-timesyncd',
    'lib/systemd/systemd-timesyncd',
    'usr/sbin/ntpd',
  ].some((path) => root.has(path));
  return [
    ...checkRuntimes(facts),
    finish({
      id: '1.1.1',
      title: text('Containers have a partition of their own', 'Los contenedores tienen una partición propia'),
      remedy: text(`mount a volume on /${data[0] ?? ''}`, `montar un volumen en /${data[0] ?? ''}`),
      state: data.length === 0 ? 'not-applicable' : shared.length === 0 ? 'pass' : 'fail',
      evidence: data.map((path) =>
        shared.includes(path)
          ? text(
              `/${path} lies on the same file system as its parent`,
              `/${path} está en el mismo sistema de archivos que su carpeta padre`,
            )
          : text(`/${path} is a mount of its own`, `/${path} es un montaje propio`),
      ),
      subjects: shared.map((path) => `/${path}`),
    }),
    finish({
      id: '1.1.2',
      title: text('Only trusted people command the engine', 'Solo personas de confianza mandan al motor'),
      remedy: text('gpasswd -d NAME docker', 'gpasswd -d NOMBRE docker'),
      state: group === null ? 'not-applicable' : members.length === 0 ? 'pass' : 'fail',
      evidence: [text(`group docker: ${members.join(', ') || '-'}`, `grupo docker: ${members.join(', ') || '-'}`)],
      subjects: members,
    }),
    finish({
      id: '1.2.1',
      title: text('The host is hardened', 'El host está endurecido'),
      remedy: null,
      state: 'not-determinable',
      evidence: [text('see the checks of the kernel and of host.*', 'ver las comprobaciones del núcleo y de host.*')],
    }),
    finish({
      id: '1.2.2',
      title: text('The engine is up to date', 'El motor está actualizado'),
      remedy: null,
      state: engine.kind === 'none' ? 'not-applicable' : 'not-determinable',
      evidence: [
        text(
          `${engine.kind} ${engine.version}; darsena kernel status says what is open in it`,
          `${engine.kind} ${engine.version}; darsena kernel status dice qué tiene abierto`,
        ),
      ],
    }),
    finish({
      id: 'host.passwords',
      title: text('No account opens without a password', 'Ninguna cuenta se abre sin contraseña'),
      remedy: text('passwd -l NAME', 'passwd -l NOMBRE'),
      state: shadow === null ? 'not-determinable' : open.length === 0 ? 'pass' : 'fail',
      evidence: [text(open.join(', ') || 'none', open.join(', ') || 'ninguna')],
      subjects: open,
    }),
    finish({
      id: 'host.roots',
      title: text('Only root has the user id 0', 'Solo root tiene el identificador 0'),
      remedy: text('remove the account, or give it another id', 'eliminar la cuenta o darle otro identificador'),
      state: roots.length === 0 ? 'pass' : 'fail',
      evidence: [text(roots.join(', ') || 'none', roots.join(', ') || 'ninguna')],
      subjects: roots,
    }),
    finish({
      id: 'host.ssh-root',
      title: text('root does not come in by SSH with a password', 'root no entra por SSH con contraseña'),
      remedy: text('PermitRootLogin no', 'PermitRootLogin no'),
      state: rootLogin === null ? 'not-applicable' : rootLogin === 'yes' ? 'fail' : 'pass',
      evidence: [text(`PermitRootLogin ${rootLogin ?? '-'}`, `PermitRootLogin ${rootLogin ?? '-'}`)],
    }),
    finish({
      id: 'host.processor',
      title: text(
        'Known faults of the processor are countered',
        'Los fallos conocidos del procesador se contrarrestan',
      ),
      remedy: text(
        'newer microcode and kernel; no mitigations=off',
        'microcódigo y núcleo más nuevos; sin mitigations=off',
      ),
      state:
        Object.keys(facts.cpu.vulnerabilities).length === 0
          ? 'not-determinable'
          : vulnerable.length === 0
            ? 'pass'
            : 'fail',
      evidence: vulnerable.map(([name, value]) => text(`${name}: ${value}`, `${name}: ${value}`)),
      subjects: vulnerable.map(([name]) => name),
    }),
    finish({
      id: 'host.restart',
      title: text(
        'No restart waits for a fix to take effect',
        'Ningún reinicio espera para que una corrección tenga efecto',
      ),
      remedy: text('restart in order: darsena kernel status', 'reiniciar en orden: darsena kernel status'),
      state: facts.reboot.isRequired ? 'fail' : 'pass',
      evidence: [text(facts.reboot.because.join(', ') || '-', facts.reboot.because.join(', ') || '-')],
    }),
    finish({
      id: 'host.time',
      title: text('The clock is kept right', 'El reloj se mantiene en hora'),
      remedy: text('install chrony', 'instalar chrony'),
      state: hasTime ? 'pass' : 'fail',
      evidence: [
        hasTime
          ? text('a time service is installed', 'hay un servicio de hora instalado')
          : text('no time service is installed', 'no hay ningún servicio de hora instalado'),
      ],
    }),
    finish({
      id: 'host.mac',
      title: text('A security module confines programs', 'Un módulo de seguridad confina los programas'),
      remedy: text(
        'boot with apparmor=1 security=apparmor, or SELinux',
        'arrancar con apparmor=1 security=apparmor, o SELinux',
      ),
      state: facts.lsm.some((name) => /^(?:apparmor|selinux|smack|tomoyo)$/.test(name)) ? 'pass' : 'fail',
      evidence: [text(facts.lsm.join(', ') || 'none', facts.lsm.join(', ') || 'ninguno')],
    }),
  ];
}

/** Programs that start containers, each with the escapes that its package leaves open. */
function checkRuntimes(facts: MachineFacts): CheckResult[] {
  return judgeRuntimes(facts, null).map(({ program, version, package: own, issues }) => {
    const open = issues.filter(({ state }) => state === 'exposed');
    const blind = issues.filter(({ state }) => state === 'unknown');
    const name = own ?? `${program} ${version}`;
    return finish({
      id: `host.runtime.${program}`,
      title: text(`${program} has no known hole open`, `${program} no tiene ningún fallo conocido abierto`),
      remedy: text(
        `update ${program}; until the distribution mends it, accept it with a reason and a day: darsena bench --except`,
        `actualizar ${program}; hasta que la distribución lo corrija, aceptarlo con un motivo y un día: darsena bench --except`,
      ),
      state: open.length > 0 ? 'fail' : blind.length > 0 ? 'not-determinable' : 'pass',
      evidence: [
        text(name, name),
        ...[...open, ...blind].map(({ cve, evidence }) => text(`${cve}: ${evidence.en}`, `${cve}: ${evidence.es}`)),
      ],
      subjects: open.map(({ cve }) => cve),
    });
  });
}

function sameDevice(a: string, b: string): boolean {
  try {
    return statSync(a).dev === statSync(b).dev;
  } catch {
    return false; // gone meanwhile
  }
}
