import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Text } from '../../system/index.ts';
import type { MachineFacts } from '../facts.ts';
import type { Root } from '../root.ts';
import { type CheckResult, type Fix, finish, text } from './check.ts';
import {
  CONTAINER_RULES,
  ENGINE_RULES,
  FILE_RULES,
  type FileRule,
  IMAGE_RULES,
  TLS_RULES,
  type TlsRule,
  type Unseen,
} from './container-checks.ts';
import type { EngineFacts } from './engine.ts';
import { checkHost } from './host-checks.ts';
import { checkKernelConfig, checkKernelSwitches } from './kernel-hardening.ts';

/**
 * All checks of one machine, in the order of their numbers.
 * @param audit the rules that the kernel's audit has now; null: they cannot be seen, and what is written for its start counts
 */
export function runBench(
  root: Root,
  facts: MachineFacts,
  engine: EngineFacts,
  audit: string | null = null,
): CheckResult[] {
  const container = [
    ...checkHost(root, facts, engine),
    ...FILE_RULES.map((rule) => checkFiles(rule, root, audit)),
    ...TLS_RULES.map((rule) => checkTls(rule, root, engine)),
    ...ENGINE_RULES.map(({ id, title, remedy, judge }) => {
      const { state, why } =
        engine.kind === 'none' ? { state: 'na' as const, why: engine.silent ?? text('', '') } : judge(engine);
      return finish({ id, title, remedy, state: STATES[state], evidence: [why] });
    }),
    ...CONTAINER_RULES.map((rule) => checkAll(rule, engine, engine.containers)),
    ...IMAGE_RULES.map((rule) => checkAll(rule, engine, engine.images)),
  ].sort((a, b) => compareIds(a.id, b.id));
  return [...container, ...checkKernelConfig(facts), ...checkKernelSwitches(facts)];
}

const STATES = { pass: 'pass', fail: 'fail', na: 'not-applicable', unknown: 'not-determinable' } as const;

interface Judged<T> {
  readonly id: string;
  readonly title: Text;
  readonly remedy: Text;
  readonly wrong: (one: T) => Text | Unseen | null | undefined;
}

function checkAll<T extends { readonly name: string }>(
  rule: Judged<T>,
  engine: EngineFacts,
  all: readonly T[] | null,
): CheckResult {
  const { id, title, remedy } = rule;
  if (engine.kind === 'none')
    return finish({ id, title, remedy, state: 'not-applicable', evidence: [engine.silent ?? text('', '')] });
  if (all === null)
    return finish({
      id,
      title,
      remedy,
      state: 'not-determinable',
      evidence: [text('the engine does not say', 'el motor no lo dice')],
    });
  if (all.length === 0)
    return finish({ id, title, remedy, state: 'not-applicable', evidence: [text('there is none', 'no hay ninguno')] });
  const judged = all.map((one) => ({ name: one.name, why: rule.wrong(one) }));
  const bad: { name: string; why: Text }[] = [];
  const unseen: { name: string; why: Text }[] = [];
  for (const { name, why } of judged) {
    if (why === null || why === undefined) continue;
    if ('unseen' in why) unseen.push({ name, why: why.unseen });
    else bad.push({ name, why });
  }
  const say = (list: typeof bad): Text[] =>
    list.slice(0, NAMED_MAX).map(({ name, why }) => text(`${name}: ${why.en}`, `${name}: ${why.es}`));
  if (bad.length > 0) {
    const evidence = [...say(bad), ...say(unseen)];
    return finish({ id, title, remedy, state: 'fail', evidence, subjects: bad.map(({ name }) => name) });
  }
  // What was not seen is no pass, however many others are well.
  if (unseen.length > 0) return finish({ id, title, remedy, state: 'not-determinable', evidence: say(unseen) });
  const looked = judged.filter(({ why }) => why === null).length;
  return finish({
    id,
    title,
    remedy,
    state: looked === 0 ? 'not-applicable' : 'pass',
    evidence: [
      looked === 0
        ? text('this system has no such thing', 'este sistema no lo tiene')
        : text(`${looked} looked at`, `${looked} comprobados`),
    ],
  });
}

/** Containers or images that the evidence names. */
const NAMED_MAX = 20;

/** A path that is there, with who owns it. */
interface Seen {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

function checkTls({ id, key, ask, mode, title }: TlsRule, root: Root, { kind, settings }: EngineFacts): CheckResult {
  const path = settings?.[key];
  const remedy = text(
    'owner root:root, mode 0444; of the key 0400',
    'propietario root:root, modo 0444; de la clave 0400',
  );
  if (kind === 'docker' && typeof path === 'string' && path.startsWith('/'))
    return { ...checkFiles({ id, ask, ...(mode === undefined ? {} : { mode }), paths: [path.slice(1)] }, root), title };
  const isSpoken = kind === 'docker' && (settings?.['tlsverify'] === true || settings?.['tls'] === true);
  const why = isSpoken
    ? text(`it speaks TLS, and no ${key} is named`, `habla TLS y no se nombra ningún ${key}`)
    : text('the engine does not listen with TLS', 'el motor no escucha con TLS');
  return finish({ id, title, remedy, state: isSpoken ? 'not-determinable' : 'not-applicable', evidence: [why] });
}

function checkFiles(rule: FileRule, root: Root, audit: string | null = null): CheckResult {
  const { id, paths, ask } = rule;
  const names = paths.map((path) => `/${path}`).join(', ');
  const seen = paths.flatMap((path) => look(rule, path, root));
  if (ask === 'audit') return checkAudit(rule, seen, root, audit);
  const title =
    ask === 'owner'
      ? text(`${names} belong to root`, `${names} pertenecen a root`)
      : text(
          `${names} have no bit beyond ${octal(rule.mode ?? 0)}`,
          `${names} no tienen bits más allá de ${octal(rule.mode ?? 0)}`,
        );
  const groups = new Set([0, ...(rule.group === undefined ? [] : groupIds(rule.group, root))]);
  const bad = seen.filter(({ uid, gid, mode }) =>
    ask === 'owner' ? uid !== 0 || !groups.has(gid) : (mode & 0o777 & ~(rule.mode ?? 0)) !== 0,
  );
  const [first] = bad;
  const state = seen.length === 0 ? 'not-applicable' : bad.length > 0 ? 'fail' : 'pass';
  const show = ({ path, uid, gid, mode }: Seen): Text => {
    const line = `${path}: ${uid}:${gid} ${octal(mode & 0o777)}`;
    return text(line, line);
  };
  const fixes = bad.map(
    ({ path, gid, mode }): Fix =>
      ask === 'owner'
        ? { kind: 'owner', path, uid: 0, gid: groups.has(gid) ? gid : 0 }
        : { kind: 'mode', path, mode: mode & 0o777 & (rule.mode ?? 0) },
  );
  return finish({
    id,
    title,
    remedy:
      ask === 'owner'
        ? text(`chown root:root ${first?.path ?? ''}`, `chown root:root ${first?.path ?? ''}`)
        : text(
            `chmod ${octal(rule.mode ?? 0)} ${first?.path ?? ''}`,
            `chmod ${octal(rule.mode ?? 0)} ${first?.path ?? ''}`,
          ),
    state,
    evidence: seen.length === 0 ? [text('none of them is here', 'ninguno está aquí')] : seen.map(show),
    subjects: bad.map(({ path }) => path),
    fixes,
  });
}

function look({ inside }: FileRule, path: string, root: Root): Seen[] {
  const places =
    inside === true
      ? root.list(path).flatMap((folder) =>
          root
            .list(`${path}/${folder}`)
            .filter((name) => /\.(?:crt|cert)$/.test(name))
            .map((name) => `${path}/${folder}/${name}`),
        )
      : [path];
  return places.flatMap((place) => {
    try {
      const { uid, gid, mode } = statSync(join(root.path, place));
      return [{ path: `/${place}`, uid, gid, mode }];
    } catch {
      return []; // not here
    }
  });
}

function groupIds(name: string, root: Root): number[] {
  const id = new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(root.text('etc/group') ?? '')?.[1];
  return id === undefined ? [] : [Number(id)];
}

/** Watched means: the kernel's audit has a rule for the path; where that cannot be seen, that it will have one after a start. */
function checkAudit({ id, paths }: FileRule, seen: readonly Seen[], root: Root, loaded: string | null): CheckResult {
  const names = (seen.length === 0 ? paths.map((path) => `/${path}`) : seen.map(({ path }) => path)).join(', ');
  const title = text(`Changes of ${names} are audited`, `Los cambios de ${names} se auditan`);
  const written = [
    root.text('etc/audit/audit.rules') ?? '',
    ...root.list('etc/audit/rules.d').map((name) => root.text(`etc/audit/rules.d/${name}`) ?? ''),
  ].join('\n');
  const open = seen.filter(({ path }) => !isWatched(path, loaded ?? written));
  const sayOpen = (path: string): Text =>
    loaded !== null && isWatched(path, written)
      ? text(
          `the rule for ${path} is written, and the kernel does not have it`,
          `la regla para ${path} está escrita y el núcleo no la tiene`,
        )
      : text(`no rule for ${path}`, `ninguna regla para ${path}`);
  return finish({
    id,
    title,
    remedy: text(
      `a rule in /etc/audit/rules.d: -w ${open[0]?.path ?? ''} -k containers; then augenrules --load`,
      `una regla en /etc/audit/rules.d: -w ${open[0]?.path ?? ''} -k containers; luego augenrules --load`,
    ),
    state: seen.length === 0 ? 'not-applicable' : open.length === 0 ? 'pass' : 'fail',
    evidence:
      seen.length === 0
        ? [text('none of them is here', 'ninguno está aquí')]
        : seen.map(({ path }) =>
            open.some((one) => one.path === path)
              ? sayOpen(path)
              : text(`a rule for ${path}`, `una regla para ${path}`),
          ),
    subjects: open.map(({ path }) => path),
  });
}

/** auditctl(8): -w PATH, or a rule with -F path=FILE or -F dir=FOLDER. */
function isWatched(path: string, rules: string): boolean {
  const place = path.replace(/[.\\+*?^$()[\]{}|]/g, '\\$&');
  return new RegExp(`^\\s*-(?:w\\s+|[aA]\\s.*-F\\s+(?:path|dir)=)${place}/?(?:\\s|$)`, 'm').test(rules);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function compareIds(a: string, b: string): number {
  const parts = (id: string): (string | number)[] =>
    id.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const [left, right] = [parts(a), parts(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [x = -1, y = -1] = [left[index], right[index]];
    if (x === y) continue;
    if (typeof x === 'number' && typeof y === 'number') return x - y;
    return typeof x === 'number' ? -1 : typeof y === 'number' ? 1 : x < y ? -1 : 1;
  }
  return 0;
}
