import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Text } from '../../system/index.ts';
import type { MachineFacts } from '../facts.ts';
import type { Root } from '../root.ts';
import { type CheckResult, type Fix, finish, text } from './check.ts';
import { CONTAINER_RULES, ENGINE_RULES, FILE_RULES, type FileRule, IMAGE_RULES } from './container-checks.ts';
import type { EngineFacts } from './engine.ts';
import { checkHost } from './host-checks.ts';
import { checkKernelConfig, checkKernelSwitches } from './kernel-hardening.ts';

/** All checks of one machine, in the order of their numbers. */
export function runBench(root: Root, facts: MachineFacts, engine: EngineFacts): CheckResult[] {
  const container = [
    ...checkHost(root, facts, engine),
    ...FILE_RULES.map((rule) => checkFiles(rule, root)),
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
  readonly wrong: (one: T) => Text | null | undefined;
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
  const bad = judged.flatMap(({ name, why }) => (why === null || why === undefined ? [] : [{ name, why }]));
  const blind = judged.filter(({ why }) => why === undefined).length;
  if (bad.length > 0) {
    const evidence = bad.slice(0, 20).map(({ name, why }) => text(`${name}: ${why.en}`, `${name}: ${why.es}`));
    return finish({ id, title, remedy, state: 'fail', evidence, subjects: bad.map(({ name }) => name) });
  }
  if (blind === all.length)
    return finish({
      id,
      title,
      remedy,
      state: 'not-applicable',
      evidence: [
        text('this system has no such thing, or it cannot be seen', 'este sistema no lo tiene, o no se puede ver'),
      ],
    });
  return finish({
    id,
    title,
    remedy,
    state: 'pass',
    evidence: [text(`${all.length - blind} looked at`, `${all.length - blind} comprobados`)],
  });
}

/** A path that is there, with who owns it. */
interface Seen {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

function checkFiles(rule: FileRule, root: Root): CheckResult {
  const { id, paths, ask } = rule;
  const names = paths.map((path) => `/${path}`).join(', ');
  const seen = paths.flatMap((path) => look(rule, path, root));
  if (ask === 'audit') return checkAudit(rule, seen, root);
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
      ? root.list(path).flatMap((folder) => root.list(`${path}/${folder}`).map((name) => `${path}/${folder}/${name}`))
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

/** Watched means: the kernel's audit has a rule for the path, or will have one after a start. */
function checkAudit({ id, paths }: FileRule, seen: readonly Seen[], root: Root): CheckResult {
  const names = (seen.length === 0 ? paths.map((path) => `/${path}`) : seen.map(({ path }) => path)).join(', ');
  const title = text(`Changes of ${names} are audited`, `Los cambios de ${names} se auditan`);
  const rules = [
    root.text('etc/audit/audit.rules') ?? '',
    ...root.list('etc/audit/rules.d').map((name) => root.text(`etc/audit/rules.d/${name}`) ?? ''),
  ].join('\n');
  // auditctl(8): -w PATH, or a rule with -F path=FILE or -F dir=FOLDER.
  const open = seen.filter(({ path }) => {
    const place = path.replace(/[.\\+*?^$()[\]{}|]/g, '\\$&');
    return !new RegExp(`^\\s*-(?:w\\s+|[aA]\\s.*-F\\s+(?:path|dir)=)${place}/?(?:\\s|$)`, 'm').test(rules);
  });
  return finish({
    id,
    title,
    remedy: text(
      `a rule in /etc/audit/rules.d: -w ${open[0]?.path ?? ''} -k containers`,
      `una regla en /etc/audit/rules.d: -w ${open[0]?.path ?? ''} -k containers`,
    ),
    state: seen.length === 0 ? 'not-applicable' : open.length === 0 ? 'pass' : 'fail',
    evidence:
      seen.length === 0
        ? [text('none of them is here', 'ninguno está aquí')]
        : seen.map(({ path }) =>
            open.some((one) => one.path === path)
              ? text(`no rule for ${path}`, `ninguna regla para ${path}`)
              : text(`a rule for ${path}`, `una regla para ${path}`),
          ),
    subjects: open.map(({ path }) => path),
  });
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
